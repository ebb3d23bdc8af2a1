//! What comes to an isolate; and what it and those who give it requests know of each other, without knowing each other.

use std::fmt;
use std::sync::Arc;

use taipan_webapi::body::BodyReader;
use taipan_webapi::pending::Completion;
use taipan_webapi::requests::Reply;
use tokio::sync::oneshot;

/// The head of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// `GET`.
    pub method: String,
    /// The absolute URL.
    pub url: String,
    /// "name: value\r\n" for each header, one character a byte.
    pub headers: String,
}

/// What comes to an isolate.
pub enum Event {
    /// A request, under the number that its sender gave it.
    Request {
        /// Its number.
        id: u32,
        /// Its head.
        request: Incoming,
        /// Its body.
        body: Option<BodyReader>,
        /// Who waits for the answer.
        reply: Reply,
        /// Its place here, if others choose it.
        lease: Option<Arc<dyn Lease>>,
    },
    /// The client of a request has gone away.
    Gone {
        /// The number of the request.
        id: u32,
    },
    /// The whole body of an answer was sent.
    Sent {
        /// The number of the request.
        id: u32,
    },
    /// A request, or what it waits for after its answer, has had its time.
    Expired {
        /// The number of the request.
        id: u32,
    },
    /// An operation of the isolate with this number has ended.
    Completed {
        /// That number.
        instance: u64,
        /// What came of it.
        completion: Completion,
    },
    /// Somebody wants an isolate to be there.
    Warm {
        /// Hears that it is.
        done: oneshot::Sender<()>,
    },
    /// A signal has come, for which Python has to look.
    Interrupted,
}

impl fmt::Debug for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Request { id, .. } => write!(formatter, "Request({id})"),
            Event::Gone { id } => write!(formatter, "Gone({id})"),
            Event::Sent { id } => write!(formatter, "Sent({id})"),
            Event::Expired { id } => write!(formatter, "Expired({id})"),
            Event::Completed { instance, .. } => write!(formatter, "Completed({instance})"),
            Event::Warm { .. } => formatter.write_str("Warm"),
            Event::Interrupted => formatter.write_str("Interrupted"),
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
