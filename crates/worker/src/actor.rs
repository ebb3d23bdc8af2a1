//! The task of a slot: resumes an isolate when something comes, takes events to it, drops it in the end.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use taipan_guest::Reason;
use taipan_pyodide::Ended;
use taipan_webapi::requests::Fault;
use taipan_webapi::with_causes;
use tokio::sync::mpsc::{UnboundedReceiver, WeakUnboundedSender};
use tokio::time::Instant;

use crate::Error;
use crate::events::Event;
use crate::instance::Instance;
use crate::limits;
use crate::log::Record;
use crate::place::{Standing, State};
use crate::pool::Template;

/// How long a slot that always has an isolate waits before it tries again to have one.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// How long the thread of a turn waits for the next event before it is given back: under load it
/// comes sooner, and to go to a thread and back costs as much as a short turn.
const LINGER: Duration = Duration::from_millis(1);

/// When a slot has an isolate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// How long an isolate waits for something to do before it is dropped.
    pub(crate) idle: Duration,
    /// Whether there always is one.
    pub(crate) kept: bool,
    /// Whether there is one again as soon as one is done.
    pub(crate) reserved: bool,
}

/// A place for an isolate.
pub(crate) struct Slot {
    template: Arc<Template>,
    plan: Plan,
    sender: WeakUnboundedSender<Event>,
    standing: Arc<Standing>,
    /// The number of the isolate.
    number: u64,
}

/// What became of an isolate after a turn.
enum After {
    /// It waits for what comes.
    Waits(Instance),
    /// It has answered its only request.
    Done(UnboundedReceiver<Event>),
    /// It has ended.
    Broken(Option<UnboundedReceiver<Event>>),
    /// There was none.
    Absent(Option<UnboundedReceiver<Event>>),
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

/// Why a slot has no isolate any more.
enum Empty {
    /// It may have another; at once, or when something comes.
    For { receiver: UnboundedReceiver<Event>, again: bool },
    /// The pool is gone.
    Ever,
}

impl Slot {
    pub(crate) fn new(
        template: Arc<Template>,
        plan: Plan,
        sender: WeakUnboundedSender<Event>,
        standing: Arc<Standing>,
    ) -> Slot {
        Slot { template, plan, sender, standing, number: 0 }
    }

    /// Runs until the pool is dropped.
    pub(crate) async fn run(mut self, mut receiver: UnboundedReceiver<Event>) {
        let mut again = self.plan.kept;
        loop {
            let event = if again { None } else { first(&mut receiver).await };
            if event.is_none() && !again {
                return;
            }
            self.template.held.room().await;
            match self.serve(event, receiver).await {
                Empty::For { receiver: returned, again: at_once } => {
                    (receiver, again) = (returned, at_once);
                }
                Empty::Ever => return,
            }
        }
    }

    /// Resumes an isolate and takes events to it, until it is there no more.
    async fn serve(&mut self, event: Option<Event>, receiver: UnboundedReceiver<Event>) -> Empty {
        self.number += 1;
        let (template, sender, number) = (self.template.clone(), self.sender.clone(), self.number);
        let standing = self.standing.clone();
        self.standing.state.warm.store(true, Ordering::Relaxed);
        let mut after = self
            .on_thread(move |state| {
                match template.resume(number, (sender, receiver), standing, event.is_some()) {
                    Ok(instance) => {
                        let control = Some(instance.isolate.control().clone());
                        *state.control.lock().unwrap_or_else(PoisonError::into_inner) = control;
                        turns(instance, event, state, &template)
                    }
                    Err((error, receiver)) => {
                        template.log.write(match error {
                            Error::Program { message, traceback } => {
                                Record::Fault { message, traceback }
                            }
                            error => Record::Ended { reason: with_causes(&error) },
                        });
                        After::Absent(receiver)
                    }
                }
            })
            .await;
        let mut idle_since = None;
        let mut answered = Answered::default();
        loop {
            let mut instance = match self.remains(after).await {
                Ok(instance) => instance,
                Err(empty) => return empty,
            };
            let limit = self.idle_limit(&mut instance, &mut idle_since);
            let over = answered.first(&instance.answered(), self.template.limits.wait_until);
            let overdue = instance.overdue();
            let Some(mut receiver) = instance.take_receiver() else { return Empty::Ever };
            let timer = instance.next_timer().map(|timer| Instant::now() + timer);
            let deadline = timer.into_iter().chain(limit).chain(over.map(|over| over.1));
            let deadline = deadline.chain(overdue).min();
            let event = match deadline {
                None => Ok(receiver.recv().await),
                Some(deadline) => tokio::time::timeout_at(deadline, receiver.recv()).await,
            };
            let event = match event {
                Ok(None) => return Empty::Ever,
                Ok(event) => event,
                Err(_elapsed) if limit.is_some() && limit == deadline => {
                    self.rest(instance).await;
                    return self.empty(receiver, false);
                }
                Err(_elapsed) => match over {
                    Some((id, over)) if Some(over) == deadline => Some(self.cut(id)),
                    Some(_) | None => None,
                },
            };
            instance.give_receiver(receiver);
            let template = self.template.clone();
            after = self.on_thread(move |state| turns(instance, event, state, &template)).await;
        }
    }

    /// The isolate that is there after a turn, or why there is none.
    async fn remains(&self, after: Option<After>) -> Result<Instance, Empty> {
        Err(match after {
            Some(After::Waits(instance)) => return Ok(instance),
            Some(After::Done(receiver)) => {
                self.empty(receiver, self.plan.kept || self.plan.reserved)
            }
            Some(After::Broken(Some(receiver))) => self.empty(receiver, self.plan.kept),
            Some(After::Absent(Some(receiver))) => {
                if self.plan.kept {
                    tokio::time::sleep(RESTART_PAUSE).await;
                }
                self.empty(receiver, self.plan.kept)
            }
            Some(After::Broken(None) | After::Absent(None)) | None => Empty::Ever,
        })
    }

    /// When an isolate has waited for long enough for something to do; `since` is when it began to.
    fn idle_limit(&self, instance: &mut Instance, since: &mut Option<Instant>) -> Option<Instant> {
        if !instance.is_idle() {
            *since = None;
            return None;
        }
        let since = *since.get_or_insert_with(Instant::now);
        (!self.plan.kept).then(|| since + self.plan.idle)
    }

    /// Ends what a request still waits for after its answer, or after its client has gone.
    fn cut(&self, id: u32) -> Event {
        let limit = self.template.limits.wait_until.as_millis();
        let text = format!(
            "what a request does after its response, or when its client has gone, is not waited for \
             any longer: it took more than {limit} ms (`taipan.limits.wait_until_ms`)"
        );
        self.template.log.write(Record::Warning { text });
        Event::Expired { id }
    }

    /// Drops an isolate for which there is nothing to do, and what was kept for others.
    async fn rest(&self, instance: Instance) {
        let template = self.template.clone();
        self.on_thread(move |_| {
            drop(instance);
            template.frozen.release_spares();
            taipan_guest::trim_arenas();
        })
        .await;
    }

    fn empty(&self, receiver: UnboundedReceiver<Event>, again: bool) -> Empty {
        self.standing.state.renew();
        self.standing.state.warm.store(again, Ordering::Relaxed);
        if let Some(pool) = self.standing.pool.upgrade() {
            pool.frees();
        }
        Empty::For { receiver, again }
    }

    /// Does `work` on a thread that a guest may run on.
    async fn on_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&State) -> T + Send + 'static,
    ) -> Option<T> {
        let state = self.standing.state.clone();
        // What panics has dropped the receiver: nobody waits for this slot any more.
        tokio::task::spawn_blocking(move || work(&state)).await.ok()
    }
}

/// Waits for something that needs an isolate.
async fn first(receiver: &mut UnboundedReceiver<Event>) -> Option<Event> {
    loop {
        match receiver.recv().await? {
            // Of an isolate that is no more.
            Event::Gone { .. }
            | Event::Sent { .. }
            | Event::Expired { .. }
            | Event::Completed { .. }
            | Event::Interrupted => {}
            event @ (Event::Request { .. } | Event::Warm { .. }) => return Some(event),
        }
    }
}

/// Handles an event, and what comes soon after it.
fn turns(
    mut instance: Instance,
    event: Option<Event>,
    state: &State,
    template: &Template,
) -> After {
    // A fault of ours ends the isolate, which is not entered again, and nothing else.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut next = Some(event);
        while let Some(event) = next {
            let answers = matches!(event, Some(Event::Request { .. }));
            state.turns.fetch_add(1, Ordering::Relaxed);
            state.busy.store(true, Ordering::Relaxed);
            let outcome = {
                let _turn = instance.isolate.control().begin();
                instance.turn(event)
            };
            state.busy.store(false, Ordering::Relaxed);
            state.grown.store(instance.grown(), Ordering::Relaxed);
            outcome?;
            if answers {
                template.frozen.learn(&mut instance);
            }
            if instance.is_done() {
                if let Some(reason @ Reason::Memory { .. }) = instance.retired() {
                    template.log.write(Record::Ended { reason: limits::fault(reason).message });
                }
                return Ok(true);
            }
            next = instance.linger(LINGER).map(Some);
        }
        Ok::<_, taipan_guest::Error>(false)
    }));
    let fault = match outcome {
        Ok(Ok(false)) => return After::Waits(instance),
        Ok(Ok(true)) => {
            return instance.take_receiver().map_or(After::Broken(None), After::Done);
        }
        Ok(Err(error)) => why_ended(&mut instance, &error),
        Err(panic) => ended_fault(format!("a fault of Taipan's own: {}", panic_text(&*panic))),
    };
    // Said before those who wait for its answers hear that there are none.
    template.log.write(Record::Ended { reason: fault.message.clone() });
    instance.end(&fault);
    After::Broken(instance.take_receiver())
}

/// Why an isolate has ended, for those who wait for it.
fn why_ended(instance: &mut Instance, error: &taipan_guest::Error) -> Fault {
    let control = instance.isolate.control();
    let ended = error.ended_by::<Ended>();
    if let Some(reason) = control.stopped() {
        return limits::fault(reason);
    }
    if let Some(exit @ Ended::Exit(_)) = ended {
        return ended_fault(exit.to_string());
    }
    // What breaks because of a limit is of that limit.
    if let Some(reason) = control.told().or_else(|| instance.limit_reached()) {
        return limits::fault(reason);
    }
    ended_fault(ended.map_or_else(|| with_causes(error), Ended::to_string))
}

/// What those hear who wait for an isolate that has ended by itself.
fn ended_fault(reason: String) -> Fault {
    Fault { kind: "ended".into(), detail: reason.clone(), message: reason }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
