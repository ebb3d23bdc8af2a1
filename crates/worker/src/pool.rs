//! The isolates of a worker: which of them answers a request, how many there are.
//!
//! A pool has slots. A slot is an actor (`actor.rs`) with an inbox; it resumes an isolate when something comes, and
//! drops it when nothing came for a while, so that a worker without requests has no isolate at all.
//!
//! An isolate whose stack is held by a wait of `run_sync` begins no request. A request that comes to it goes to another
//! slot, if need be to an additional one, and is queued when there is no memory for one more.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, Weak};
use std::time::Duration;

use taipan_runtime::{Call, Event, Inbox};
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

use crate::actor;
use crate::isolates::Template;
use crate::settings::{Isolation, PoolSettings};
use crate::slot::{SlotAvailability, SlotHandle, SlotLease, SlotOwner, SlotState};

/// What an isolate beyond `isolates_max` is counted with, beside the growth of its memory: pages of the image that a
/// request writes, wasmtime's own, and the part of its thread's stack that is used.
const FURTHER_BYTES: usize = 2 << 20;

/// How long such an isolate waits for something to do.
const FURTHER_IDLE: Duration = Duration::from_secs(5);

/// How long after a wait of `run_sync` others are expected.
const WAITS_REMEMBERED: Duration = Duration::from_secs(10);

/// The slots of a worker.
pub(crate) struct Pool {
    template: Arc<Template>,
    settings: PoolSettings,
    /// First the permanent slots, as many as there may be isolates; then additional ones for requests that come while
    /// the others' stacks are held.
    slots: RwLock<Vec<SlotHandle>>,
    permits: Arc<Semaphore>,
    #[cfg(test)]
    requests_max: usize,
    /// Told when an isolate can begin requests again.
    freed: Notify,
    opened: Instant,
    /// Milliseconds from there to the last wait of `run_sync` that was not over at once; 0 when there was none.
    blocked: AtomicU64,
    this: Weak<Self>,
}

impl Pool {
    pub(crate) fn open(template: Template, settings: &PoolSettings) -> Arc<Self> {
        let count = settings.isolates_max.max(1);
        if settings.isolation == Isolation::Fresh {
            template.isolates.keep_spares(settings.reserve.min(count));
        }
        let requests_max = match settings.isolation {
            Isolation::Reuse => settings.requests_max,
            Isolation::Fresh => count.min(settings.requests_max),
        };
        let pool = Arc::new_cyclic(|this| Self {
            template: Arc::new(template),
            settings: PoolSettings { isolates_max: count, ..settings.clone() },
            slots: RwLock::default(),
            permits: Arc::new(Semaphore::new(requests_max)),
            #[cfg(test)]
            requests_max,
            freed: Notify::new(),
            opened: Instant::now(),
            blocked: AtomicU64::new(0),
            this: this.clone(),
        });
        let mut slots = pool.slots.write().unwrap_or_else(PoisonError::into_inner);
        slots.extend((0..count).map(|index| pool.slot(index)));
        drop(slots);
        pool
    }

    /// A new slot.
    fn slot(&self, index: usize) -> SlotHandle {
        let settings = &self.settings;
        let (sender, inbox) = Inbox::new();
        let shares = settings.isolation == Isolation::Reuse;
        let state = Arc::new(SlotState::default());
        let availability =
            SlotAvailability { pool: self.this.clone(), state: state.clone(), shares };
        let is_further = index >= settings.isolates_max;
        let keep = actor::Keep {
            idle: if is_further { settings.idle.min(FURTHER_IDLE) } else { settings.idle },
            always: index < settings.isolates_min,
            reserved: !shares && index < settings.reserve,
        };
        let (template, way) = (self.template.clone(), (sender.downgrade(), inbox));
        let slot = actor::Slot::new(template, keep, way, Arc::new(availability));
        self.template.runtime.spawn(slot.run());
        SlotHandle { sender, state }
    }

    /// Whether the host holds so much for isolates, as for answers that are on the way, that none may be made.
    pub(crate) fn is_crowded(&self) -> bool {
        self.template.held.is_full()
    }

    fn slots(&self) -> RwLockReadGuard<'_, Vec<SlotHandle>> {
        // What it guards is whole at any time.
        self.slots.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a request; waits for one when all are taken.
    pub(crate) async fn lease(&self) -> Option<Arc<SlotLease>> {
        let permit = self.permits.clone().acquire_owned().await.ok()?;
        let slot = self.take().await;
        Some(Arc::new(SlotLease::new(self.this.clone(), slot, permit)))
    }

    /// The slot that answers soonest, with one request more; waits while there is none, in the order of arrival.
    async fn take(&self) -> SlotHandle {
        if let Some(slot) = self.choose() {
            return slot;
        }
        loop {
            let mut freed = pin!(self.freed.notified());
            freed.as_mut().enable();
            if let Some(slot) = self.choose() {
                // There may be room for the next as well.
                self.freed.notify_one();
                return slot;
            }
            freed.await;
        }
    }

    fn choose(&self) -> Option<SlotHandle> {
        match self.settings.isolation {
            Isolation::Reuse => self.choose_shared(),
            Isolation::Fresh => self.choose_free(),
        }
    }

    /// A slot that has no request. There are as many permits as slots, so one is free.
    fn choose_free(&self) -> Option<SlotHandle> {
        let slots = self.slots();
        let rank = |state: &SlotState| {
            (state.load.load(Ordering::Relaxed), !state.warm.load(Ordering::Relaxed))
        };
        loop {
            let best = slots.iter().min_by_key(|slot| rank(&slot.state))?;
            let load = &best.state.load;
            if load.compare_exchange(0, 1, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return Some(best.clone());
            }
        }
    }

    /// A slot whose isolate can begin a request, or a further one.
    fn choose_shared(&self) -> Option<SlotHandle> {
        let alone = self.blocked_lately();
        let (best, further) = {
            let slots = self.slots();
            let (always, further) = slots.split_at(self.settings.isolates_max.min(slots.len()));
            let warm = further.iter().filter(|slot| slot.state.warm.load(Ordering::Relaxed));
            let open = always.iter().chain(warm).filter(|slot| slot.state.is_open());
            let best = open.min_by_key(|slot| rank(&slot.state, alone));
            if let Some(best) = best
                && (!alone || best.state.load.load(Ordering::Relaxed) == 0)
            {
                best.state.load.fetch_add(1, Ordering::Relaxed);
                return Some(best.clone());
            }
            (best.cloned(), self.further(further))
        };
        // Where requests wait in `run_sync`, each has an isolate for itself, as long as there is memory: what runs
        // while it waits would otherwise run on top of it, and be in its way if it waits too.
        let taken = match further {
            Further::Cold(slot) => slot,
            Further::None => best?,
            Further::New => {
                let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
                let slot = self.slot(slots.len());
                slots.push(slot.clone());
                slot
            }
        };
        taken.state.load.fetch_add(1, Ordering::Relaxed);
        Some(taken)
    }

    /// Which additional slot a request can have.
    fn further(&self, slots: &[SlotHandle]) -> Further {
        let mut bytes = FURTHER_BYTES;
        let mut cold = None;
        for slot in slots {
            let used = slot.state.warm.load(Ordering::Relaxed)
                || slot.state.load.load(Ordering::Relaxed) > 0;
            if used {
                bytes += FURTHER_BYTES + slot.state.grown.load(Ordering::Relaxed);
            } else {
                cold = Some(slot);
            }
        }
        match cold {
            _ if bytes > self.settings.waiting_bytes || self.is_crowded() => Further::None,
            Some(slot) => Further::Cold(slot.clone()),
            None => Further::New,
        }
    }

    /// Whether no request has a place.
    #[cfg(test)]
    pub(crate) fn is_at_rest(&self) -> bool {
        let free = self.slots().iter().all(|slot| slot.state.load.load(Ordering::Relaxed) == 0);
        free && self.permits.available_permits() == self.requests_max
    }

    /// Whether the worker's handlers wait in `run_sync`.
    fn blocked_lately(&self) -> bool {
        match self.blocked.load(Ordering::Relaxed) {
            0 => false,
            then => self.opened.elapsed() < Duration::from_millis(then) + WAITS_REMEMBERED,
        }
    }

    /// A place at each slot that has an isolate.
    pub(crate) async fn leases(&self) -> Option<Vec<Arc<SlotLease>>> {
        let warm = |slot: &&SlotHandle| slot.state.warm.load(Ordering::Relaxed);
        let slots: Vec<_> = self.slots().iter().filter(warm).cloned().collect();
        let mut leases = Vec::new();
        for slot in slots {
            let permit = self.permits.clone().acquire_owned().await.ok()?;
            slot.state.load.fetch_add(1, Ordering::Relaxed);
            leases.push(Arc::new(SlotLease::new(self.this.clone(), slot, permit)));
        }
        Some(leases)
    }

    /// Resumes isolates in the first `count` slots.
    pub(crate) async fn warm(&self, count: usize) {
        let senders: Vec<_> =
            self.slots().iter().take(count).map(|slot| slot.sender.clone()).collect();
        let mut waits = Vec::new();
        for sender in senders {
            let (done, wait) = tokio::sync::oneshot::channel();
            // A slot lives for as long as its pool.
            let _ = sender.send(Event::Warm { done });
            waits.push(wait);
        }
        for wait in waits {
            // A slot whose isolate is not resumed has logged why.
            let _ = wait.await;
        }
    }
}

impl SlotOwner for Pool {
    fn find_place(self: Arc<Self>, lease: Arc<SlotLease>, call: Call) {
        let runtime = self.template.runtime.clone();
        runtime.spawn(async move {
            let slot = self.take().await;
            lease.move_to(slot, call);
        });
    }

    fn frees(&self) {
        self.freed.notify_one();
    }

    fn blocks(&self) {
        let now = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.blocked.store(now.max(1), Ordering::Relaxed);
    }
}

/// A slot in addition to the permanent ones.
enum Further {
    /// One that was used before.
    Cold(SlotHandle),
    /// There may be one more.
    New,
    /// There is no memory for one.
    None,
}

/// Lower is sooner; `alone`: the fewest requests come first.
fn rank(state: &SlotState, alone: bool) -> (usize, usize) {
    let load = state.load.load(Ordering::Relaxed);
    let warm = state.warm.load(Ordering::Relaxed);
    let busy = state.busy.load(Ordering::Relaxed);
    // An isolate that waits for others; one that would have to be made; one that computes.
    let class = match (warm, busy) {
        (true, false) => 0,
        (false, _) if load == 0 => 1,
        (true | false, _) => 2,
    };
    if alone { (load, class) } else { (class, load) }
}
