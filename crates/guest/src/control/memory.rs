//! Taking a guest's memory away, and giving it back.

#![expect(
    unsafe_code,
    reason = "the only place that changes how a guest's memory is mapped while it runs"
)]

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use rustix::mm::{MprotectFlags, mprotect};
use wasmtime::{AsContext, Memory};

use crate::engine::RESERVED_BYTES;

/// How long to wait before the kernel is asked again, after it refused to give memory back.
const RETRY: Duration = Duration::from_millis(1);

/// Where a guest's memory is. It exists only while it is mapped (`attached.rs`).
pub(super) struct Region {
    base: NonNull<u8>,
    /// How much address space is its own: it grows into that, and never moves.
    reserved: usize,
    /// How many bytes it had at first; it never has fewer.
    bytes_min: usize,
}

// SAFETY: it is an address and no more; what is done with it is said where it is done.
unsafe impl Send for Region {}

impl Region {
    pub(super) fn of(store: &impl AsContext, memory: Memory) -> Self {
        let base = NonNull::new(memory.data_ptr(store)).unwrap_or(NonNull::dangling());
        // The configuration reserves this for each memory (`engine.rs`), whatever its maximum.
        let reserved = usize::try_from(RESERVED_BYTES).unwrap_or(usize::MAX);
        Self { base, reserved, bytes_min: memory.data_size(store) }
    }

    /// Makes the whole memory inaccessible: the next load or store traps.
    ///
    /// The state must say that the memory is taken, which keeps the host away from it. If the kernel refuses, the guest
    /// runs on, and the host finds the memory as it was.
    pub(super) fn take(&self) {
        let flags = MprotectFlags::empty();
        // SAFETY: the region is mapped, as this value exists, and is the guest's own. Only the guest uses it, since the
        // state is `Taken`, and the guest's code is made for memory that cannot be accessed: it traps.
        let outcome = unsafe { mprotect(self.base.as_ptr().cast(), self.reserved, flags) };
        // Refused: the watchdog tries again at its next look.
        outcome.unwrap_or_default();
    }

    /// Makes the first `bytes` accessible again, which they were before.
    pub(super) fn give_back(&self, bytes: usize) {
        let bytes = bytes.min(self.reserved);
        if bytes == 0 {
            return;
        }
        let flags = MprotectFlags::READ | MprotectFlags::WRITE;
        // The host cannot go on without: it may be about to read the memory.
        // SAFETY: as above; these bytes are the memory's accessible part, which can be read and written.
        while unsafe { mprotect(self.base.as_ptr().cast(), bytes, flags) }.is_err() {
            thread::sleep(RETRY);
        }
    }

    /// Whether a word at this address can be written at any time.
    pub(super) fn has_word(&self, address: u32) -> bool {
        address.is_multiple_of(4) && (address as usize) + 4 <= self.bytes_min
    }

    /// Writes a word, if it has it. The state must keep the host away from the memory, which must be accessible.
    pub(super) fn store(&self, address: u32, word: u32) {
        if !self.has_word(address) {
            return;
        }
        // SAFETY: it lies within the memory, as checked above.
        let place = unsafe { self.base.add(address as usize) };
        // SAFETY: it is mapped and accessible, aligned, and no reference of Rust is to it: only the guest's code, whose
        // accesses are those of the machine, uses it at the same time.
        let place = unsafe { AtomicU32::from_ptr(place.as_ptr().cast()) };
        place.store(word.to_le(), Ordering::Relaxed);
    }
}
