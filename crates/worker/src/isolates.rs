//! What slots need of isolates and of their maker. A pool and its slots know nothing else of either.

use std::sync::Arc;
use std::time::Duration;

use taipan_guest::Reason;
use taipan_runtime::{Availability, Error, Event, Inbox, Log};
use taipan_webapi::Fault;
use tokio::runtime;
use tokio::sync::mpsc::WeakUnboundedSender;
use tokio::time::Instant;

use crate::held::HeldMemory;

/// What all slots of a worker share.
pub(crate) struct Template {
    pub(crate) isolates: Box<dyn Isolates>,
    pub(crate) log: Log,
    pub(crate) runtime: runtime::Handle,
    /// How long a request may wait for something after its answer.
    pub(crate) wait_until: Duration,
    pub(crate) held: Arc<HeldMemory>,
}

/// Makes isolates for slots.
pub(crate) trait Isolates: Send + Sync {
    /// An isolate for a slot. Blocks for as long as that takes.
    fn resume(&self, slot: ForSlot) -> Result<Box<dyn SlotIsolate>, Error>;

    /// Keeps the memories of so many isolates that have ended, for those that come next.
    fn keep_spares(&self, count: usize);

    /// Frees the memories that are kept now.
    fn release_spares(&self);
}

/// What an isolate is told of its slot.
pub(crate) struct ForSlot {
    /// Which isolate of the slot it is.
    pub(crate) number: u64,
    /// The way to the slot's inbox. Weak: an isolate does not keep its own worker.
    pub(crate) sender: WeakUnboundedSender<Event>,
    /// The inbox that it takes events from.
    pub(crate) inbox: Inbox,
    /// Hears whether it can begin a request.
    pub(crate) availability: Arc<dyn Availability>,
    /// Whether a request waits for it.
    pub(crate) at_once: bool,
}

/// Stops an isolate from another thread, for a reason.
pub(crate) type Stop = Arc<dyn Fn(Reason) + Send + Sync>;

/// The isolate of a slot.
pub(crate) trait SlotIsolate: Send {
    /// What stops it.
    fn stop(&self) -> Stop;

    /// Handles an event and all that follows from it without waiting. An error ends the isolate, and every caller that
    /// waits for it gets that error.
    fn turn(&mut self, event: Option<Event>) -> Result<(), Fault>;

    /// Blocks until the next event comes, but not for longer than `limit` or until the next timer.
    fn linger(&mut self, limit: Duration) -> Option<Event>;

    /// Tells every caller that waits for an answer why there is none.
    fn end(&mut self, fault: &Fault);

    /// Whether no request is open, nor what it waits for with `waitUntil`.
    fn is_idle(&mut self) -> bool;

    /// Whether nothing more is to come: it was made for one request, or is out of service, and has answered.
    fn is_done(&mut self) -> bool;

    /// The requests that are answered, and still wait for something.
    fn answered(&mut self) -> Vec<u32>;

    /// When the next timer fires.
    fn next_timer(&mut self) -> Option<Duration>;

    /// When it is to have a turn, whatever comes.
    fn overdue(&mut self) -> Option<Instant>;

    /// Bytes that its memory has grown by.
    fn grown(&mut self) -> usize;

    /// Why it is out of service.
    fn retired(&mut self) -> Option<Reason>;
}
