//! The host's memory that is held for an isolate: it counts together with its linear memory.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// How much of the host's memory an isolate holds. Clones are the same account, which lives for as long as anything
/// that is [`Held`].
#[derive(Clone, Debug, Default)]
pub struct HostMemory(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    held: AtomicUsize,
    /// The size of the linear memory.
    linear: AtomicUsize,
    /// The most that both may be together.
    maximum: AtomicUsize,
    refused: AtomicBool,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            held: AtomicUsize::new(0),
            linear: AtomicUsize::new(0),
            maximum: AtomicUsize::new(usize::MAX),
            refused: AtomicBool::new(false),
        }
    }
}

/// Bytes of the host that are held for an isolate until this is dropped.
#[must_use]
#[derive(Debug)]
pub struct Held {
    memory: HostMemory,
    bytes: usize,
}

/// An isolate has no room for what the host would hold for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom {
    /// How many bytes it would have been.
    pub bytes: usize,
    /// How many the isolate may use in all.
    pub maximum: usize,
}

impl fmt::Display for NoRoom {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes, maximum } = self;
        write!(formatter, "{bytes} bytes more are over its limit of {maximum}")
    }
}

impl std::error::Error for NoRoom {}

impl HostMemory {
    /// Counts `bytes` that the host is about to hold for the isolate.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] when that is more than the isolate may use; then the refusal is remembered as one of its linear memory
    /// is ([`crate::Scope::memory_refused`]).
    pub fn hold(&self, bytes: usize) -> Result<Held, NoRoom> {
        let room = self.maximum().saturating_sub(self.0.linear.load(Ordering::Relaxed));
        let add = |held: usize| held.checked_add(bytes).filter(|held| *held <= room);
        match self.0.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add) {
            Ok(_) => Ok(Held { memory: self.clone(), bytes }),
            Err(_) => {
                self.0.refused.store(true, Ordering::Relaxed);
                Err(NoRoom { bytes, maximum: self.maximum() })
            }
        }
    }

    /// Whether there is room for so many bytes more. To ask is no refusal.
    #[must_use]
    pub fn has_room(&self, bytes: usize) -> bool {
        let has = self.0.linear.load(Ordering::Relaxed).saturating_add(self.held());
        has.saturating_add(bytes) <= self.maximum()
    }

    /// Bytes that are held at present.
    #[must_use]
    pub fn held(&self) -> usize {
        self.0.held.load(Ordering::Relaxed)
    }

    /// Whether there is another clone, or something is held.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// The most that is held and the linear memory may be together, in bytes.
    pub(crate) fn maximum(&self) -> usize {
        self.0.maximum.load(Ordering::Relaxed)
    }

    pub(crate) fn set_maximum(&self, bytes: usize) {
        self.0.maximum.store(bytes, Ordering::Relaxed);
    }

    /// Whether the linear memory may have `bytes`, which it then has.
    pub(crate) fn grow_linear(&self, bytes: usize, maximum: usize) -> bool {
        let granted = bytes <= self.maximum().saturating_sub(self.held()).min(maximum);
        if granted {
            self.0.linear.store(bytes, Ordering::Relaxed);
        } else {
            self.0.refused.store(true, Ordering::Relaxed);
        }
        granted
    }

    /// Whether anything was refused since this was last asked.
    pub(crate) fn take_refused(&self) -> bool {
        self.0.refused.swap(false, Ordering::Relaxed)
    }

    pub(crate) fn set_refused(&self, refused: bool) {
        self.0.refused.store(refused, Ordering::Relaxed);
    }
}

impl Held {
    /// Counts the bytes for as long as the isolate lives.
    pub(crate) fn keep(mut self) {
        self.bytes = 0;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.memory.0.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_with_the_linear_memory() {
        let memory = HostMemory::default();
        memory.set_maximum(100);
        assert!(memory.grow_linear(60, 1000));
        let first = memory.hold(30).unwrap();
        assert_eq!(memory.hold(11).unwrap_err(), NoRoom { bytes: 11, maximum: 100 });
        assert!(memory.take_refused() && !memory.take_refused());
        assert!(!memory.grow_linear(71, 1000), "30 are held");
        assert!(memory.grow_linear(70, 1000) && !memory.grow_linear(70, 69));
        drop(first);
        assert_eq!(memory.held(), 0);
        assert!(memory.grow_linear(100, 1000));
        assert!(memory.hold(usize::MAX).is_err() && memory.hold(0).is_ok());
    }
}
