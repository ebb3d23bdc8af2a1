//! Laying a memory image over a guest's memory: the kernel copies pages when they are written.

#![expect(unsafe_code, reason = "the only place that maps files over a guest's memory")]

use std::fs::File;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::{Arc, OnceLock};

use rustix::io;
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap};
use wasmtime::{AsContext, AsContextMut, Memory};

use crate::Error;

/// Bytes of a page: what the kernel maps, and what a snapshot's file is aligned to.
const PAGE_BYTES: usize = 4096;

/// `PAGEMAP_SCAN` of Linux (`include/uapi/linux/fs.h`, since 6.7): the pages of some kind, as ranges.
const PAGEMAP_SCAN: libc::Ioctl = 0xc060_6610_u32 as libc::Ioctl;

/// Kinds of pages: a file's; there; put aside; the one that holds zeros for all.
const OF_A_FILE: u64 = 1 << 2;
const PRESENT: u64 = 1 << 3;
const SWAPPED: u64 = 1 << 4;
const ZERO: u64 = 1 << 5;

/// `struct pm_scan_arg`.
#[derive(Default)]
#[repr(C)]
struct Scan {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    vec: u64,
    vec_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

/// `struct page_region`.
#[derive(Clone, Copy, Default)]
#[repr(C)]
struct Region {
    start: u64,
    end: u64,
    categories: u64,
}

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

/// Checks that runs are whole pages of a memory with `size` bytes, and that their files have them: touching a page
/// that is missing in its file would end the process.
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
    let size = memory.data_size(&*store);
    for run in runs {
        check_range(run, size)?;
    }
    let base = NonNull::new(memory.data_ptr(&*store)).unwrap_or(NonNull::dangling());
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: these bytes are this memory's own, accessible part, which never moves and is unmapped as a whole; no
    // reference points into it, since `store` is borrowed mutably.
    let laid = unsafe { lay_over(base, size, runs, protection) };
    laid.map_err(|error| Error::Map { source: error.into() })
}

/// Maps `runs` over `size` bytes from `base` on.
///
/// # Safety
///
/// These bytes are mapped for the caller, and no reference points to them.
pub(crate) unsafe fn lay_over(
    base: NonNull<u8>,
    size: usize,
    runs: &[Run],
    protection: ProtFlags,
) -> io::Result<()> {
    let flags = MapFlags::PRIVATE | MapFlags::FIXED;
    for run in runs {
        let (address, length) = (run.address as usize, run.length as usize);
        if address.saturating_add(length) > size {
            return Err(io::Errno::INVAL);
        }
        // SAFETY: `address` is inside, as checked above.
        let target = unsafe { base.add(address) };
        // SAFETY: these whole pages are the caller's, by this function's contract.
        unsafe { mmap(target.as_ptr().cast(), length, protection, flags, &run.file, run.offset) }?;
    }
    Ok(())
}

/// The pages among `size` bytes from `base` on that were written since a file, or nothing, was mapped there: offsets,
/// in order. Those that the kernel has put aside are among them.
///
/// # Errors
///
/// A kernel that does not say: Linux says it since 6.7.
pub(crate) fn written(base: NonNull<u8>, size: usize) -> io::Result<Vec<Range<u32>>> {
    static PAGES: OnceLock<Option<File>> = OnceLock::new();
    let pages = PAGES.get_or_init(|| File::open("/proc/self/pagemap").ok());
    let pages = pages.as_ref().ok_or(io::Errno::NOTSUP)?;
    let base = base.as_ptr() as u64;
    let mut ranges: Vec<Range<u32>> = Vec::new();
    let mut scan = Scan {
        size: size_of::<Scan>() as u64,
        start: base,
        end: base + size as u64,
        category_inverted: OF_A_FILE | ZERO,
        category_mask: OF_A_FILE | ZERO,
        category_anyof_mask: PRESENT | SWAPPED,
        return_mask: PRESENT,
        ..Scan::default()
    };
    loop {
        let mut found = [Region::default(); 256];
        scan.vec = found.as_mut_ptr() as u64;
        scan.vec_len = found.len() as u64;
        // SAFETY: the kernel writes to `scan`, and as many regions as `vec_len` says.
        let count = unsafe { libc::ioctl(pages.as_raw_fd(), PAGEMAP_SCAN, &raw mut scan) };
        let Ok(count) = usize::try_from(count) else {
            return Err(
                io::Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(io::Errno::IO)
            );
        };
        for region in &found[..count] {
            let offset = |address: u64| u32::try_from(address - base).map_err(|_| io::Errno::RANGE);
            let range = offset(region.start)?..offset(region.end)?;
            match ranges.last_mut() {
                Some(last) if last.end == range.start => last.end = range.end,
                _ => ranges.push(range),
            }
        }
        if scan.walk_end >= scan.end {
            return Ok(ranges);
        }
        scan.start = scan.walk_end;
    }
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
