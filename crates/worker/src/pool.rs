//! The isolates of a worker: which of them answers a request, how many there are.
//!
//! A pool has slots. A slot is an actor (`actor.rs`) with an inbox; it resumes an isolate when something comes, and
//! drops it when nothing came for a while, so that a worker that nobody asks for has no isolate at all.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Client;
use taipan_guest::{Control, CpuLimit, Reason};
use taipan_webapi::limits::Allowances;
use tokio::runtime;
use tokio::sync::mpsc::{
    UnboundedReceiver, UnboundedSender, WeakUnboundedSender, error::SendError,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::actor;
use crate::boot::World;
use crate::events::Event;
use crate::frozen::{Frozen, NotResumed};
use crate::instance::Instance;
use crate::limits::{Guard, Limits};
use crate::log::Log;
use crate::worker::ToLog;

/// How long an isolate that runs may take to look at what came.
const STUCK: Duration = Duration::from_millis(20);

/// Whether requests see what others left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Isolation {
    /// An isolate answers many requests, many at a time.
    #[default]
    Reuse,
    /// Each request has an isolate of its own, made for it.
    Fresh,
}

/// How the isolates of a worker come and go.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether requests share isolates.
    pub isolation: Isolation,
    /// Isolates that are kept, even when there is nothing to do.
    pub isolates_min: usize,
    /// Isolates at a time.
    pub isolates_max: usize,
    /// With [`Isolation::Fresh`]: isolates that are resumed before a request comes, once there was one.
    pub reserve: usize,
    /// How long an isolate waits for something to do before it is dropped.
    pub idle: Duration,
    /// Requests at a time; more wait for their turn.
    pub requests_max: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            isolation: Isolation::Reuse,
            isolates_min: 0,
            isolates_max: 4,
            reserve: 2,
            idle: Duration::from_secs(60),
            requests_max: 1024,
        }
    }
}

/// What each isolate of a worker is made from.
pub(crate) struct Template {
    pub(crate) frozen: Frozen,
    pub(crate) log: Log,
    pub(crate) client: Client,
    pub(crate) runtime: runtime::Handle,
    pub(crate) isolation: Isolation,
    pub(crate) limits: Limits,
    pub(crate) guard: Guard,
}

impl Template {
    /// An isolate with this number, which takes from `receiver`; `at_once` it has a request to answer.
    pub(crate) fn resume(
        &self,
        number: u64,
        sender: WeakUnboundedSender<Event>,
        receiver: UnboundedReceiver<Event>,
        at_once: bool,
    ) -> Result<Instance, NotResumed> {
        let allowances = Allowances::new(self.limits.inside.clone());
        let world = World {
            streams: Box::new(ToLog(self.log.clone(), allowances.clone())),
            allowances,
            cpu: CpuLimit::Request(self.limits.cpu),
            log: self.log.clone(),
            client: Some(self.client.clone()),
            runtime: self.runtime.clone(),
            number,
            sender,
            receiver,
            serves: true,
            fresh: self.isolation == Isolation::Fresh,
            clock: None,
        };
        // One in reserve answers soon, and but once: what it will write is its own before.
        let soon = at_once || self.isolation == Isolation::Fresh;
        self.frozen.resume(world, &self.limits, &self.guard, soon)
    }
}

/// The slots of a worker.
pub(crate) struct Pool {
    slots: Vec<Slot>,
    isolation: Isolation,
    permits: Arc<Semaphore>,
}

/// A place for an isolate.
struct Slot {
    sender: UnboundedSender<Event>,
    state: Arc<State>,
}

/// What a slot's actor and those who choose one tell each other.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// Requests that were given to it and are not answered.
    load: AtomicUsize,
    /// Whether it has an isolate.
    pub(crate) warm: AtomicBool,
    /// Whether its isolate is running.
    pub(crate) busy: AtomicBool,
    /// The turns that its isolates have begun.
    pub(crate) turns: AtomicU64,
    /// What stops its isolate.
    pub(crate) control: Mutex<Option<Arc<Control>>>,
}

/// A request's place at a slot: it is free again when all who hold it have let go.
pub(crate) struct Place {
    state: Arc<State>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.state.load.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The way to the slot that answers a request.
pub(crate) struct Seat {
    sender: UnboundedSender<Event>,
    pub(crate) place: Arc<Place>,
}

impl Seat {
    pub(crate) fn send(&self, event: Event) -> Result<(), SendError<Event>> {
        self.sender.send(event)
    }

    /// Ends a request that has had its time, and the isolate too if that does not let go of it.
    pub(crate) fn expire(self, id: u32, limit: Duration) {
        let turn = self.place.state.turns.load(Ordering::Relaxed);
        // An isolate that has ended needs no word of it.
        let _ = self.send(Event::Expired { id });
        tokio::spawn(async move {
            tokio::time::sleep(STUCK).await;
            let state = &self.place.state;
            if state.busy.load(Ordering::Relaxed) && state.turns.load(Ordering::Relaxed) == turn {
                let control = state.control.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if let Some(control) = control {
                    control.stop(Reason::WallTime { limit });
                }
                // It may be waiting for something.
                let _ = self.send(Event::Expired { id });
            }
        });
    }
}

impl Pool {
    pub(crate) fn open(template: Template, settings: &Settings) -> Arc<Pool> {
        let template = Arc::new(template);
        let count = settings.isolates_max.max(1);
        if settings.isolation == Isolation::Fresh {
            template.frozen.keep_spares(settings.reserve.min(count));
        }
        let slots = (0..count).map(|index| {
            let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
            let state = Arc::new(State::default());
            let plan = actor::Plan {
                idle: settings.idle,
                kept: index < settings.isolates_min,
                reserved: settings.isolation == Isolation::Fresh && index < settings.reserve,
            };
            let slot = actor::Slot::new(template.clone(), plan, sender.downgrade(), state.clone());
            tokio::spawn(slot.run(receiver));
            Slot { sender, state }
        });
        let requests_max = match settings.isolation {
            Isolation::Reuse => settings.requests_max,
            Isolation::Fresh => count.min(settings.requests_max),
        };
        let slots = slots.collect();
        let permits = Arc::new(Semaphore::new(requests_max));
        Arc::new(Pool { slots, isolation: settings.isolation, permits })
    }

    /// A place for a request; waits for one when all are taken.
    pub(crate) async fn seat(&self) -> Option<Seat> {
        let permit = self.permits.clone().acquire_owned().await.ok()?;
        let slot = self.choose()?;
        let place = Place { state: slot.state.clone(), _permit: permit };
        Some(Seat { sender: slot.sender.clone(), place: Arc::new(place) })
    }

    /// The slot that answers soonest, with one request more.
    fn choose(&self) -> Option<&Slot> {
        loop {
            let best = self.slots.iter().min_by_key(|slot| self.rank(&slot.state))?;
            let load = &best.state.load;
            let taken = match self.isolation {
                Isolation::Reuse => load.fetch_add(1, Ordering::Relaxed) < usize::MAX,
                // There are as many permits as slots, so one is free.
                Isolation::Fresh => {
                    load.compare_exchange(0, 1, Ordering::Relaxed, Ordering::Relaxed).is_ok()
                }
            };
            if taken {
                return Some(best);
            }
        }
    }

    /// Lower is sooner.
    fn rank(&self, state: &State) -> (usize, usize) {
        let load = state.load.load(Ordering::Relaxed);
        let warm = state.warm.load(Ordering::Relaxed);
        let busy = state.busy.load(Ordering::Relaxed);
        match self.isolation {
            Isolation::Fresh => (load, usize::from(!warm)),
            // An isolate that waits for others; one that would have to be made; one that computes.
            Isolation::Reuse if warm && !busy => (0, load),
            Isolation::Reuse if !warm && load == 0 => (1, load),
            Isolation::Reuse => (2, load),
        }
    }

    /// A place at each slot that has an isolate.
    pub(crate) async fn seats(&self) -> Option<Vec<Seat>> {
        let mut seats = Vec::new();
        for slot in self.slots.iter().filter(|slot| slot.state.warm.load(Ordering::Relaxed)) {
            let permit = self.permits.clone().acquire_owned().await.ok()?;
            slot.state.load.fetch_add(1, Ordering::Relaxed);
            let place = Place { state: slot.state.clone(), _permit: permit };
            seats.push(Seat { sender: slot.sender.clone(), place: Arc::new(place) });
        }
        Some(seats)
    }

    /// Resumes isolates in the first `count` slots.
    pub(crate) async fn warm(&self, count: usize) {
        let mut waits = Vec::new();
        for slot in self.slots.iter().take(count) {
            let (done, wait) = tokio::sync::oneshot::channel();
            // A slot lives for as long as its pool.
            let _ = slot.sender.send(Event::Warm { done });
            waits.push(wait);
        }
        for wait in waits {
            // A slot whose isolate is not resumed has logged why.
            let _ = wait.await;
        }
    }
}
