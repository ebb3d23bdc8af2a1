//! The memories of guests: address space that is reserved, and may be used again.
//!
//! wasmtime asks [`Memories`] for a memory when it makes an instance. An isolate that is resumed maps its image over
//! it, copies the pages that it writes, and unmaps everything at its end: half of what a short life costs
//! (docs/internals/benchmarks.md). So an image can keep memories of isolates that have ended ([`Spares`]). The kernel knows
//! which of their pages were written; these get back what the image has there.

#![expect(unsafe_code, reason = "the only place that reserves address space for guests")]

use std::cell::RefCell;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustix::io;
use rustix::mm::{
    Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap_anonymous, mprotect, munmap,
};
use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

use crate::error::MEMORY_REFUSED;
use crate::mapping::{self, Run};

/// Written pages that a memory keeps while it is not in use, in bytes; the kernel takes the others back.
const KEPT_BYTES_MAX: usize = 4 << 20;

/// Makes the memories of all isolates, and the heaps of wasmtime's collector.
pub(crate) struct Memories;

// SAFETY: the memories are reserved and guarded as asked for, and nothing else has them. Those that are new are filled
// with zeros. One that was used before is not: it is asked for by name (`lend`), by an isolate that would fill it with
// the very same image.
unsafe impl MemoryCreator for Memories {
    fn new_memory(
        &self,
        type_: MemoryType,
        minimum: usize,
        maximum: Option<usize>,
        reserved_bytes: Option<usize>,
        guard_bytes: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        let loan = LOAN.with_borrow_mut(|loan| loan.take_if(|loan| loan.type_ == type_));
        let (spare, lease) = loan.map_or((None, None), |loan| (loan.spare, Some(loan.lease)));
        let space = spare.map_or_else(
            || {
                let capacity = reserved_bytes.or(maximum).unwrap_or(minimum).max(minimum);
                Space::reserve(capacity, guard_bytes)
            },
            Ok,
        );
        let mut memory = Memory { space: Some(space.map_err(refused)?), bytes: 0, lease };
        memory.grow_to(minimum).map_err(refused)?;
        Ok(Box::new(memory))
    }
}

/// Address space of a memory, with its guards; unmapped when it is dropped.
struct Space {
    start: NonNull<u8>,
    length: usize,
    guard: usize,
    /// How much can be read and written, from the guard on.
    accessible: usize,
}

// SAFETY: it is an address, and this is its only copy.
unsafe impl Send for Space {}
// SAFETY: a shared reference gives nothing but numbers.
unsafe impl Sync for Space {}

impl Space {
    /// Reserves `capacity` bytes between two guards.
    fn reserve(capacity: usize, guard: usize) -> io::Result<Self> {
        let length = capacity.checked_add(2 * guard).ok_or(io::Errno::NOMEM)?;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: the kernel chooses where, so that nothing else is there.
        let start = unsafe { mmap_anonymous(ptr::null_mut(), length, ProtFlags::empty(), flags) }?;
        let start = NonNull::new(start.cast()).ok_or(io::Errno::NOMEM)?;
        Ok(Self { start, length, guard, accessible: 0 })
    }

    fn capacity(&self) -> usize {
        self.length - 2 * self.guard
    }

    /// The first byte of the memory; further, if `offset` says so, which the capacity must not be less than.
    fn at(&self, offset: usize) -> NonNull<u8> {
        assert!(offset <= self.capacity(), "beyond the memory");
        // SAFETY: guard and capacity are parts of the space.
        unsafe { self.start.add(self.guard + offset) }
    }

    /// Makes the first `bytes` accessible, if fewer are.
    fn extend(&mut self, bytes: usize) -> io::Result<()> {
        if bytes > self.capacity() {
            return Err(io::Errno::NOMEM);
        }
        if let Some(missing) = bytes.checked_sub(self.accessible).filter(|missing| *missing > 0) {
            let flags = MprotectFlags::READ | MprotectFlags::WRITE;
            // SAFETY: these bytes are the memory's, and no code uses them, since they were not accessible.
            unsafe { mprotect(self.at(self.accessible).as_ptr().cast(), missing, flags) }?;
            self.accessible = bytes;
        }
        Ok(())
    }

    /// Forgets all that is behind the first `bytes`, which is not accessible any more.
    fn truncate(&mut self, bytes: usize) -> io::Result<()> {
        if let Some(surplus) = self.accessible.checked_sub(bytes).filter(|surplus| *surplus > 0) {
            let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED;
            let start = self.at(bytes).as_ptr().cast();
            // SAFETY: these bytes are the memory's, and no code uses them, since no instance has the memory.
            unsafe { mmap_anonymous(start, surplus, ProtFlags::empty(), flags) }?;
            self.accessible = bytes;
        }
        Ok(())
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        // SAFETY: it is ours as a whole, and no code has an address in it: the lender outlives the loan.
        let outcome = unsafe { munmap(self.start.as_ptr().cast(), self.length) };
        debug_assert!(outcome.is_ok(), "{outcome:?}");
    }
}

/// A memory of wasmtime's.
struct Memory {
    /// There until it is dropped.
    space: Option<Space>,
    /// How large it is, for those who use it.
    bytes: usize,
    lease: Option<Arc<Lease>>,
}

impl Memory {
    fn space(&self) -> &Space {
        self.space.as_ref().expect("only taken when it is dropped")
    }
}

// SAFETY: `bytes` bytes from `as_ptr` on are accessible, and that address never changes. The bytes behind them cannot
// be accessed, or are the memory's own, which it grows into.
unsafe impl LinearMemory for Memory {
    fn byte_size(&self) -> usize {
        self.bytes
    }

    fn byte_capacity(&self) -> usize {
        self.space().capacity()
    }

    fn grow_to(&mut self, bytes: usize) -> wasmtime::Result<()> {
        let space = self.space.as_mut().expect("only taken when it is dropped");
        space.extend(bytes).map_err(std::io::Error::from)?;
        self.bytes = bytes;
        Ok(())
    }

    fn as_ptr(&self) -> *mut u8 {
        self.space().at(0).as_ptr()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let (Some(space), Some(lease)) = (self.space.take(), &self.lease)
            && lease.returns.load(Ordering::Acquire)
        {
            lease.home.give_back(space);
        }
    }
}

thread_local! {
    /// What the instance that this thread is about to make gets for its memory: wasmtime hands nothing through.
    static LOAN: RefCell<Option<Loan>> = const { RefCell::new(None) };
}

struct Loan {
    type_: MemoryType,
    spare: Option<Space>,
    lease: Arc<Lease>,
}

/// What an isolate has of its image's memories.
pub(crate) struct Lease {
    home: Arc<Spares>,
    /// Whether the memory may be used again when it is dropped.
    returns: AtomicBool,
}

impl Lease {
    /// The isolate has come to its end, and its memory is as the kernel knows it.
    pub(crate) fn end(&self) {
        self.returns.store(true, Ordering::Release);
    }
}

/// Memories of isolates that have ended, with the image that they were resumed from.
#[derive(Default)]
pub(crate) struct Spares {
    pub(crate) runs: Vec<Run>,
    pub(crate) bytes: usize,
    kept: Mutex<Kept>,
    original: OnceLock<Option<Original>>,
}

#[derive(Default)]
struct Kept {
    spaces: Vec<Space>,
    maximum: usize,
}

impl Spares {
    /// None so far, of memories with `bytes` bytes over which `runs` are laid, which were checked.
    pub(crate) fn new(runs: Vec<Run>, bytes: usize) -> Arc<Self> {
        Arc::new(Self { runs, bytes, ..Self::default() })
    }

    /// Keeps `maximum` memories at most.
    pub(crate) fn keep(&self, maximum: usize) {
        self.with_kept(|kept| kept.maximum = maximum);
    }

    /// Unmaps those that are kept now.
    pub(crate) fn release(&self) {
        // Not under the lock.
        let spaces = self.with_kept(|kept| std::mem::take(&mut kept.spaces));
        drop(spaces);
    }

    fn with_kept<T>(&self, work: impl FnOnce(&mut Kept) -> T) -> T {
        // It is whole at any time.
        work(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Has `make` make an instance with a memory of `type_`. It is lent to the instance, until the lease ends; whether
    /// the image lies over it already.
    pub(crate) fn lend<T>(
        self: &Arc<Self>,
        type_: MemoryType,
        make: impl FnOnce() -> T,
    ) -> (T, Arc<Lease>, bool) {
        let spare = self.with_kept(|kept| kept.spaces.pop());
        let has_image = spare.is_some();
        let lease = Arc::new(Lease { home: self.clone(), returns: AtomicBool::new(false) });
        LOAN.set(Some(Loan { type_, spare, lease: lease.clone() }));
        let made = make();
        let is_taken = LOAN.take().is_none();
        (made, lease, has_image && is_taken)
    }

    /// Keeps a memory that is not in use any more, if there is room.
    fn give_back(&self, mut space: Space) {
        let has_room = |kept: &Kept| kept.spaces.len() < kept.maximum;
        if !self.with_kept(|kept| has_room(kept)) || self.reset(&mut space).is_err() {
            return;
        }
        self.with_kept(|kept| {
            if has_room(kept) {
                kept.spaces.push(space);
            }
        });
    }

    /// Makes a memory what it was when it was resumed.
    fn reset(&self, space: &mut Space) -> io::Result<()> {
        let original = self.original.get_or_init(|| Original::map(&self.runs, self.bytes).ok());
        let original = original.as_ref().ok_or(io::Errno::NOMEM)?;
        space.truncate(self.bytes)?;
        let mut room = KEPT_BYTES_MAX;
        for range in mapping::written(space.at(0), space.accessible)? {
            let (start, length) = (range.start as usize, range.len());
            let kept = length.min(room);
            room -= kept;
            // SAFETY: both have `bytes` bytes, in which the range lies, and no instance uses the memory.
            unsafe {
                ptr::copy_nonoverlapping(
                    original.0.at(start).as_ptr(),
                    space.at(start).as_ptr(),
                    kept,
                );
            }
            if kept < length {
                let rest = space.at(start + kept).as_ptr().cast();
                // SAFETY: these pages are the memory's, and no instance uses it. What is there when they are touched
                // again is their file's, or zeros.
                unsafe { madvise(rest, length - kept, Advice::LinuxDontNeed) }?;
            }
        }
        Ok(())
    }
}

/// An image's memory, to read.
struct Original(Space);

impl Original {
    fn map(runs: &[Run], bytes: usize) -> io::Result<Self> {
        let mut space = Space::reserve(bytes, 0)?;
        space.extend(bytes)?;
        // SAFETY: no instance has it.
        unsafe { mapping::lay_over(space.at(0), space.accessible, runs, ProtFlags::READ) }?;
        Ok(Self(space))
    }
}

/// What the system says, as wasmtime takes it.
fn refused(error: impl std::fmt::Display) -> String {
    format!("{MEMORY_REFUSED}{error}")
}
