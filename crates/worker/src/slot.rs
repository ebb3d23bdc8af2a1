//! A slot, as its pool sees it: what it is doing, and the lease of a request there.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use taipan_guest::Reason;
use taipan_runtime::{Availability, Call, Event, Lease, Signal};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::UnboundedSender;

use crate::isolates::Stop;

/// How long an isolate that runs may take to look at what came.
const STUCK: Duration = Duration::from_millis(20);

/// What a slot, its isolate and the pool tell each other.
#[derive(Default)]
pub(crate) struct SlotState {
    /// Requests that were given to it and are not answered.
    pub(crate) load: AtomicUsize,
    /// Whether it has an isolate.
    pub(crate) warm: AtomicBool,
    /// Whether its isolate is running.
    pub(crate) busy: AtomicBool,
    /// The turns that its isolates have begun.
    pub(crate) turns: AtomicU64,
    /// What stops its isolate.
    pub(crate) stop: Mutex<Option<Stop>>,
    /// The waits of `run_sync` that hold its isolate's stack.
    pub(crate) waits: AtomicUsize,
    /// Whether its isolate is out of service.
    pub(crate) retired: AtomicBool,
    /// Bytes that its isolate's memory has grown by.
    pub(crate) grown: AtomicUsize,
}

impl SlotState {
    /// Whether a request that is given to it now can begin.
    pub(crate) fn is_open(&self) -> bool {
        self.waits.load(Ordering::Relaxed) == 0 && !self.retired.load(Ordering::Relaxed)
    }

    /// It has no isolate, or one that is new.
    pub(crate) fn renew(&self) {
        self.waits.store(0, Ordering::Relaxed);
        self.retired.store(false, Ordering::Relaxed);
        self.grown.store(0, Ordering::Relaxed);
    }
}

/// The pool that a slot belongs to.
pub(crate) trait SlotOwner: Send + Sync {
    /// Finds another place for a request that came to an isolate which cannot begin it.
    fn find_place(self: Arc<Self>, lease: Arc<SlotLease>, call: Call);

    /// An isolate can begin requests again.
    fn frees(&self);

    /// A wait of `run_sync` is not over at once.
    fn blocks(&self);
}

/// What the isolate of a slot tells the pool.
pub(crate) struct SlotAvailability {
    pub(crate) pool: Weak<dyn SlotOwner>,
    pub(crate) state: Arc<SlotState>,
    /// Whether the isolate answers many requests at a time.
    pub(crate) shares: bool,
}

impl Availability for SlotAvailability {
    fn refuses(&self) -> bool {
        self.shares && !self.state.is_open()
    }

    fn hold(&self) {
        self.state.waits.fetch_add(1, Ordering::Relaxed);
    }

    fn release(&self) {
        if self.state.waits.fetch_sub(1, Ordering::Relaxed) == 1
            && let Some(pool) = self.pool.upgrade()
        {
            pool.frees();
        }
    }

    fn block(&self) {
        if let Some(pool) = self.pool.upgrade() {
            pool.blocks();
        }
    }

    fn retire(&self) {
        self.state.retired.store(true, Ordering::Relaxed);
    }
}

/// The way to a slot.
#[derive(Clone)]
pub(crate) struct SlotHandle {
    pub(crate) sender: UnboundedSender<Event>,
    pub(crate) state: Arc<SlotState>,
}

/// The place of a request at a slot, and the way to it.
pub(crate) struct SlotLease {
    pool: Weak<dyn SlotOwner>,
    at: Mutex<At>,
    _permit: OwnedSemaphorePermit,
}

struct At {
    slot: SlotHandle,
    /// Whether no client waits for the request any more.
    left: bool,
}

impl SlotLease {
    /// A place at `slot`, which counts the request already.
    pub(crate) fn new(
        pool: Weak<dyn SlotOwner>,
        slot: SlotHandle,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        Self { pool, at: Mutex::new(At { slot, left: false }), _permit: permit }
    }

    fn at(&self) -> MutexGuard<'_, At> {
        // What it guards is whole at any time.
        self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the request, which was not begun, to another slot, unless its client has left.
    pub(crate) fn move_to(&self, slot: SlotHandle, call: Call) {
        let mut at = self.at();
        let before = std::mem::replace(&mut at.slot, slot);
        before.state.load.fetch_sub(1, Ordering::Relaxed);
        if !at.left {
            // A slot lives for as long as its pool. Under the lock, so that what its client says of it comes after it.
            let _ = at.slot.sender.send(Event::Call(call));
        }
    }

    /// Sends what concerns the request; false when the slot has ended.
    pub(crate) fn send(&self, event: Event) -> bool {
        let mut at = self.at();
        at.left |= matches!(event, Event::Signal { signal: Signal::Gone | Signal::Expired, .. });
        at.slot.sender.send(event).is_ok()
    }

    /// Ends a request that has had its time, and the isolate too if that does not let go of it.
    pub(crate) fn expire(self: Arc<Self>, id: u32, limit: Duration) {
        let state = self.at().slot.state.clone();
        let turn = state.turns.load(Ordering::Relaxed);
        let expired = move || Event::Signal { id, signal: Signal::Expired };
        // An isolate that has ended need not be told.
        self.send(expired());
        tokio::spawn(async move {
            tokio::time::sleep(STUCK).await;
            if state.busy.load(Ordering::Relaxed) && state.turns.load(Ordering::Relaxed) == turn {
                let stop = state.stop.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if let Some(stop) = stop {
                    stop(Reason::WallTime { limit });
                }
                // It may be waiting for something.
                self.send(expired());
            }
        });
    }
}

impl Lease for SlotLease {
    fn move_call(self: Arc<Self>, call: Call) {
        if let Some(pool) = self.pool.upgrade() {
            pool.find_place(self, call);
        }
    }
}

impl Drop for SlotLease {
    fn drop(&mut self) {
        self.at().slot.state.load.fetch_sub(1, Ordering::Relaxed);
    }
}
