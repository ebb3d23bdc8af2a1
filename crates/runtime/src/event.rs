//! What comes to an isolate; and what an isolate and the source of its requests tell each other.

use std::fmt;
use std::sync::Arc;

use taipan_webapi::pending::Completion;
use tokio::sync::oneshot;

use crate::call::Call;

/// What becomes of a call, as its caller knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Its client has gone away.
    Gone,
    /// The whole body of its answer was sent.
    Sent,
    /// It, or what it waits for after its answer, has had its time.
    Expired,
}

/// What comes to an isolate.
pub enum Event {
    /// A call begins.
    Call(Call),
    /// Something became of a call.
    Signal {
        /// The number of the call.
        id: u32,
        /// What.
        signal: Signal,
    },
    /// An operation of the isolate with this number has ended.
    Completed {
        /// That number.
        instance: u64,
        /// What came of it.
        completion: Completion,
    },
    /// An isolate is to be there, before a request comes.
    Warm {
        /// Hears that it is.
        done: oneshot::Sender<()>,
    },
    /// A signal of the process has come, for which Python has to look.
    Interrupted,
}

impl fmt::Debug for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(call) => call.fmt(formatter),
            Self::Signal { id, signal } => write!(formatter, "{signal:?}({id})"),
            Self::Completed { instance, .. } => write!(formatter, "Completed({instance})"),
            Self::Warm { .. } => formatter.write_str("Warm"),
            Self::Interrupted => formatter.write_str("Interrupted"),
        }
    }
}

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

/// A wait that holds the stack of an isolate, until this is dropped.
pub(crate) struct Hold(Arc<dyn Availability>);

impl Hold {
    pub(crate) fn new(availability: Arc<dyn Availability>) -> Self {
        availability.hold();
        Self(availability)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.release();
    }
}
