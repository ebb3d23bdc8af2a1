//! The event loop of an isolate: what comes to it, and what it waits for.
//!
//! Everything here runs on one thread and blocks it: [`turn`] handles what has
//! come, [`wait_for`] handles what comes until a promise is settled. Between
//! turns the isolate may go to another thread.

use std::time::Duration;

use taipan_guest::{Argument, CpuLimit, Handle, Operation, Output, Scope, Throw};
use taipan_webapi::pending::Pending;
use taipan_webapi::requests::Requests;
use taipan_webapi::{Owner, deliver, give_up};

use crate::call::Call;
use crate::event::{Availability, Event, Hold, Signal};
use crate::log::{Milestone, Record};
use crate::state::Loop;
use crate::{faults, health};

/// The operations of the event loop.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation { name: "block_until", call: block_until },
    Operation { name: "cpu_time_exceeded", call: cpu_time_exceeded },
    Operation { name: "end_wait", call: end_wait },
    Operation { name: "interpreter_started", call: interpreter_started },
    Operation { name: "take_bytecode", call: take_bytecode },
];

/// Bytecode of Python that the guest has made.
#[derive(Default)]
pub(crate) struct PythonBytecode(pub(crate) Vec<(String, Vec<u8>)>);

/// Handles an event and all that follows from it without waiting.
pub(crate) fn turn(scope: &mut Scope<'_>, event: Option<Event>) -> Result<(), taipan_guest::Error> {
    if let Some(event) = event {
        dispatch(scope, event)?;
    }
    while step(scope)? {}
    health::rest(scope).map(drop)
}

/// Handles what is ready, one thing of each kind; false when there was nothing.
fn step(scope: &mut Scope<'_>) -> Result<bool, taipan_guest::Error> {
    scope.run_jobs()?;
    health::report_faults(scope);
    let now = scope.host().monotonic_clock();
    let ready =
        scope.extensions_mut().of_mut::<Pending>().and_then(|pending| pending.take_ready(now));
    let found = ready.is_some();
    if let Some((owner, completion)) = ready {
        health::contain(scope, |scope| deliver(scope, owner, completion))?;
        scope.run_jobs()?;
    }
    match scope.extensions().of::<Loop>().and_then(|state| state.inbox.try_next()) {
        Some(event) => dispatch(scope, event).map(|()| true),
        None => Ok(found),
    }
}

fn dispatch(scope: &mut Scope<'_>, event: Event) -> Result<(), taipan_guest::Error> {
    if !matches!(event, Event::Completed { .. })
        && let Some(held) =
            scope.extensions_mut().of_mut::<Loop>().and_then(|state| state.held.as_mut())
    {
        held.push(event);
        return Ok(());
    }
    match event {
        Event::Call(call) => {
            health::examine(scope)?;
            let state = scope.extensions().of::<Loop>();
            let refuses =
                state.and_then(|it| it.availability.as_ref()).is_some_and(|it| it.refuses());
            match &call.lease {
                Some(lease) if refuses => {
                    lease.clone().move_call(call);
                    Ok(())
                }
                Some(_) | None => begin(scope, call),
            }
        }
        Event::Signal { id, signal } => heed(scope, id, signal),
        Event::Completed { instance, completion } => {
            let ours =
                scope.extensions().of::<Loop>().is_some_and(|state| state.number == instance);
            let pending = scope.extensions_mut().of_mut::<Pending>();
            match pending.filter(|_| ours).and_then(|pending| pending.end(completion.id)) {
                Some(owner) => health::contain(scope, |scope| deliver(scope, owner, completion)),
                None => Ok(()),
            }
        }
        Event::Warm { done } => {
            // The caller may have gone.
            let _ = done.send(());
            Ok(())
        }
        Event::Interrupted => {
            let signal = scope.take_interrupt();
            if signal != 0 {
                set_signal(scope, signal);
            }
            Ok(())
        }
    }
}

/// Has the worker begin what it is asked to do.
fn begin(scope: &mut Scope<'_>, call: Call) -> Result<(), taipan_guest::Error> {
    let Call { id, entrypoint, kind, reply, lease } = call;
    let owner = Owner::request(id);
    if let Some(state) = scope.extensions_mut().of_mut::<Loop>() {
        if let Some(leases) = &mut state.leases {
            leases.extend(lease);
        }
        let cpu = state.cpu;
        scope.control().open(owner.number(), cpu);
    }
    scope.set_owner(owner.number())?;
    if let Some(requests) = scope.extensions_mut().of_mut::<Requests>() {
        requests.open(id, reply);
    }
    kind.told(scope, id, |scope, name, told| {
        // Empty is the default one.
        let entrypoint = entrypoint.as_deref().unwrap_or_default();
        let first = [Argument::Number(id.into()), name.into(), entrypoint.into()];
        let arguments = [&first, told].concat();
        let call = |scope: &mut Scope<'_>, begin: &Handle| scope.invoke(begin, &arguments);
        health::contain(scope, |scope| call_loop(scope, |state| &state.begin, call))
    })
}

/// Tells the worker what became of a call, as far as it concerns it.
fn heed(scope: &mut Scope<'_>, id: u32, signal: Signal) -> Result<(), taipan_guest::Error> {
    let requests = scope.extensions_mut().of_mut::<Requests>();
    match signal {
        Signal::Gone => {
            if let Some(requests) = requests {
                requests.gone(id);
            }
            cancel(scope, id, false)
        }
        Signal::Sent => {
            if let Some(requests) = requests {
                requests.sent(id);
            }
            Ok(())
        }
        Signal::Expired => {
            cancel(scope, id, true)?;
            end(scope, id)
        }
    }
}

/// Tells the worker that no client waits for the answer to a request any more; and, if it is `over`, that its work
/// after the answer is not waited for either.
fn cancel(scope: &mut Scope<'_>, id: u32, over: bool) -> Result<(), taipan_guest::Error> {
    scope.set_owner(Owner::request(id).number())?;
    health::contain(scope, |scope| {
        call_loop(
            scope,
            |state| &state.cancel,
            |scope, cancel| scope.invoke(cancel, &[Argument::Number(id.into()), over.into()]),
        )
    })
}

/// Forgets a request, and what was opened in its name.
fn end(scope: &mut Scope<'_>, id: u32) -> Result<(), taipan_guest::Error> {
    if let Some(requests) = scope.extensions_mut().of_mut::<Requests>() {
        requests.done(id);
    }
    scope.control().close(Owner::request(id).number());
    health::contain(scope, |scope| give_up(scope, id))
}

/// Calls a function that the loop holds.
fn call_loop<T>(
    scope: &mut Scope<'_>,
    function: fn(&Loop) -> &Handle,
    call: impl FnOnce(&mut Scope<'_>, &Handle) -> Result<T, taipan_guest::Error>,
) -> Result<T, taipan_guest::Error> {
    let missing = || taipan_guest::Error::Link {
        module: "the event loop",
        what: "it is not there yet".into(),
    };
    let function = function(scope.extensions().of::<Loop>().ok_or_else(missing)?).clone();
    call(scope, &function)
}

/// Handles events until the promise is settled; its value.
pub(crate) fn wait_for(
    scope: &mut Scope<'_>,
    promise: &Handle,
) -> Result<Handle, taipan_guest::Error> {
    loop {
        scope.run_jobs()?;
        if let Some(value) = scope.promise_result(promise)? {
            return Ok(value);
        }
        if !step(scope)? && !wait(scope)? {
            return Err(taipan_guest::Error::Exception(taipan_guest::JsError {
                name: "Error".into(),
                message: NEVER.into(),
                stack: String::new(),
            }));
        }
    }
}

const NEVER: &str =
    "waiting for something that can never happen: no timer, read, fetch or request is under way";

/// What is said when a wait of `run_sync` cannot end.
const NEVER_IN_RUN_SYNC: &str = "run_sync waits for something that can never happen: no timer, read or fetch of this \
    isolate is under way, and what waits in another run_sync below goes on only when this one has ended";

/// `host.block_until(predicate)`: handles events until the predicate is true, and answers 0; or the number of a
/// signal that has come before.
fn block_until(call: &mut taipan_guest::Call<'_>) -> Result<Output, Throw> {
    let predicate = call.handle(0)?;
    let scope = &mut call.scope;
    let availability = scope.extensions().of::<Loop>().and_then(|it| it.availability.clone());
    let _hold = availability.clone().map(Hold::new);
    let owner = scope.owner()?;
    count_waits(scope, 1);
    let outcome = scope.anew(|scope| block(scope, &predicate, availability.as_deref()));
    count_waits(scope, -1);
    if matches!(outcome, Ok(_) | Err(Throw::Error { .. })) {
        // What is handled meanwhile belongs to other requests.
        scope.set_owner(owner)?;
    }
    outcome
}

fn block(
    scope: &mut Scope<'_>,
    predicate: &Handle,
    availability: Option<&dyn Availability>,
) -> Result<Output, Throw> {
    loop {
        scope.run_jobs()?;
        // First, so that the next wait does not hear of the signal.
        let state = scope.extensions_mut().of_mut::<Loop>();
        let signal = state.map_or(0, |state| std::mem::take(&mut state.signal));
        if signal != 0 {
            return Ok(signal.into());
        }
        let answer = scope.call(predicate, &[])?;
        if scope.text(&answer)? == "true" {
            return Ok(0.into());
        }
        if step(scope)? {
            continue;
        }
        if let Some(availability) = availability {
            availability.block();
        }
        // No request begins here meanwhile, so only what this isolate has under way can come.
        let idle = scope.extensions().of::<Pending>().is_none_or(Pending::is_idle);
        if idle || !wait(scope)? {
            return Err(Throw::error("Error", NEVER_IN_RUN_SYNC));
        }
    }
}

fn count_waits(scope: &mut Scope<'_>, more: i32) {
    if let Some(state) = scope.extensions_mut().of_mut::<Loop>() {
        state.waits = state.waits.saturating_add_signed(more);
    }
}

fn set_signal(scope: &mut Scope<'_>, signal: i32) {
    if let Some(state) = scope.extensions_mut().of_mut::<Loop>() {
        state.signal = signal;
    }
}

/// `host.end_wait(signal)`: has the innermost wait end as for a signal; false when there is none.
fn end_wait(call: &mut taipan_guest::Call<'_>) -> Result<Output, Throw> {
    let signal = call.integer(0)?;
    let waits = call.scope.extensions().of::<Loop>().is_some_and(|state| state.waits > 0);
    if waits {
        set_signal(&mut call.scope, signal);
    }
    Ok(Output::Boolean(waits))
}

/// `host.cpu_time_exceeded()`: which limit of CPU time was exceeded, in words.
fn cpu_time_exceeded(call: &mut taipan_guest::Call<'_>) -> Result<Output, Throw> {
    let told = call.scope.control().told();
    let state = call.scope.extensions().of::<Loop>();
    // No request comes to a script.
    let of_script = state.is_some_and(|state| matches!(state.cpu, CpuLimit::None));
    Ok(Output::Text(faults::cpu_time_exceeded(told, of_script)))
}

/// Blocks until there is something to handle; false when nothing can come.
fn wait(scope: &mut Scope<'_>) -> Result<bool, taipan_guest::Error> {
    let patience = health::rest(scope)?;
    let now = scope.host().monotonic_clock();
    let extensions = scope.extensions_mut();
    let Some(pending) = extensions.of::<Pending>() else { return Ok(false) };
    let (timer, idle, runs) = (pending.next_timer(now), pending.is_idle(), pending.runs());
    let Some(state) = extensions.of::<Loop>() else { return Ok(false) };
    if idle && !state.serves {
        return Ok(false);
    }
    let clock = state.clock.clone();
    if let (Some(clock), Some(milliseconds), false) = (&clock, timer, runs) {
        // Nothing else can come before the timer.
        clock.pass(milliseconds);
        return Ok(true);
    }
    let next = timer.map(|milliseconds| Duration::from_secs_f64(milliseconds / 1000.0));
    let limit = next.into_iter().chain(patience).min();
    let event = state.runtime.block_on(async {
        match limit {
            None => state.inbox.next().await,
            Some(limit) => tokio::time::timeout(limit, state.inbox.next()).await.ok().flatten(),
        }
    });
    match (event, timer) {
        (Some(event), _) => dispatch(scope, event).map(|()| true),
        (None, _) if patience.is_some() => Ok(true),
        (None, None) => Ok(false),
        (None, Some(milliseconds)) => {
            if let Some(clock) = clock {
                clock.pass(milliseconds);
            }
            Ok(true)
        }
    }
}

/// Handles events until no request is open any more, nor what it waits for with `waitUntil`; false when that can
/// never be.
pub(crate) fn wait_for_requests(scope: &mut Scope<'_>) -> Result<bool, taipan_guest::Error> {
    loop {
        while step(scope)? {}
        if scope.extensions().of::<Requests>().is_none_or(Requests::is_idle) {
            return Ok(true);
        }
        if !wait(scope)? {
            return Ok(false);
        }
    }
}

/// `host.interpreter_started()`: what only JavaScript notices.
fn interpreter_started(call: &mut taipan_guest::Call<'_>) -> Result<Output, Throw> {
    taipan_pyodide::set_collector(&mut call.scope);
    if let Some(state) = call.scope.extensions().of::<Loop>() {
        state.log.write(Record::Reached(Milestone::Interpreter));
    }
    Ok(Output::Undefined)
}

/// `host.take_bytecode(path, bytes)`: what `compileTree` makes.
fn take_bytecode(call: &mut taipan_guest::Call<'_>) -> Result<Output, Throw> {
    let (path, bytes) = (call.text(0)?, call.bytes(1)?);
    let extensions = call.scope.extensions_mut();
    if extensions.of::<PythonBytecode>().is_none() {
        extensions.insert(PythonBytecode::default());
    }
    if let Some(bytecode) = extensions.of_mut::<PythonBytecode>() {
        bytecode.0.push((path, bytes));
    }
    Ok(Output::Undefined)
}
