//! An isolate that runs Python: what its owner may do with it.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use taipan_guest::{Argument, Handle, Isolate, Reason};
use taipan_webapi::pending::Pending;
use taipan_webapi::requests::Requests;
use taipan_webapi::{Fault, Owner, Unsaved};
use tokio::time::Instant;

use crate::call::Call;
use crate::event::Event;
use crate::event_loop::{PythonBytecode, turn, wait_for, wait_for_requests};
use crate::parts::unsaved;
use crate::state::Loop;
use crate::{Error, bindings, guest, health, pyodide};

/// How often a collection is repeated at most: what one frees may have kept something else.
const COLLECTIONS_MAX: usize = 8;

/// A booted isolate.
pub struct Instance {
    /// Where it runs.
    pub isolate: Isolate,
    /// The namespace of `worker.js`.
    pub(crate) worker: Handle,
    /// What came before it was ready.
    pub(crate) early: Vec<Event>,
    /// Bytes of its memory when it was new.
    pub(crate) bytes_at_first: usize,
}

impl fmt::Debug for Instance {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Instance")
    }
}

impl Instance {
    /// Calls a function of `worker.js` and waits for what it promises, as text. What it begins is the isolate's own.
    ///
    /// # Errors
    ///
    /// What it throws; the isolate's end.
    pub fn call(&mut self, function: &str, arguments: &[Argument<'_>]) -> Result<String, Error> {
        let worker = &self.worker;
        let result = self.isolate.with_roots(|scope| {
            scope.set_owner(Owner::ISOLATE.number())?;
            let function = scope.property(worker, function)?;
            let promise = scope.call(&function, arguments)?;
            let value = wait_for(scope, &promise)?;
            scope.text(&value)
        });
        result.map_err(guest("running Python"))
    }

    /// Calls a function of `worker.js` that has the program do something.
    ///
    /// # Errors
    ///
    /// [`Error::Program`] when the program failed; the isolate's end.
    pub fn run_program(&mut self, function: &str, arguments: &[Argument<'_>]) -> Result<(), Error> {
        let reply = self.call(function, arguments)?;
        let outcome = taipan_pyodide::outcome(&reply).map_err(pyodide("running the program"))?;
        outcome.map_err(|(message, traceback)| Error::Program { message, traceback })
    }

    /// Handles an event and all that follows from it without waiting.
    ///
    /// # Errors
    ///
    /// The isolate's end.
    pub fn turn(&mut self, event: Option<Event>) -> Result<(), taipan_guest::Error> {
        let early = std::mem::take(&mut self.early);
        self.isolate.with_roots(|scope| {
            early.into_iter().try_for_each(|event| turn(scope, Some(event)))?;
            turn(scope, event)
        })
    }

    /// Handles a call, and what comes until no request is open any more, nor what it waits for with `waitUntil`; false
    /// when that can never be.
    ///
    /// # Errors
    ///
    /// The isolate's end.
    pub fn answer(&mut self, call: Call) -> Result<bool, taipan_guest::Error> {
        self.isolate.with_roots(|scope| {
            turn(scope, Some(Event::Call(call)))?;
            wait_for_requests(scope)
        })
    }

    /// All that a snapshot taken now would lose.
    pub fn unsaved(&mut self) -> Vec<Unsaved> {
        unsaved(&self.isolate.scope())
    }

    /// The names of the bindings that the program has looked at.
    pub fn bindings_read(&mut self) -> BTreeSet<String> {
        bindings::read_by(&self.isolate.scope())
    }

    /// The bytecode that Python has made, by its paths.
    pub fn take_bytecode(&mut self) -> Vec<(String, Vec<u8>)> {
        let mut scope = self.isolate.scope();
        let made = scope.extensions_mut().of_mut::<PythonBytecode>();
        made.map(std::mem::take).unwrap_or_default().0
    }

    /// Frees what is dead, and calls the callbacks of that: in a snapshot they would wait for each isolate to call them.
    ///
    /// # Errors
    ///
    /// The isolate's end.
    pub fn collect(&mut self) -> Result<(), taipan_guest::Error> {
        self.isolate.with_roots(|scope| {
            for _ in 0..COLLECTIONS_MAX {
                let before = scope.finalization_targets()?;
                scope.collect()?;
                turn(scope, None)?;
                if scope.finalization_targets()? == before {
                    break;
                }
            }
            Ok(())
        })
    }

    /// Tells every caller that waits for an answer why there is none.
    pub fn end(&mut self, fault: &Fault) {
        if let Some(requests) = self.isolate.scope().extensions_mut().of_mut::<Requests>() {
            requests.end(fault);
        }
    }

    /// The requests that are answered, and still wait for something.
    pub fn answered(&mut self) -> Vec<u32> {
        let scope = self.isolate.scope();
        let requests = scope.extensions().of::<Requests>();
        requests.map_or(Vec::new(), |requests| requests.answered().collect())
    }

    /// Does `work`, while what comes from outside is held back.
    pub(crate) fn apart<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let hold = |instance: &mut Self, held: Option<Vec<Event>>| {
            let mut scope = instance.isolate.scope();
            let state = scope.extensions_mut().of_mut::<Loop>();
            state.and_then(|state| std::mem::replace(&mut state.held, held))
        };
        hold(self, Some(Vec::new()));
        let done = work(self);
        self.early = hold(self, None).unwrap_or_default();
        done
    }

    /// Whether no request is open, nor what it waits for with `waitUntil`.
    pub fn is_idle(&mut self) -> bool {
        self.isolate.scope().extensions().of::<Requests>().is_none_or(Requests::is_idle)
    }

    /// Whether nothing more is to come: it was made for one request, or is out of service, and has answered.
    pub fn is_done(&mut self) -> bool {
        let scope = self.isolate.scope();
        let Some(state) = scope.extensions().of::<Loop>() else { return false };
        let served = state.leases.as_ref().is_some_and(|leases| !leases.is_empty());
        (served || state.health.retired.is_some()) && self.is_idle()
    }

    /// Bytes that its memory has grown by.
    pub fn grown(&mut self) -> usize {
        let bytes = self.isolate.scope().memory_bytes();
        bytes.unwrap_or(0).saturating_sub(self.bytes_at_first)
    }

    /// Why it is out of service.
    pub fn retired(&mut self) -> Option<Reason> {
        let mut scope = self.isolate.scope();
        health::refused(&mut scope);
        scope.extensions().of::<Loop>()?.health.retired
    }

    /// The limit by which it may have broken.
    pub fn limit_reached(&mut self) -> Option<Reason> {
        let reason = self.retired();
        let mut scope = self.isolate.scope();
        health::refused(&mut scope);
        let strained = scope.extensions().of::<Loop>()?.health.strained;
        let limit = scope.memory_limit();
        reason.or_else(|| strained.then_some(Reason::Memory { limit }))
    }

    /// When it is to have a turn, whatever comes.
    pub fn overdue(&mut self) -> Option<Instant> {
        self.isolate.scope().extensions().of::<Loop>()?.health.overdue
    }

    /// When the next timer fires.
    pub fn next_timer(&mut self) -> Option<Duration> {
        let mut scope = self.isolate.scope();
        let now = scope.host().monotonic_clock();
        let milliseconds = scope.extensions().of::<Pending>()?.next_timer(now)?;
        Some(Duration::from_secs_f64(milliseconds / 1000.0))
    }

    /// Blocks until the next event comes, but not for longer than `limit` or until the next timer.
    pub fn linger(&mut self, limit: Duration) -> Option<Event> {
        let limit = self.next_timer().map_or(limit, |timer| timer.min(limit));
        self.isolate.scope().extensions().of::<Loop>()?.inbox.linger(limit)
    }
}
