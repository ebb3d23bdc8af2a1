//! Laying a memory image over a guest's memory: the kernel copies pages when they are written.

#![expect(unsafe_code, reason = "the only place that maps files over a guest's memory")]

use std::fs::File;
use std::sync::Arc;

use rustix::mm::{MapFlags, ProtFlags, mmap};
use wasmtime::{AsContext, Memory};

use crate::Error;

/// A part of a memory image, as it lies in a file. All numbers are multiples of 4,096.
#[derive(Clone, Debug)]
pub struct Run {
    /// The first address.
    pub address: u32,
    /// How many bytes.
    pub length: u32,
    /// Where they are.
    pub file: Arc<File>,
    /// From which offset.
    pub offset: u64,
}

/// Maps `runs` over the memory, privately: nothing is read or copied until the guest touches it.
///
/// # Errors
///
/// A run that is outside of the memory; what the kernel refuses.
pub(crate) fn lay(store: impl AsContext, memory: Memory, runs: &[Run]) -> Result<(), Error> {
    let (base, size) = (memory.data_ptr(&store), memory.data_size(&store));
    for run in runs {
        let (address, length) = (run.address as usize, run.length as usize);
        if !address.is_multiple_of(PAGE_BYTES) || address.saturating_add(length) > size {
            return Err(Error::OutOfBounds { address: run.address, length: run.length, size });
        }
        // SAFETY: `address` is inside of the memory, as checked above.
        let target = unsafe { base.add(address) };
        let (protection, flags) =
            (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE | MapFlags::FIXED);
        // SAFETY: the pages are this memory's own, accessible part, which wasmtime reserved, never moves, and unmaps
        // as a whole; nobody holds a reference into it, since the store is not running and `store` is borrowed.
        unsafe { mmap(target.cast(), length, protection, flags, &run.file, run.offset) }
            .map_err(|error| Error::Map { source: error.into() })?;
    }
    Ok(())
}

const PAGE_BYTES: usize = 4096;
