//! A store whose isolate can be stopped: it says where it is, and its memory can be taken.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use wasmtime::{CallHook, Memory, Store};

use super::memory::Region;
use super::{Control, HOST};
use crate::memory::Lease;
use crate::state::State;

/// Has a store say at each crossing where it is.
pub(crate) fn install(store: &mut Store<State>) {
    let control = store.data().control.clone();
    store.call_hook(move |context, hook| {
        let outcome = match hook {
            CallHook::CallingWasm | CallHook::ReturningFromHost => control.enter(),
            CallHook::ReturningFromWasm | CallHook::CallingHost => control
                .leave(|| context.data().taken.map_or(0, |memory| memory.data_size(&context))),
        };
        outcome.map_err(wasmtime::Error::new)
    });
}

/// A memory that can be taken, until this is dropped: before the store is, which unmaps it.
pub(crate) struct Attached {
    pub(crate) control: Arc<Control>,
    lease: Option<Arc<Lease>>,
}

impl fmt::Debug for Attached {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Attached").field("control", &self.control).finish_non_exhaustive()
    }
}

impl Attached {
    /// `lease` says from where the memory comes, if it goes back there.
    pub(crate) fn new(store: &mut Store<State>, memory: Memory, lease: Option<Arc<Lease>>) -> Self {
        store.data_mut().taken = Some(memory);
        let control = store.data().control.clone();
        control.inner().region = Some(Region::of(store, memory));
        Self { control, lease }
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.control.inner().region = None;
        // No thread can take the memory any more; one that was taken is not used again.
        if let Some(lease) = &self.lease
            && self.control.state.load(Ordering::Acquire) == HOST
        {
            lease.end();
        }
    }
}
