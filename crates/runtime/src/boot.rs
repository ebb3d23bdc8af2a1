//! Boots Python in an isolate.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::json;
use taipan_guest::{Argument, CpuLimit, Handle, Host, Isolate, Program, Scope};
use taipan_pyodide::layer::Layer;
use taipan_pyodide::{LayerBytes, Layers, StandardStreams, Streams};
use taipan_webapi::body::Bodies;
use taipan_webapi::encoding::Decoders;
use taipan_webapi::fetch::Client;
use taipan_webapi::limits::Allowances;
use taipan_webapi::pending::Pending;
use taipan_webapi::requests::Requests;
use taipan_webapi::{Console, INSTALL};
use tokio::runtime;
use tokio::sync::mpsc::{UnboundedSender, WeakUnboundedSender};

use crate::clock::Virtual;
use crate::event::{Availability, Event};
use crate::event_loop::wait_for;
use crate::inbox::Inbox;
use crate::instance::Instance;
use crate::log::{Log, Milestone, Record};
use crate::registry::Registry;
use crate::sources::WORKER_MODULE;
use crate::state::{Health, Loop};
use crate::streams::Mute;
use crate::{Error, guest};

/// Bytes of all files in `/tmp` and `/session` together.
const MEMORY_FILE_BYTES_MAX: u32 = 128 << 20;

/// What an isolate is given of the world, beside clocks and entropy.
pub struct World {
    /// Its standard streams.
    pub streams: Box<dyn Streams>,
    /// Who hears what it says.
    pub log: Log,
    /// For outgoing requests, if there shall be any.
    pub client: Option<Client>,
    /// What its operations run on.
    pub runtime: runtime::Handle,
    /// Tells this isolate's completions from those of the one before it.
    pub number: u64,
    /// Weak: an isolate does not keep its own worker.
    pub sender: WeakUnboundedSender<Event>,
    /// Where events come.
    pub inbox: Inbox,
    /// What it tells those who choose an isolate for a request.
    pub availability: Option<Arc<dyn Availability>>,
    /// Whether events come from outside, so that waiting is never in vain.
    pub serves: bool,
    /// Whether it answers one request only.
    pub fresh: bool,
    /// What it may use.
    pub allowances: Allowances,
    /// CPU time for a request.
    pub cpu: CpuLimit,
    /// The clock to move when a timer is waited for.
    pub clock: Option<Virtual>,
}

impl fmt::Debug for World {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("World").field("number", &self.number).finish_non_exhaustive()
    }
}

impl World {
    /// Of an isolate on a virtual host, to which nobody talks; and what must live for as long as it runs.
    #[must_use]
    pub fn alone(
        runtime: runtime::Handle,
        log: Log,
        host: &Virtual,
    ) -> (World, UnboundedSender<Event>) {
        let (sender, inbox) = Inbox::new();
        let clock = Some(host.clone());
        (World { clock, ..World::new(runtime, log, sender.downgrade(), inbox) }, sender)
    }

    /// Of an isolate that runs by itself, with the clocks of its host: no requests come to it, and it has no limits of
    /// its own and no network.
    #[must_use]
    pub fn new(
        runtime: runtime::Handle,
        log: Log,
        sender: WeakUnboundedSender<Event>,
        inbox: Inbox,
    ) -> World {
        World {
            streams: Box::new(Mute),
            log,
            client: None,
            runtime,
            number: 0,
            sender,
            inbox,
            availability: None,
            serves: false,
            fresh: false,
            allowances: Allowances::default(),
            cpu: CpuLimit::None,
            clock: None,
        }
    }
}

/// A layer, and where it is mounted.
pub type Mount = (Arc<Layer<LayerBytes>>, String);

/// What is mounted; the standard library comes first.
pub type Mounts = Vec<Mount>;

/// What an instance is booted from.
pub struct Boot<'a> {
    /// The program.
    pub program: &'a Arc<Program>,
    /// Its modules.
    pub registry: Registry,
    /// Its files.
    pub layers: Mounts,
    /// The environment of the program.
    pub environment: BTreeMap<String, String>,
    /// Clocks and entropy.
    pub host: Box<dyn Host>,
    /// All else of the world.
    pub world: World,
}

impl fmt::Debug for Boot<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Boot").field("registry", &self.registry).finish_non_exhaustive()
    }
}

/// Boots Python. Blocks for as long as that takes.
///
/// # Errors
///
/// A fault of ours, or of the release.
pub fn boot(parts: Boot<'_>) -> Result<Instance, Error> {
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
        let (begin, cancel) =
            (scope.property(&dispatch, "begin")?, scope.property(&dispatch, "cancel")?);
        scope.extensions_mut().insert(connected.with(begin, cancel));
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
    pub(crate) fn with(self, begin: Handle, cancel: Handle) -> Loop {
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
            begin,
            cancel,
        }
    }
}

/// Gives the isolate what serves its operations.
pub(crate) fn connect(
    scope: &mut Scope<'_>,
    registry: Registry,
    layers: &Mounts,
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

/// Runs `work` on a thread whose stack a guest fits in.
///
/// # Errors
///
/// What `work` gives; a fault of ours.
pub fn on_large_stack<T: Send, E: From<Error> + Send>(
    work: impl FnOnce() -> Result<T, E> + Send,
) -> Result<T, E> {
    let bug = |what: &str| Error::Bug { what: what.into() };
    std::thread::scope(|threads| {
        let thread = std::thread::Builder::new().stack_size(taipan_guest::THREAD_STACK_BYTES);
        let thread =
            thread.spawn_scoped(threads, work).map_err(|_| bug("no thread for a guest"))?;
        thread.join().map_err(|_| bug("the thread of a guest panicked"))?
    })
}
