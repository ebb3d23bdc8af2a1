//! An isolate that runs Python, and its event loop.
//!
//! Everything here runs on one thread and blocks it: [`turn`] handles what has
//! come, [`wait_for`] handles what comes until a promise is settled. Between
//! turns the instance may go to another thread.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use reqwest::Client;
use serde_json::json;
use taipan_guest::{Argument, Call, Handle, Isolate, Operation, Output, Program, Scope, Throw};
use taipan_pyodide::layer::Layer;
use taipan_pyodide::{LayerBytes, Layers, StandardStreams, Streams};
use taipan_webapi::body::{Bodies, BodyReader};
use taipan_webapi::encoding::Decoders;
use taipan_webapi::pending::{Completion, Pending};
use taipan_webapi::requests::{Fault, Reply, Requests};
use taipan_webapi::{Console, INSTALL, deliver};
use tokio::runtime;
use tokio::sync::mpsc::{UnboundedReceiver, WeakUnboundedSender, error::TryRecvError};

use crate::bundle::{Javascript, WORKER_MODULE, guest};
use crate::clock::Machine;
use crate::log::{Log, Milestone, Record};
use crate::{Error, worker::Incoming};

/// Where the standard library is mounted.
pub(crate) const STANDARD_LIBRARY: &str = "/lib/python3.14";

/// Bytes of all files in `/tmp` and `/session` together.
const MEMORY_FILE_BYTES_MAX: u32 = 128 << 20;

/// The operations of the event loop.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation { name: "block_until", call: block_until },
    Operation { name: "interpreter_started", call: interpreter_started },
    Operation { name: "take_bytecode", call: take_bytecode },
];

/// What comes to an isolate.
pub(crate) enum Event {
    /// A request, under the number that its sender gave it.
    Request { id: u32, request: Incoming, body: Option<BodyReader>, reply: Reply },
    /// The client of a request has gone away.
    Gone { id: u32 },
    /// An operation of the isolate with this number has ended.
    Completed { instance: u64, completion: Completion },
}

/// What an instance is booted from.
pub(crate) struct Boot<'a> {
    pub(crate) program: &'a Arc<Program>,
    pub(crate) javascript: &'a Javascript,
    /// What is mounted where; the standard library comes first.
    pub(crate) layers: Vec<(Arc<Layer<LayerBytes>>, String)>,
    /// The environment of the program.
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) streams: Box<dyn Streams>,
    pub(crate) log: Log,
    /// For outgoing requests, if there shall be any.
    pub(crate) client: Option<Client>,
    pub(crate) runtime: runtime::Handle,
    /// Tells this instance's completions from those of the one before it.
    pub(crate) number: u64,
    /// Weak: an isolate does not keep its own worker.
    pub(crate) sender: WeakUnboundedSender<Event>,
    pub(crate) receiver: UnboundedReceiver<Event>,
    /// Whether events come from outside, so that waiting is never in vain.
    pub(crate) serves: bool,
}

/// Why an isolate does not start, and the receiver, which outlives it.
pub(crate) type NotStarted = (Error, Option<UnboundedReceiver<Event>>);

/// A booted isolate.
pub(crate) struct Instance {
    isolate: Isolate,
    worker: Handle,
}

/// The event loop's own state.
struct Loop {
    number: u64,
    receiver: Option<UnboundedReceiver<Event>>,
    runtime: runtime::Handle,
    log: Log,
    serves: bool,
    /// What came before the program could answer; none is held once it can.
    held: Option<Vec<Event>>,
    sender: WeakUnboundedSender<Event>,
    fetch: Handle,
    cancel: Handle,
}

/// Bytecode of Python that the guest has made.
#[derive(Default)]
struct PythonBytecode(Vec<(String, Vec<u8>)>);

impl fmt::Debug for Instance {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Instance")
    }
}

/// Boots Python. Blocks for as long as that takes.
pub(crate) fn boot(parts: Boot<'_>) -> Result<Instance, NotStarted> {
    let mut isolate = match Isolate::new(parts.program, Box::new(Machine::new())) {
        Ok(isolate) => isolate,
        Err(source) => return Err((guest("making an isolate")(source), Some(parts.receiver))),
    };
    let mounts: Vec<_> =
        parts.layers.iter().enumerate().map(|(layer, (_, path))| json!({"layer": layer, "path": path})).collect();
    let mounts = json!(mounts).to_string();
    let log = parts.log.clone();
    log.write(Record::Reached(Milestone::Isolate));
    let environment = json!(parts.environment).to_string();
    let instance = isolate.with_roots(|scope| {
        prepare_extensions(scope, &parts);
        let worker = load_javascript(scope, parts.javascript)?;
        parts.log.write(Record::Reached(Milestone::Platform));
        let dispatch = scope.property(&worker, "dispatch")?;
        let (fetch, cancel) = (scope.property(&dispatch, "fetch")?, scope.property(&dispatch, "cancel")?);
        let Boot { receiver, sender, number, runtime, log, serves, .. } = parts;
        let (receiver, held) = (Some(receiver), Some(Vec::new()));
        scope.extensions_mut().insert(Loop { number, receiver, runtime, log, serves, held, sender, fetch, cancel });
        scope.extensions_mut().insert(StandardStreams(parts.streams));
        let start = scope.property(&worker, "start")?;
        let arguments = [(&*mounts).into(), (&*environment).into(), Argument::Number(MEMORY_FILE_BYTES_MAX.into())];
        let promise = scope.call(&start, &arguments)?;
        wait_for(scope, &promise)?;
        Ok(worker)
    });
    let worker = match instance {
        Ok(worker) => worker,
        Err(source) => {
            let receiver = take_receiver(&mut isolate);
            return Err((guest("booting Python")(source), receiver));
        }
    };
    log.write(Record::Reached(Milestone::Python));
    Ok(Instance { isolate, worker })
}

fn prepare_extensions(scope: &mut Scope<'_>, parts: &Boot<'_>) {
    let (sender, instance) = (parts.sender.clone(), parts.number);
    let tell = move |completion| {
        if let Some(sender) = sender.upgrade() {
            // A receiver that is gone has no isolate that waits.
            let _ = sender.send(Event::Completed { instance, completion });
        }
    };
    let log = parts.log.clone();
    let console = move |level: &str, text: &str| {
        log.write(Record::Console { level: level.into(), text: text.into() });
    };
    let extensions = scope.extensions_mut();
    extensions.insert(Pending::new(parts.runtime.clone(), Arc::new(tell)));
    extensions.insert(Console(Arc::new(console)));
    extensions.insert(Bodies::default());
    extensions.insert(Decoders::default());
    extensions.insert(Requests::default());
    extensions.insert(Layers(parts.layers.iter().map(|(layer, _)| layer.clone()).collect()));
    if let Some(client) = &parts.client {
        extensions.insert(client.clone());
    }
}

/// Runs the platform and the worker's own module; gives the namespace of the latter.
fn load_javascript(scope: &mut Scope<'_>, javascript: &Javascript) -> Result<Handle, taipan_guest::Error> {
    scope.set_modules(javascript.clone());
    for name in [INSTALL, WORKER_MODULE] {
        let module = scope.load(name)?;
        let evaluation = scope.run(&module)?;
        scope.run_jobs()?;
        scope.promise_result(&evaluation)?;
    }
    let module = scope.load(WORKER_MODULE)?;
    scope.module_namespace(&module)
}

/// Compiles the Python of `python` to bytecode with the guest's own compiler: paths and contents.
pub(crate) fn compile_modules(
    program: &Arc<Program>,
    javascript: &Javascript,
    python: &Arc<Layer<LayerBytes>>,
) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|error| Error::Bug { what: format!("a runtime for the guest: {error}") })?;
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    let parts = Boot {
        program,
        javascript,
        layers: vec![(python.clone(), STANDARD_LIBRARY.into())],
        environment: BTreeMap::new(),
        streams: Box::new(Mute),
        log: Log::new(|_| ()),
        client: None,
        runtime: runtime.handle().clone(),
        number: 0,
        sender: sender.downgrade(),
        receiver,
        serves: false,
    };
    on_large_stack(move || {
        let mut instance = boot(parts).map_err(|(error, _receiver)| error)?;
        instance.call("compileTree", &[STANDARD_LIBRARY.into()])?;
        let bytecode = instance.isolate.scope().extensions_mut().of_mut::<PythonBytecode>().map(std::mem::take);
        Ok(bytecode.unwrap_or_default().0)
    })
}

/// Runs `work` on a thread whose stack a guest fits in.
fn on_large_stack<T: Send>(work: impl FnOnce() -> Result<T, Error> + Send) -> Result<T, Error> {
    let bug = |what: &str| Error::Bug { what: what.into() };
    std::thread::scope(|threads| {
        let thread = std::thread::Builder::new().stack_size(taipan_guest::THREAD_STACK_BYTES);
        let thread = thread.spawn_scoped(threads, work).map_err(|_| bug("no thread for a guest"))?;
        thread.join().map_err(|_| bug("the thread of a guest panicked"))?
    })
}

/// Wakes a thread that waits in [`Instance::linger`].
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Standard streams of a guest that has nobody to talk to.
struct Mute;

impl Streams for Mute {
    fn write(&mut self, _descriptor: i32, _bytes: &[u8]) -> std::io::Result<()> {
        Ok(())
    }

    fn read(&mut self, _maximum: usize) -> std::io::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn is_terminal(&self, _descriptor: i32) -> bool {
        false
    }
}

impl Instance {
    /// Calls a function of `worker.js` and waits for what it promises, as text.
    pub(crate) fn call(&mut self, function: &str, arguments: &[Argument<'_>]) -> Result<String, Error> {
        let worker = &self.worker;
        let result = self.isolate.with_roots(|scope| {
            let function = scope.property(worker, function)?;
            let promise = scope.call(&function, arguments)?;
            let value = wait_for(scope, &promise)?;
            scope.text(&value)
        });
        result.map_err(guest("running Python"))
    }

    /// Handles an event and all that follows from it without waiting.
    pub(crate) fn turn(&mut self, event: Option<Event>) -> Result<(), taipan_guest::Error> {
        self.isolate.with_roots(|scope| turn(scope, event))
    }

    /// When the next timer fires.
    pub(crate) fn next_timer(&mut self) -> Option<Duration> {
        let mut scope = self.isolate.scope();
        let now = scope.host().monotonic_clock();
        let milliseconds = scope.extensions().of::<Pending>()?.next_timer(now)?;
        Some(Duration::from_secs_f64(milliseconds / 1000.0))
    }

    /// The program can answer: what came before goes to the end of the queue.
    pub(crate) fn open(&mut self) {
        let mut scope = self.isolate.scope();
        let Some(state) = scope.extensions_mut().of_mut::<Loop>() else { return };
        let (held, sender) = (state.held.take(), state.sender.upgrade());
        for (event, sender) in held.into_iter().flatten().zip(sender.iter().cycle()) {
            // The receiver is this one's own.
            let _ = sender.send(event);
        }
    }

    /// Blocks until the next event comes, but not for longer than `limit` or until the next timer.
    pub(crate) fn linger(&mut self, limit: Duration) -> Option<Event> {
        let limit = self.next_timer().map_or(limit, |timer| timer.min(limit));
        let mut scope = self.isolate.scope();
        let receiver = scope.extensions_mut().of_mut::<Loop>()?.receiver.as_mut()?;
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        if let Poll::Ready(event) = receiver.poll_recv(&mut context) {
            return event;
        }
        thread::park_timeout(limit);
        match receiver.poll_recv(&mut context) {
            Poll::Ready(event) => event,
            Poll::Pending => None,
        }
    }

    /// Takes the receiver out, to wait at it elsewhere.
    pub(crate) fn take_receiver(&mut self) -> Option<UnboundedReceiver<Event>> {
        take_receiver(&mut self.isolate)
    }

    /// Puts the receiver back.
    pub(crate) fn give_receiver(&mut self, receiver: UnboundedReceiver<Event>) {
        if let Some(state) = self.isolate.scope().extensions_mut().of_mut::<Loop>() {
            state.receiver = Some(receiver);
        }
    }
}

fn take_receiver(isolate: &mut Isolate) -> Option<UnboundedReceiver<Event>> {
    isolate.scope().extensions_mut().of_mut::<Loop>()?.receiver.take()
}

fn turn(scope: &mut Scope<'_>, event: Option<Event>) -> Result<(), taipan_guest::Error> {
    if let Some(event) = event {
        dispatch(scope, event)?;
    }
    while step(scope)? {}
    Ok(())
}

/// Handles what is ready, one thing of each kind; false when there was nothing.
fn step(scope: &mut Scope<'_>) -> Result<bool, taipan_guest::Error> {
    scope.run_jobs()?;
    log_faults(scope);
    let now = scope.host().monotonic_clock();
    let ready = scope.extensions_mut().of_mut::<Pending>().and_then(|pending| pending.take_ready(now));
    let found = ready.is_some();
    if let Some(completion) = ready {
        contain(scope, |scope| deliver(scope, completion))?;
        scope.run_jobs()?;
    }
    let receiver = scope.extensions_mut().of_mut::<Loop>().and_then(|state| state.receiver.as_mut());
    match receiver.map(UnboundedReceiver::try_recv) {
        Some(Ok(event)) => dispatch(scope, event)?,
        Some(Err(TryRecvError::Empty | TryRecvError::Disconnected)) | None => return Ok(found),
    }
    Ok(true)
}

fn dispatch(scope: &mut Scope<'_>, event: Event) -> Result<(), taipan_guest::Error> {
    if let Event::Request { .. } | Event::Gone { .. } = event
        && let Some(held) = scope.extensions_mut().of_mut::<Loop>().and_then(|state| state.held.as_mut())
    {
        held.push(event);
        return Ok(());
    }
    match event {
        Event::Request { id, request, body, reply } => {
            let body = match body.map(|body| scope.extensions_mut().of_mut::<Bodies>().map(|bodies| bodies.adopt(body))) {
                Some(Some(Ok(id))) => i32::try_from(id).unwrap_or(-1),
                _ => -1,
            };
            let Some(requests) = scope.extensions_mut().of_mut::<Requests>() else { return Ok(()) };
            requests.open(id, reply);
            let Incoming { method, url, headers } = request;
            let outcome = call_loop(scope, |state| &state.fetch, |scope, fetch| {
                let arguments = [Argument::Number(id.into()), (&*method).into(), (&*url).into(), (&*headers).into(), body.into()];
                scope.invoke(fetch, &arguments)
            });
            if let Err(taipan_guest::Error::Exception(error)) = &outcome {
                let fault = Fault { kind: "dispatch".into(), message: error.to_string(), detail: error.to_string() };
                if let Some(requests) = scope.extensions_mut().of_mut::<Requests>() {
                    requests.fail(id, fault);
                }
                return Ok(());
            }
            outcome
        }
        Event::Gone { id } => contain(scope, |scope| {
            call_loop(scope, |state| &state.cancel, |scope, cancel| scope.invoke(cancel, &[Argument::Number(id.into())]))
        }),
        Event::Completed { instance, completion } => {
            let ours = scope.extensions().of::<Loop>().is_some_and(|state| state.number == instance);
            let wanted = scope.extensions_mut().of_mut::<Pending>().is_some_and(|pending| ours && pending.end(completion.id));
            if wanted { contain(scope, |scope| deliver(scope, completion)) } else { Ok(()) }
        }
    }
}

/// Calls a function that the loop holds.
fn call_loop<T>(
    scope: &mut Scope<'_>,
    function: fn(&Loop) -> &Handle,
    call: impl FnOnce(&mut Scope<'_>, &Handle) -> Result<T, taipan_guest::Error>,
) -> Result<T, taipan_guest::Error> {
    let missing = || taipan_guest::Error::Link { module: "the event loop", what: "it is not there yet".into() };
    let function = function(scope.extensions().of::<Loop>().ok_or_else(missing)?).clone();
    call(scope, &function)
}

/// An exception of our own JavaScript is logged; the isolate goes on.
fn contain(
    scope: &mut Scope<'_>,
    work: impl FnOnce(&mut Scope<'_>) -> Result<(), taipan_guest::Error>,
) -> Result<(), taipan_guest::Error> {
    match work(scope) {
        Err(taipan_guest::Error::Exception(error)) => {
            if let Some(state) = scope.extensions().of::<Loop>() {
                let text = format!("uncaught in an event: {error}");
                state.log.write(Record::Console { level: "error".into(), text });
            }
            Ok(())
        }
        other => other,
    }
}

fn log_faults(scope: &mut Scope<'_>) {
    let Some(log) = scope.extensions().of::<Loop>().map(|state| state.log.clone()) else { return };
    let Some(requests) = scope.extensions_mut().of_mut::<Requests>() else { return };
    requests.report_faults(|Fault { message, detail, .. }| {
        log.write(Record::Fault { message: message.clone(), traceback: detail.clone() });
    });
}

/// Handles events until the promise is settled; its value.
pub(crate) fn wait_for(scope: &mut Scope<'_>, promise: &Handle) -> Result<Handle, taipan_guest::Error> {
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

const NEVER: &str = "waiting for something that can never happen: no timer, read, fetch or request is under way";

/// `host.block_until(predicate)`: handles events until the predicate is true.
fn block_until(call: &mut Call<'_>) -> Result<Output, Throw> {
    let predicate = call.handle(0)?;
    let scope = &mut call.scope;
    loop {
        scope.run_jobs()?;
        let answer = scope.call(&predicate, &[])?;
        if scope.text(&answer)? == "true" {
            return Ok(Output::Undefined);
        }
        if !step(scope)? && !wait(scope)? {
            return Err(Throw::error("Error", NEVER));
        }
    }
}

/// Blocks until there is something to handle; false when nothing can come.
fn wait(scope: &mut Scope<'_>) -> Result<bool, taipan_guest::Error> {
    let now = scope.host().monotonic_clock();
    let extensions = scope.extensions_mut();
    let Some(pending) = extensions.of::<Pending>() else { return Ok(false) };
    let (timer, idle) = (pending.next_timer(now), pending.is_idle());
    let Some(state) = extensions.of_mut::<Loop>() else { return Ok(false) };
    if idle && !state.serves {
        return Ok(false);
    }
    let Some(mut receiver) = state.receiver.take() else { return Ok(false) };
    let event = state.runtime.clone().block_on(async {
        match timer {
            None => receiver.recv().await,
            Some(milliseconds) => {
                let limit = Duration::from_secs_f64(milliseconds / 1000.0);
                tokio::time::timeout(limit, receiver.recv()).await.ok().flatten()
            }
        }
    });
    if let Some(state) = scope.extensions_mut().of_mut::<Loop>() {
        state.receiver = Some(receiver);
    }
    match event {
        Some(event) => dispatch(scope, event).map(|()| true),
        None => Ok(timer.is_some()),
    }
}

/// `host.interpreter_started()`: what only JavaScript notices.
fn interpreter_started(call: &mut Call<'_>) -> Result<Output, Throw> {
    if let Some(state) = call.scope.extensions().of::<Loop>() {
        state.log.write(Record::Reached(Milestone::Interpreter));
    }
    Ok(Output::Undefined)
}

/// `host.take_bytecode(path, bytes)`: what `compileTree` makes.
fn take_bytecode(call: &mut Call<'_>) -> Result<Output, Throw> {
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
