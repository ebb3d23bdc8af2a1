//! Handles: JavaScript values that the host or WebAssembly holds.
//!
//! The values lie in a table of the engine; the host knows their index. A
//! handle that is dropped is only noted, and released when the engine is next
//! at rest: dropping can happen inside wasmtime's collector (`docs/internals/facts.md`, 10).

use std::sync::{Arc, Mutex, PoisonError};

/// A JavaScript value that the host holds. A clone is the same hold.
#[derive(Clone, Debug)]
pub struct Handle(Arc<Slot>);

#[derive(Debug)]
struct Slot {
    index: i32,
    released: Released,
}

impl Handle {
    /// The place in the engine's table: by it a resumed isolate finds the value again ([`crate::Scope::held`]).
    #[must_use]
    pub fn index(&self) -> i32 {
        self.0.index
    }
}

/// The handles that were dropped and wait for their release.
#[derive(Clone, Debug, Default)]
pub(crate) struct Released(Arc<Mutex<Vec<i32>>>);

impl Released {
    pub(crate) fn own(&self, index: i32) -> Handle {
        Handle(Arc::new(Slot { index, released: self.clone() }))
    }

    pub(crate) fn take(&self) -> Vec<i32> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.released.0.lock().unwrap_or_else(PoisonError::into_inner).push(self.index);
    }
}
