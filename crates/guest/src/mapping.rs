//! Laying a memory image over a guest's memory: the kernel copies pages when they are written.

#![expect(unsafe_code, reason = "the only place that maps files over a guest's memory")]

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap};
use wasmtime::{AsContext, AsContextMut, Memory};

use crate::Error;

/// Bytes of a page: what the kernel maps, and what a snapshot's file is aligned to.
const PAGE_BYTES: usize = 4096;

/// Of an entry of `/proc/self/pagemap` (Linux, `Documentation/admin-guide/mm/pagemap.rst`): the page is there, it is a
/// file's, nobody else has it.
const PRESENT: u64 = 1 << 63;
const OF_A_FILE: u64 = 1 << 61;
const EXCLUSIVE: u64 = 1 << 56;
const ENTRY_BYTES: usize = 8;

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

/// Checks that runs are whole pages of a memory with `size` bytes, and that their files have them: a page that its
/// file has not would end the process when it is touched.
///
/// # Errors
///
/// [`Error::OutOfBounds`], [`Error::Snapshot`]; [`Error::Map`] when a file cannot be asked.
pub(crate) fn check(runs: &[Run], size: usize) -> Result<(), Error> {
    for run in runs {
        check_range(run, size)?;
        let metadata = run.file.metadata().map_err(|source| Error::Map { source })?;
        if run.offset.saturating_add(run.length.into()) > metadata.len() {
            return Err(Error::Snapshot { what: "a part of the memory's file".into() });
        }
    }
    Ok(())
}

fn check_range(run: &Run, size: usize) -> Result<(), Error> {
    let (address, length) = (run.address as usize, run.length as usize);
    if address.saturating_add(length) > size {
        return Err(Error::OutOfBounds { address: run.address, length: run.length, size });
    }
    if !address.is_multiple_of(PAGE_BYTES)
        || !length.is_multiple_of(PAGE_BYTES)
        || !run.offset.is_multiple_of(PAGE_BYTES as u64)
    {
        return Err(Error::Snapshot { what: "the size of the memory's pages".into() });
    }
    Ok(())
}

/// Maps `runs`, which were checked, over the memory, privately: nothing is read or copied until the guest touches it.
///
/// # Errors
///
/// A run that is outside of the memory; what the kernel refuses.
pub(crate) fn lay(
    store: &mut impl AsContextMut,
    memory: Memory,
    runs: &[Run],
) -> Result<(), Error> {
    let (base, size) = (memory.data_ptr(&*store), memory.data_size(&*store));
    for run in runs {
        check_range(run, size)?;
        let (address, length) = (run.address as usize, run.length as usize);
        // SAFETY: `address` is inside of the memory, as checked above.
        let target = unsafe { base.add(address) };
        let (protection, flags) =
            (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE | MapFlags::FIXED);
        // SAFETY: these whole pages are this memory's own, accessible part, which wasmtime reserved, never moves, and
        // unmaps as a whole; nobody holds a reference into it, since `store` is borrowed mutably.
        unsafe { mmap(target.cast(), length, protection, flags, &run.file, run.offset) }
            .map_err(|error| Error::Map { source: error.into() })?;
    }
    Ok(())
}

/// The pages of the memory that were written since the image was laid: addresses, in order.
///
/// # Errors
///
/// When the kernel does not say.
pub(crate) fn written(
    store: &impl AsContext,
    memory: Memory,
) -> Result<Vec<Range<u32>>, std::io::Error> {
    let (base, size) = (memory.data_ptr(store) as usize, memory.data_size(store));
    let mut entries = vec![0; size / PAGE_BYTES * ENTRY_BYTES];
    let offset = (base / PAGE_BYTES * ENTRY_BYTES) as u64;
    File::open("/proc/self/pagemap")?.read_exact_at(&mut entries, offset)?;
    let mut ranges: Vec<Range<u32>> = Vec::new();
    for (start, entry) in (0..).step_by(PAGE_BYTES).zip(entries.as_chunks::<ENTRY_BYTES>().0) {
        if u64::from_ne_bytes(*entry) & (PRESENT | OF_A_FILE | EXCLUSIVE) != PRESENT | EXCLUSIVE {
            continue;
        }
        let end = start + 4096;
        match ranges.last_mut() {
            Some(last) if last.end == start => last.end = end,
            _ => ranges.push(start..end),
        }
    }
    Ok(ranges)
}

/// Makes pages of the memory this isolate's own before they are written: in one go that costs a fraction of what as
/// many faults do. A kernel that cannot (before 5.14) leaves it to the faults.
pub(crate) fn populate(store: &impl AsContext, memory: Memory, ranges: &[Range<u32>]) {
    let (base, size) = (memory.data_ptr(store), memory.data_size(store));
    for range in ranges {
        let (start, length) = (range.start as usize, range.len());
        if start.saturating_add(length) > size {
            return;
        }
        // SAFETY: `start` is inside of the memory, as checked above.
        let target = unsafe { base.add(start) };
        // SAFETY: these pages are this memory's own, and what they hold does not change.
        let populated = unsafe { madvise(target.cast(), length, Advice::LinuxPopulateWrite) };
        if populated.is_err() {
            return;
        }
    }
}
