//! Handles: JavaScript values that the host or WebAssembly holds.
//!
//! The values lie in a table of the engine; the host knows their index. A
//! handle that is dropped is only noted, and released when the engine is next
//! at rest: dropping can happen inside wasmtime's collector (fact 10).

use std::sync::{Arc, Mutex, PoisonError};

/// A JavaScript value that the host holds.
#[derive(Debug)]
pub struct Handle {
    pub(crate) index: i32,
    released: Released,
}

/// The handles that were dropped and wait for their release.
#[derive(Clone, Debug, Default)]
pub(crate) struct Released(Arc<Mutex<Vec<i32>>>);

impl Released {
    pub(crate) fn own(&self, index: i32) -> Handle {
        Handle { index, released: self.clone() }
    }

    pub(crate) fn take(&self) -> Vec<i32> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.released.0.lock().unwrap_or_else(PoisonError::into_inner).push(self.index);
    }
}
