//! Boots Python in an isolate.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::json;
use taipan_guest::{Argument, CpuLimit, Handle, Host, Isolate, Program, Scope};
use taipan_pyodide::layer::Layer;
use taipan_pyodide::{LayerBytes, Layers, StandardStreams, Streams};
use taipan_release::BundleId;
use taipan_store::Digest;
use taipan_webapi::body::Bodies;
use taipan_webapi::encoding::Decoders;
use taipan_webapi::fetch::Client;
use taipan_webapi::limits::Allowances;
use taipan_webapi::pending::Pending;
use taipan_webapi::requests::Requests;
use taipan_webapi::{Console, INSTALL};
use tokio::runtime;
use tokio::sync::mpsc::{UnboundedSender, WeakUnboundedSender};

use crate::Error;
use crate::availability::Availability;
use crate::bundle::{Javascript, WORKER_MODULE, guest};
use crate::clock::Virtual;
use crate::events::{Event, Loop, PythonBytecode, wait_for};
use crate::health::Health;
use crate::inbox::Inbox;
use crate::instance::Instance;
use crate::log::{Log, Milestone, Record};
use crate::registry::Registry;
use crate::snapshots::{self, Rest};
use crate::streams::Mute;

/// Bytes of all files in `/tmp` and `/session` together.
const MEMORY_FILE_BYTES_MAX: u32 = 128 << 20;

/// What an isolate is given of the world, beside clocks and entropy.
pub(crate) struct World {
    pub(crate) streams: Box<dyn Streams>,
    pub(crate) log: Log,
    /// For outgoing requests, if there shall be any.
    pub(crate) client: Option<Client>,
    pub(crate) runtime: runtime::Handle,
    /// Tells this isolate's completions from those of the one before it.
    pub(crate) number: u64,
    /// Weak: an isolate does not keep its own worker.
    pub(crate) sender: WeakUnboundedSender<Event>,
    pub(crate) inbox: Inbox,
    /// What it tells those who choose an isolate for a request.
    pub(crate) availability: Option<Arc<dyn Availability>>,
    /// Whether events come from outside, so that waiting is never in vain.
    pub(crate) serves: bool,
    /// Whether it answers one request only.
    pub(crate) fresh: bool,
    /// What it may use.
    pub(crate) allowances: Allowances,
    /// CPU time for a request.
    pub(crate) cpu: CpuLimit,
    /// The clock to move when a timer is waited for.
    pub(crate) clock: Option<Virtual>,
}

impl World {
    /// Of an isolate on a virtual host, to which nobody talks; and what must live for as long as it runs.
    pub(crate) fn alone(
        runtime: runtime::Handle,
        log: Log,
        host: &Virtual,
    ) -> (World, UnboundedSender<Event>) {
        let (sender, inbox) = Inbox::new();
        let world = World {
            streams: Box::new(Mute),
            log,
            client: None,
            runtime,
            number: 0,
            sender: sender.downgrade(),
            inbox,
            availability: None,
            serves: false,
            fresh: false,
            allowances: Allowances::default(),
            cpu: CpuLimit::None,
            clock: Some(host.clone()),
        };
        (world, sender)
    }
}

/// A layer, and where it is mounted.
pub(crate) type Mount = (Arc<Layer<LayerBytes>>, String);

/// What is mounted; the standard library comes first.
pub(crate) type Mounted = Vec<Mount>;

/// What an instance is booted from.
pub(crate) struct Boot<'a> {
    pub(crate) program: &'a Arc<Program>,
    pub(crate) registry: Registry,
    pub(crate) layers: Mounted,
    /// The environment of the program.
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) host: Box<dyn Host>,
    pub(crate) world: World,
}

/// Boots Python. Blocks for as long as that takes.
pub(crate) fn boot(parts: Boot<'_>) -> Result<Instance, Error> {
    let Boot { program, registry, layers, environment, host, world } = parts;
    let mut isolate = Isolate::new(program, host).map_err(guest("making an isolate"))?;
    let mounts: Vec<_> = layers
        .iter()
        .enumerate()
        .map(|(layer, (_, path))| json!({"layer": layer, "path": path}))
        .collect();
    let (mounts, environment) = (json!(mounts).to_string(), json!(environment).to_string());
    let log = world.log.clone();
    log.write(Record::Reached(Milestone::Isolate));
    let worker = isolate.with_roots(|scope| {
        let connected = connect(scope, registry, &layers, world);
        let worker = load_javascript(scope)?;
        log.write(Record::Reached(Milestone::Platform));
        let dispatch = scope.property(&worker, "dispatch")?;
        let (fetch, cancel) =
            (scope.property(&dispatch, "fetch")?, scope.property(&dispatch, "cancel")?);
        scope.extensions_mut().insert(connected.with(fetch, cancel));
        let start = scope.property(&worker, "start")?;
        let arguments = [
            (&*mounts).into(),
            (&*environment).into(),
            Argument::Number(MEMORY_FILE_BYTES_MAX.into()),
        ];
        let promise = scope.call(&start, &arguments)?;
        wait_for(scope, &promise)?;
        Ok(worker)
    });
    let worker = worker.map_err(guest("booting Python"))?;
    log.write(Record::Reached(Milestone::Python));
    Ok(Instance { isolate, worker, early: Vec::new(), bytes_at_first: 0 })
}

/// What becomes the event loop once its functions are known.
pub(crate) struct Connected(World);

impl Connected {
    pub(crate) fn with(self, fetch: Handle, cancel: Handle) -> Loop {
        let World { log, runtime, number, inbox, availability, serves, fresh, cpu, clock, .. } =
            self.0;
        Loop {
            number,
            inbox,
            runtime,
            log,
            availability,
            serves,
            leases: fresh.then(Vec::new),
            held: None,
            cpu,
            health: Health::default(),
            waits: 0,
            signal: 0,
            clock,
            fetch,
            cancel,
        }
    }
}

/// Gives the isolate what serves its operations.
pub(crate) fn connect(
    scope: &mut Scope<'_>,
    registry: Registry,
    layers: &Mounted,
    mut world: World,
) -> Connected {
    scope.set_modules(Arc::new(registry.clone()));
    let (sender, instance) = (world.sender.clone(), world.number);
    let tell = move |completion| {
        if let Some(sender) = sender.upgrade() {
            // A receiver that is gone has no isolate that waits.
            let _ = sender.send(Event::Completed { instance, completion });
        }
    };
    let log = world.log.clone();
    let console = move |level: &str, text: &str| {
        log.write(Record::Console { level: level.into(), text: text.into() });
    };
    let extensions = scope.extensions_mut();
    extensions.insert(registry);
    extensions.insert(Pending::new(world.runtime.clone(), Arc::new(tell)));
    extensions.insert(Console(Arc::new(console)));
    extensions.insert(Bodies::default());
    extensions.insert(Decoders::default());
    extensions.insert(Requests::new(world.allowances.clone()));
    extensions.insert(Layers(layers.iter().map(|(layer, _)| layer.clone()).collect()));
    extensions.insert(StandardStreams(std::mem::replace(&mut world.streams, Box::new(Mute))));
    if let Some(client) = &world.client {
        extensions.insert(client.clone());
    }
    Connected(world)
}

/// Runs the platform and the worker's own module; gives the namespace of the latter.
fn load_javascript(scope: &mut Scope<'_>) -> Result<Handle, taipan_guest::Error> {
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
    python: Mount,
) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let path = python.1.clone();
    alone(b"compiling the standard library", program, javascript, python, move |instance| {
        instance.call("compileTree", &[path.as_str().into()])?;
        let bytecode = instance
            .isolate
            .scope()
            .extensions_mut()
            .of_mut::<PythonBytecode>()
            .map(std::mem::take);
        Ok(bytecode.unwrap_or_default().0)
    })
}

/// Boots an isolate of the bundle `id` that has the standard library and no program; its snapshot.
pub(crate) fn baseline(
    id: BundleId,
    program: &Arc<Program>,
    javascript: &Javascript,
    python: Mount,
) -> Result<Vec<u8>, Error> {
    alone(b"the baseline", program, javascript, python, |instance| {
        instance.call("prepareSnapshot", &[])?;
        instance.collect().map_err(guest("collecting garbage"))?;
        snapshots::take(instance, &snapshots::baseline_provenance(id), None, Rest::default())
    })
}

/// Boots an isolate that has only the standard library and its entropy from `seed`, and does `work` with it.
fn alone<T: Send>(
    seed: &[u8],
    program: &Arc<Program>,
    javascript: &Javascript,
    python: Mount,
    work: impl FnOnce(&mut Instance) -> Result<T, Error> + Send,
) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|error| Error::Bug { what: format!("a runtime for the guest: {error}") })?;
    let host = Virtual::new(Digest::of(seed));
    let (world, _sender) = World::alone(runtime.handle().clone(), Log::new(|_| ()), &host);
    let parts = Boot {
        program,
        registry: Registry::builtin(javascript.clone(), BTreeSet::new()),
        layers: vec![python],
        environment: BTreeMap::new(),
        host: Box::new(host),
        world,
    };
    on_large_stack(move || work(&mut boot(parts)?))
}

/// Runs `work` on a thread whose stack a guest fits in.
pub(crate) fn on_large_stack<T: Send>(
    work: impl FnOnce() -> Result<T, Error> + Send,
) -> Result<T, Error> {
    let bug = |what: &str| Error::Bug { what: what.into() };
    std::thread::scope(|threads| {
        let thread = std::thread::Builder::new().stack_size(taipan_guest::THREAD_STACK_BYTES);
        let thread =
            thread.spawn_scoped(threads, work).map_err(|_| bug("no thread for a guest"))?;
        thread.join().map_err(|_| bug("the thread of a guest panicked"))?
    })
}
