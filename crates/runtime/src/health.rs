//! Whether an isolate can serve: what takes it out of service.
//!
//! Three things do. A request that failed for want of memory; memory that was refused, if there is next to none when the
//! requests have ended. CPU time that was used up: the exception that says so is raised wherever Python is, in its event
//! loop's own code if it must be, and may leave anything half done. A failure of the platform's own JavaScript, which has
//! no state that it can fail in. An isolate that is out of service ends when its requests have ended; at once, where they
//! cannot.

use std::time::Duration;

use taipan_guest::{Error, GRACE, Reason, Scope};
use taipan_webapi::requests::Requests;
use taipan_webapi::{Fault, FaultKind, Owner};
use tokio::time::Instant;

use crate::faults;
use crate::log::Record;
use crate::state::{Health, Loop};

/// Bytes in one piece with which an isolate can begin to answer a request.
const ROOM_BYTES: u32 = 1 << 20;

/// This part of its limit, in one piece, is what an isolate must have left when it rests, once memory was refused to it.
const ROOM_SHARE: usize = 16;

fn health<'a>(scope: &'a mut Scope<'_>) -> Option<&'a mut Health> {
    scope.extensions_mut().of_mut::<Loop>().map(|state| &mut state.health)
}

/// Hears from the guest's limits that memory was refused, and remembers it; whether it was in this turn.
pub(crate) fn refused(scope: &mut Scope<'_>) -> bool {
    let now = scope.memory_refused();
    let Some(health) = health(scope) else { return now };
    health.refused |= now;
    health.strained |= now;
    health.refused
}

/// Takes the isolate out of service.
fn retire(scope: &mut Scope<'_>, reason: Reason) {
    let Some(state) = scope.extensions_mut().of_mut::<Loop>() else { return };
    state.health.retired.get_or_insert(reason);
    if let Some(availability) = &state.availability {
        availability.retire();
    }
}

/// Does `work`, which runs the platform's own JavaScript. What that throws, or has no memory for, is the isolate's end:
/// it is not known what was left undone.
pub(crate) fn contain(
    scope: &mut Scope<'_>,
    work: impl FnOnce(&mut Scope<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let error = match work(scope) {
        Err(error @ (Error::Exception(_) | Error::OutOfMemory { .. })) => error,
        other => return other,
    };
    let told = scope.control().told();
    let full = matches!(error, Error::OutOfMemory { .. }) || refused(scope);
    let reason = match told {
        Some(reason) => reason,
        None if full => Reason::Memory { limit: scope.memory_limit() },
        None => Reason::Broken,
    };
    if reason == Reason::Broken
        && let Some(state) = scope.extensions().of::<Loop>()
    {
        let text = format!("uncaught in an event: {error}");
        state.log.write(Record::Console { level: "error".into(), text });
    }
    Err(stop(scope, reason))
}

fn stop(scope: &mut Scope<'_>, reason: Reason) -> Error {
    scope.control().stop(reason);
    Error::Stopped { reason }
}

/// Logs the faults of requests, and tells the callers that wait for their answers.
pub(crate) fn report_faults(scope: &mut Scope<'_>) {
    if !scope.extensions().of::<Requests>().is_some_and(Requests::has_faults) {
        return;
    }
    let Some(log) = scope.extensions().of::<Loop>().map(|state| state.log.clone()) else { return };
    let refused = refused(scope);
    let limit = scope.memory_limit();
    let control = scope.control().clone();
    let (mut heeded, mut starved) = (Vec::new(), false);
    let Some(requests) = scope.extensions_mut().of_mut::<Requests>() else { return };
    requests.report_faults(|id, fault| {
        let owner = Owner::request(id).number();
        if control.has_heard(owner) || control.told().is_some() {
            // Whatever became of the exception that said so.
            fault.kind = FaultKind::CpuTime;
            heeded.push(owner);
        } else if refused || is_of_memory(&fault.message) {
            of_memory(fault, limit);
            starved = true;
        }
        let Fault { message, detail, .. } = fault;
        log.write(Record::Fault { message: message.clone(), traceback: detail.clone() });
    });
    if starved {
        retire(scope, Reason::Memory { limit });
    }
    for owner in heeded {
        settle(scope, owner);
    }
}

/// The request of `owner` has ended because CPU time is used up; what else is under way may use as much.
fn settle(scope: &mut Scope<'_>, owner: u32) {
    if let Some(reason) = scope.control().was_told() {
        retire(scope, reason);
    }
    let Some(state) = scope.extensions_mut().of_mut::<Loop>() else { return };
    let cpu = state.cpu;
    scope.control().settle(owner, cpu);
}

/// What Python and JavaScript say when there is no memory.
fn is_of_memory(message: &str) -> bool {
    message.starts_with("MemoryError")
        || message.contains("InternalError: out of memory")
        || message.contains("the isolate is out of memory")
}

/// Makes a fault one of the limit of memory, with words where there was no memory to find any.
fn of_memory(fault: &mut Fault, limit: usize) {
    let said = is_of_memory(&fault.message) || !fault.detail.is_empty();
    fault.kind = FaultKind::Memory;
    if !said || fault.message.len() < 5 || fault.message.starts_with(':') {
        fault.message = faults::fault(Reason::Memory { limit }).message;
        fault.detail.clear();
    }
}

/// Takes an isolate out of service before a request begins there or when it rests: when its CPU time is used up,
/// whatever came of that; and when memory was refused to it, no request is open, and it has little left, since the
/// program may have caught that and kept what it has.
///
/// # Errors
///
/// A trap.
pub(crate) fn examine(scope: &mut Scope<'_>) -> Result<(), Error> {
    if let Some(reason) = scope.control().was_told() {
        retire(scope, reason);
    }
    refused(scope);
    if !is_idle(scope) || !health(scope).is_some_and(|health| std::mem::take(&mut health.strained))
    {
        return Ok(());
    }
    let limit = scope.memory_limit();
    let room = u32::try_from(limit / ROOM_SHARE).unwrap_or(u32::MAX);
    if !scope.has_room(room)? {
        retire(scope, Reason::Memory { limit });
    }
    Ok(())
}

fn is_idle(scope: &Scope<'_>) -> bool {
    scope.extensions().of::<Requests>().is_none_or(Requests::is_idle)
}

/// Looks whether an isolate that has nothing to do but to wait may wait, and for how long at most.
///
/// # Errors
///
/// It is stopped, because it has no memory left or its CPU time is used up and nothing came of that.
pub(crate) fn rest(scope: &mut Scope<'_>) -> Result<Option<Duration>, Error> {
    if refused(scope) {
        if let Some(health) = health(scope) {
            health.refused = false;
        }
        if !scope.has_room(ROOM_BYTES)? {
            let limit = scope.memory_limit();
            return Err(stop(scope, Reason::Memory { limit }));
        }
    }
    examine(scope)?;
    let reason = scope.control().told().filter(|_| !is_idle(scope));
    let Some(health) = health(scope) else { return Ok(None) };
    let Some(reason) = reason else {
        health.overdue = None;
        return Ok(None);
    };
    // A program that heeds the exception may have to wait for something before it can answer; one that lost it waits
    // for what never comes.
    let now = Instant::now();
    let overdue = *health.overdue.get_or_insert(now + GRACE);
    if now < overdue {
        return Ok(Some(overdue - now));
    }
    Err(stop(scope, reason))
}
