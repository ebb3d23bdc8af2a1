//! The isolates of a worker, which are resumed from its snapshot.

use std::sync::Arc;
use std::time::Duration;

use taipan_guest::{CpuLimit, Reason};
use taipan_pyodide::Ended;
use taipan_runtime::{
    Bindings, Error, Event, Guard, Instance, IsolateImage, Log, ToLog, World, fault as limit_fault,
};
use taipan_webapi::fetch::Client;
use taipan_webapi::limits::Allowances;
use taipan_webapi::{Fault, FaultKind, with_causes};
use tokio::runtime;
use tokio::time::Instant;

use crate::held::HeldMemory;
use crate::isolates::{ForSlot, Isolates, SlotIsolate, Stop};
use crate::settings::Limits;
use crate::start::Kept;

/// Resumes the isolates of a worker.
pub(crate) struct Resumed {
    pub(crate) kept: Kept,
    pub(crate) log: Log,
    pub(crate) bindings: Bindings,
    pub(crate) client: Client,
    pub(crate) runtime: runtime::Handle,
    /// Whether each answers one request only.
    pub(crate) fresh: bool,
    pub(crate) limits: Limits,
    pub(crate) guard: Guard,
    pub(crate) held: Arc<HeldMemory>,
}

impl Isolates for Resumed {
    fn resume(&self, slot: ForSlot) -> Result<Box<dyn SlotIsolate>, Error> {
        let ForSlot { number, sender, inbox, availability, at_once } = slot;
        let allowances = Allowances::new(self.limits.inside.clone());
        let world = World {
            streams: Box::new(ToLog::by_lines(self.log.clone(), allowances.clone())),
            allowances,
            cpu: CpuLimit::Request(self.limits.cpu),
            log: self.log.clone(),
            bindings: self.bindings.clone(),
            client: Some(self.client.clone()),
            runtime: self.runtime.clone(),
            number,
            sender,
            inbox,
            availability: Some(availability),
            serves: true,
            fresh: self.fresh,
            clock: None,
        };
        // An isolate in reserve answers once, and soon: the pages that it will write are made its own before that.
        let soon = at_once || self.fresh;
        let start = (self.limits.memory_bytes, self.limits.startup_cpu);
        let image = self.kept.image.clone();
        let mut instance = image.resume(world, start, &self.guard, soon)?;
        self.held.add(instance.isolate.scope().host_memory().clone());
        Ok(Box::new(Live { instance, image }))
    }

    fn keep_spares(&self, count: usize) {
        self.kept.image.keep_spares(count);
    }

    fn release_spares(&self) {
        self.kept.image.release_spares();
        taipan_guest::trim_arenas();
    }
}

/// An isolate that was resumed.
struct Live {
    instance: Instance,
    image: Arc<IsolateImage>,
}

impl SlotIsolate for Live {
    fn stop(&self) -> Stop {
        let control = self.instance.isolate.control().clone();
        Arc::new(move |reason| control.stop(reason))
    }

    fn turn(&mut self, event: Option<Event>) -> Result<(), Fault> {
        let answers = matches!(event, Some(Event::Call(_)));
        let outcome = {
            let _turn = self.instance.isolate.control().begin();
            self.instance.turn(event)
        };
        outcome.map_err(|error| why_ended(&mut self.instance, &error))?;
        if answers {
            self.image.learn(&mut self.instance);
        }
        Ok(())
    }

    fn linger(&mut self, limit: Duration) -> Option<Event> {
        self.instance.linger(limit)
    }

    fn end(&mut self, fault: &Fault) {
        self.instance.end(fault);
    }

    fn is_idle(&mut self) -> bool {
        self.instance.is_idle()
    }

    fn is_done(&mut self) -> bool {
        self.instance.is_done()
    }

    fn answered(&mut self) -> Vec<u32> {
        self.instance.answered()
    }

    fn next_timer(&mut self) -> Option<Duration> {
        self.instance.next_timer()
    }

    fn overdue(&mut self) -> Option<Instant> {
        self.instance.overdue()
    }

    fn grown(&mut self) -> usize {
        self.instance.grown()
    }

    fn retired(&mut self) -> Option<Reason> {
        self.instance.retired()
    }
}

/// Why an isolate has ended, for the callers that wait for it.
fn why_ended(instance: &mut Instance, error: &taipan_guest::Error) -> Fault {
    let control = instance.isolate.control();
    let ended = error.ended_by::<Ended>();
    if let Some(reason) = control.stopped() {
        return limit_fault(reason);
    }
    if let Some(exit @ Ended::Exit(_)) = ended {
        return ended_fault(exit.to_string());
    }
    // A failure because of a limit is reported as that limit.
    if let Some(reason) = control.told().or_else(|| instance.limit_reached()) {
        return limit_fault(reason);
    }
    ended_fault(ended.map_or_else(|| with_causes(error), Ended::to_string))
}

/// The fault for the callers of an isolate that has ended by itself.
pub(crate) fn ended_fault(reason: String) -> Fault {
    Fault { kind: FaultKind::Ended, detail: reason.clone(), message: reason }
}
