//! The inbox of a slot: what comes to its isolate.
//!
//! The isolate takes from it while it has a turn; its slot does between turns and while there is no isolate.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::event::Event;

/// Where events wait; a clone is the same.
#[derive(Clone, Debug)]
pub struct Inbox(Arc<Mutex<UnboundedReceiver<Event>>>);

/// Wakes a thread that waits in [`Inbox::linger`].
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl Inbox {
    /// An inbox, and the way into it.
    #[must_use]
    pub fn new() -> (UnboundedSender<Event>, Self) {
        let (sender, receiver) = unbounded_channel();
        (sender, Self(Arc::new(Mutex::new(receiver))))
    }

    fn receiver(&self) -> MutexGuard<'_, UnboundedReceiver<Event>> {
        // What it guards is whole at any time.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next event; `None` when no sender is left.
    pub async fn next(&self) -> Option<Event> {
        poll_fn(|context| self.receiver().poll_recv(context)).await
    }

    /// The next event, if it is there.
    pub fn try_next(&self) -> Option<Event> {
        self.receiver().try_recv().ok()
    }

    /// Blocks until the next event comes, but not for longer than `limit`.
    pub fn linger(&self, limit: Duration) -> Option<Event> {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        if let Poll::Ready(event) = self.receiver().poll_recv(&mut context) {
            return event;
        }
        thread::park_timeout(limit);
        match self.receiver().poll_recv(&mut context) {
            Poll::Ready(event) => event,
            Poll::Pending => None,
        }
    }
}
