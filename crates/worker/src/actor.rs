//! The task of a slot: resumes an isolate when something comes, takes events to it, drops it in the end.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use taipan_guest::Reason;
use taipan_runtime::{Error, Event, Inbox, Record, Signal, fault as limit_fault};
use taipan_webapi::with_causes;
use tokio::sync::mpsc::WeakUnboundedSender;
use tokio::time::Instant;

use crate::isolates::{ForSlot, SlotIsolate, Template};
use crate::resumed::ended_fault;
use crate::slot::{SlotAvailability, SlotState};

/// How long a slot that always has an isolate waits before it tries again to have one.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// How long the thread of a turn waits for the next event before it is given back: under load it
/// comes sooner, and to go to a thread and back costs as much as a short turn.
const LINGER: Duration = Duration::from_millis(1);

/// When a slot has an isolate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keep {
    /// How long an isolate waits for something to do before it is dropped.
    pub(crate) idle: Duration,
    /// Whether there always is one.
    pub(crate) always: bool,
    /// Whether there is one again as soon as one is done.
    pub(crate) reserved: bool,
}

/// A place for an isolate.
pub(crate) struct Slot {
    template: Arc<Template>,
    keep: Keep,
    sender: WeakUnboundedSender<Event>,
    inbox: Inbox,
    availability: Arc<SlotAvailability>,
    /// The number of the isolate.
    number: u64,
}

/// What became of an isolate after a turn.
enum After {
    /// It waits for what comes.
    Waits(Box<dyn SlotIsolate>),
    /// It has answered its only request.
    Done,
    /// It has ended.
    Broken,
    /// There was none.
    Absent,
}

/// Requests that are answered and still wait for something, and since when.
#[derive(Default)]
struct Answered(BTreeMap<u32, Instant>);

impl Answered {
    /// The one whose time is up first, when none may take longer than `limit`.
    fn first(&mut self, now: &[u32], limit: Duration) -> Option<(u32, Instant)> {
        self.0.retain(|id, _| now.contains(id));
        for id in now {
            self.0.entry(*id).or_insert_with(Instant::now);
        }
        self.0.iter().map(|(id, since)| (*id, *since + limit)).min_by_key(|(_, over)| *over)
    }
}

/// When a slot that has no isolate any more has another.
enum Next {
    /// At once.
    Now,
    /// When something comes.
    Asked,
    /// Never: the pool is gone.
    Never,
}

impl Next {
    /// At once, if the slot is to have one.
    fn now_if(wanted: bool) -> Self {
        if wanted { Self::Now } else { Self::Asked }
    }
}

impl Slot {
    pub(crate) fn new(
        template: Arc<Template>,
        keep: Keep,
        (sender, inbox): (WeakUnboundedSender<Event>, Inbox),
        availability: Arc<SlotAvailability>,
    ) -> Self {
        Self { template, keep, sender, inbox, availability, number: 0 }
    }

    /// Runs until the pool is dropped.
    pub(crate) async fn run(mut self) {
        let mut next = Next::now_if(self.keep.always);
        loop {
            let event = match next {
                Next::Now => None,
                Next::Asked => match first(&self.inbox).await {
                    None => return,
                    event => event,
                },
                Next::Never => return,
            };
            self.template.held.room().await;
            next = self.serve(event).await;
        }
    }

    /// Resumes an isolate and takes events to it, until it is there no more.
    async fn serve(&mut self, event: Option<Event>) -> Next {
        self.number += 1;
        let template = self.template.clone();
        let slot = ForSlot {
            number: self.number,
            sender: self.sender.clone(),
            inbox: self.inbox.clone(),
            availability: self.availability.clone(),
            at_once: event.is_some(),
        };
        self.availability.state.warm.store(true, Ordering::Relaxed);
        let mut after = self
            .on_thread(move |state| match template.isolates.resume(slot) {
                Ok(isolate) => {
                    let stop = Some(isolate.stop());
                    *state.stop.lock().unwrap_or_else(PoisonError::into_inner) = stop;
                    turns(isolate, event, state, &template)
                }
                Err(error) => {
                    template.log.write(match error {
                        Error::Program { message, traceback } => {
                            Record::Fault { message, traceback }
                        }
                        error => Record::Ended { reason: with_causes(&error) },
                    });
                    After::Absent
                }
            })
            .await;
        let mut idle_since = None;
        let mut answered = Answered::default();
        loop {
            let mut isolate = match self.remains(after).await {
                Ok(instance) => instance,
                Err(next) => return next,
            };
            let limit = self.idle_limit(&mut *isolate, &mut idle_since);
            let over = answered.first(&isolate.answered(), self.template.wait_until);
            let overdue = isolate.overdue();
            let timer = isolate.next_timer().map(|timer| Instant::now() + timer);
            let deadline = timer.into_iter().chain(limit).chain(over.map(|over| over.1));
            let deadline = deadline.chain(overdue).min();
            let event = match deadline {
                None => Ok(self.inbox.next().await),
                Some(deadline) => tokio::time::timeout_at(deadline, self.inbox.next()).await,
            };
            let event = match event {
                Ok(None) => return Next::Never,
                Ok(event) => event,
                Err(_elapsed) if limit.is_some() && limit == deadline => {
                    self.rest(isolate).await;
                    return self.empty(Next::Asked);
                }
                Err(_elapsed) => match over {
                    Some((id, over)) if Some(over) == deadline => Some(self.cut(id)),
                    Some(_) | None => None,
                },
            };
            let template = self.template.clone();
            after = self.on_thread(move |state| turns(isolate, event, state, &template)).await;
        }
    }

    /// The isolate that is there after a turn, or when there is another.
    async fn remains(&self, after: Option<After>) -> Result<Box<dyn SlotIsolate>, Next> {
        let always = self.keep.always;
        Err(match after {
            Some(After::Waits(isolate)) => return Ok(isolate),
            Some(After::Done) => self.empty(Next::now_if(always || self.keep.reserved)),
            Some(After::Broken) => self.empty(Next::now_if(always)),
            Some(After::Absent) => {
                if always {
                    tokio::time::sleep(RESTART_PAUSE).await;
                }
                self.empty(Next::now_if(always))
            }
            None => Next::Never,
        })
    }

    /// When an isolate has waited for long enough for something to do; `since` is when it began to.
    fn idle_limit(
        &self,
        isolate: &mut dyn SlotIsolate,
        since: &mut Option<Instant>,
    ) -> Option<Instant> {
        if !isolate.is_idle() {
            *since = None;
            return None;
        }
        let since = *since.get_or_insert_with(Instant::now);
        (!self.keep.always).then(|| since + self.keep.idle)
    }

    /// Ends what a request still waits for after its answer, or after its client has gone.
    fn cut(&self, id: u32) -> Event {
        let limit = self.template.wait_until.as_millis();
        let text = format!(
            "what a request does after its response, or when its client has gone, is not waited for \
             any longer: it took more than {limit} ms (`taipan.limits.wait_until_ms`)"
        );
        self.template.log.write(Record::Warning { text });
        Event::Signal { id, signal: Signal::Expired }
    }

    /// Drops an isolate for which there is nothing to do, and what was kept for others.
    async fn rest(&self, isolate: Box<dyn SlotIsolate>) {
        let template = self.template.clone();
        self.on_thread(move |_| {
            drop(isolate);
            template.isolates.release_spares();
        })
        .await;
    }

    /// The slot has no isolate until `next`.
    fn empty(&self, next: Next) -> Next {
        self.availability.state.renew();
        self.availability.state.warm.store(matches!(next, Next::Now), Ordering::Relaxed);
        if let Some(pool) = self.availability.pool.upgrade() {
            pool.frees();
        }
        next
    }

    /// Does `work` on a thread that a guest may run on.
    async fn on_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&SlotState) -> T + Send + 'static,
    ) -> Option<T> {
        let state = self.availability.state.clone();
        // A panic here is a fault in this file: the slot ends, and the callers that wait for it are told.
        tokio::task::spawn_blocking(move || work(&state)).await.ok()
    }
}

/// Waits for something that needs an isolate.
async fn first(inbox: &Inbox) -> Option<Event> {
    loop {
        match inbox.next().await? {
            // Of an isolate that is no more.
            Event::Signal { .. } | Event::Completed { .. } | Event::Interrupted => {}
            event @ (Event::Call(_) | Event::Warm { .. }) => return Some(event),
        }
    }
}

/// Handles an event, and what comes soon after it.
fn turns(
    mut isolate: Box<dyn SlotIsolate>,
    event: Option<Event>,
    state: &SlotState,
    template: &Template,
) -> After {
    // A fault of ours ends the isolate, which is not entered again, and nothing else.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut next = Some(event);
        while let Some(event) = next {
            state.turns.fetch_add(1, Ordering::Relaxed);
            state.busy.store(true, Ordering::Relaxed);
            let outcome = isolate.turn(event);
            state.busy.store(false, Ordering::Relaxed);
            state.grown.store(isolate.grown(), Ordering::Relaxed);
            outcome?;
            if isolate.is_done() {
                if let Some(reason @ Reason::Memory { .. }) = isolate.retired() {
                    template.log.write(Record::Ended { reason: limit_fault(reason).message });
                }
                return Ok(true);
            }
            next = isolate.linger(LINGER).map(Some);
        }
        Ok(false)
    }));
    let fault = match outcome {
        Ok(Ok(false)) => return After::Waits(isolate),
        Ok(Ok(true)) => return After::Done,
        Ok(Err(fault)) => fault,
        Err(panic) => ended_fault(format!("a fault of Taipan's own: {}", panic_text(&*panic))),
    };
    // Logged before the callers that wait for answers hear that there are none.
    template.log.write(Record::Ended { reason: fault.message.clone() });
    isolate.end(&fault);
    After::Broken
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
