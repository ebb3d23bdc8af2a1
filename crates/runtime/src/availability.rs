//! What an isolate and those who give it requests know of each other, without knowing each other.

use std::sync::Arc;

use crate::events::Event;

/// Hears from an isolate whether it can begin a request.
pub trait Availability: Send + Sync {
    /// Whether a request that has come to the isolate goes to another one.
    fn refuses(&self) -> bool;

    /// A wait of `run_sync` holds the isolate's stack.
    fn hold(&self);

    /// That wait is over.
    fn release(&self);

    /// A wait of `run_sync` is not over at once.
    fn block(&self);

    /// The isolate is out of service.
    fn retire(&self);
}

/// A request's place at an isolate, which is free again when the last who holds it lets go.
pub trait Lease: Send + Sync {
    /// Gives the request, which was not begun, to another isolate.
    fn move_request(self: Arc<Self>, request: Event);
}

/// A wait that holds the stack of an isolate, until this is dropped.
pub(crate) struct Hold(Arc<dyn Availability>);

impl Hold {
    pub(crate) fn new(availability: Arc<dyn Availability>) -> Hold {
        availability.hold();
        Hold(availability)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.release();
    }
}
