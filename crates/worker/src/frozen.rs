//! A worker at rest: its snapshot, opened once for all isolates that are resumed from it.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use serde_json::json;
use taipan_guest::{CompiledModule, Host, Image, Isolate};
use taipan_pyodide::{Ended, LOCATE, Prepared};
use taipan_release::Digest;
use taipan_snapshot::Provenance;
use taipan_store::{Entry, Held, OnReadOnly, Progress, write_private};
use taipan_webapi::Unsaved;
use taipan_webapi::limits::Allowances;
use taipan_webapi::requests::{Answer, AnswerBody, Fault};
use tokio::runtime;
use tokio::sync::oneshot;

use crate::Error;
use crate::boot::{Boot, Mounted, World, boot, connect};
use crate::bundle::{Bundle, guest};
use crate::clock::{Machine, Virtual};
use crate::code::Code;
use crate::events::{Event, turn, wait_for_requests};
use crate::instance::Instance;
use crate::limits::{self, Guard, Limits};
use crate::log::{Log, Milestone, Record, ResumeTimes};
use crate::registry::Registry;
use crate::snapshots::{self, Opened, Rest, Saved};
use crate::top_level::TopLevel;
use crate::webassembly;
use crate::streams::ToLog;
use crate::worker::{Incoming, Settings};

/// Where the files of a worker are, as in workerd.
pub(crate) const WORKER_DIRECTORY: &str = "/session/metadata";

/// The kind of entry of the cache, and the file in it.
pub(crate) const ENTRIES: &str = "snapshot";
pub(crate) const FILE: &str = "worker.snapshot";

/// Bytes of a page, as the kernel maps them.
const PAGE_BYTES: usize = 4096;

/// Pages that are made an isolate's own before its first request, at most: 4 MiB.
const POPULATED_PAGES_MAX: usize = 1024;

/// A worker at rest.
pub(crate) struct Frozen {
    image: Arc<Image>,
    saved: Saved,
    layers: Mounted,
    registry: Registry,
    /// So that nobody removes them.
    _bundle: Arc<Bundle>,
    _held: Option<Held>,
    /// The pages that the first request wrote.
    written: OnceLock<Vec<Range<u32>>>,
}

/// Opens the snapshot of a worker, which is made first when the cache does not have it.
pub(crate) fn prepare(
    settings: &Settings,
    runtime: &runtime::Handle,
    progress: Progress<'_>,
) -> Result<(Frozen, Entry), Error> {
    let Found { frozen, made, entry, .. } = find(settings, runtime, progress)?;
    if !made {
        frozen.saved.log.iter().for_each(|record| settings.log.write(record.clone()));
    }
    settings.log.write(Record::Reached(Milestone::Program));
    Ok((frozen, entry))
}

/// The snapshot of a worker, where it is, and whether it had to be made.
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    pub(crate) entry: Entry,
    pub(crate) made: bool,
    /// Whether it is in the cache, for the next who needs it.
    pub(crate) kept: bool,
    /// Its file.
    pub(crate) opened: Opened,
    frozen: Frozen,
}

impl Found {
    /// What was said when it was made, which may be long ago.
    pub(crate) fn log(&self) -> &[Record] {
        &self.frozen.saved.log
    }
}

/// Finds the snapshot of a worker in the cache, or makes it.
pub(crate) fn find(
    settings: &Settings,
    runtime: &runtime::Handle,
    progress: Progress<'_>,
) -> Result<Found, Error> {
    let bundle = &settings.bundle;
    let provenance = provenance(settings);
    let key = key(&provenance);
    let entry = settings.cache.entry(ENTRIES, &key.to_string())?;
    let registry = registry(settings, progress)?;
    let made = Cell::new(false);
    let build = |staging: &Path| {
        made.set(true);
        let (log, recorded) = settings.log.recorded();
        let registry = registry.clone();
        let services = Services { bundle, registry, guard: &settings.guard, log, runtime };
        let started = start(&TopLevel::of(settings), key, services);
        let (mut instance, resumes) = started.map_err(ended)?;
        let rest = Rest { resumes, log: recorded.take() };
        let file = snapshots::take(&mut instance, &provenance, Some(&bundle.baseline), rest)?;
        Ok::<_, Error>(write_private(&staging.join(FILE), &file)?)
    };
    let held = entry.hold()?;
    let open = || {
        let files = entry.get_or_build(OnReadOnly::Apart, progress, build)?;
        let path = files.folder().join(FILE);
        let opened = snapshots::of_entry(&path, files.file(FILE)?)?;
        let checked = opened.snapshot.provenance.check(&provenance);
        checked.map_err(snapshots::unusable(&path))?;
        let own = registry.ready();
        let (layers, registry) = (layers(bundle, &settings.code), registry.clone());
        let frozen = Frozen::new(&path, opened.clone(), bundle, layers, registry, &own)?;
        let (made, kept, entry) = (made.get(), !files.is_apart(), entry.clone());
        Ok(Found { path, entry, made, kept, opened, frozen })
    };
    let mut found = match open() {
        // It is as it was published, and of no use to this Taipan: it is made again.
        Err(Error::Snapshot { .. } | Error::Section { .. } | Error::Guest { .. })
            if !made.get() =>
        {
            entry.remove(progress)?;
            open()
        }
        read => read,
    }?;
    found.frozen._held = Some(held);
    Ok(found)
}

/// What a worker's snapshot is made from.
pub(crate) fn provenance(settings: &Settings) -> Provenance {
    snapshots::worker_provenance(&settings.bundle.baseline, &TopLevel::of(settings).inputs())
}

/// The name in the cache of the snapshot with this provenance.
pub(crate) fn key(provenance: &Provenance) -> Digest {
    Digest::of(format!("{provenance:?}").as_bytes())
}

fn layers(bundle: &Bundle, code: &Code) -> Mounted {
    vec![bundle.python.clone(), (code.layer.clone(), WORKER_DIRECTORY.into())]
}

fn registry(settings: &Settings, progress: Progress<'_>) -> Result<Registry, Error> {
    let Settings { bundle, modules, code, .. } = settings;
    let (builtin, files) = (bundle.javascript.clone(), code.layer.clone());
    let compiled = webassembly::compile(settings, progress)?;
    Ok(Registry::of_worker(builtin, modules.clone(), files, compiled))
}

/// What a start has need of and cannot look at: nothing of it is in the snapshot, but the bundle, which is named there.
struct Services<'a> {
    bundle: &'a Bundle,
    /// Made of the modules of the top level.
    registry: Registry,
    guard: &'a Guard,
    log: Log,
    runtime: &'a runtime::Handle,
}

/// Boots an isolate, and runs the worker's top level and its warm-up requests. With it: whether Python has something
/// to do in each isolate that is resumed.
fn start(
    top_level: &TopLevel<'_>,
    seed: Digest,
    services: Services<'_>,
) -> Result<(Instance, bool), Error> {
    let Services { bundle, registry, guard, log, runtime } = services;
    let host = Virtual::new(seed);
    let allowances = Allowances::new(top_level.inside.clone());
    let (streams, told) = (Box::new(ToLog::new(log.clone(), allowances.clone())), log.clone());
    let (world, _sender) = World::alone(runtime.clone(), log, &host);
    let client = Some(top_level.network.client());
    let world = World { client, streams, allowances, ..world };
    let mut instance = boot(Boot {
        program: &bundle.program,
        registry,
        layers: layers(bundle, top_level.code),
        environment: BTreeMap::from([("PYTHONUNBUFFERED".into(), "1".into())]),
        host: Box::new(host),
        world,
    })?;
    let TopLevel { memory_bytes, startup_cpu, .. } = *top_level;
    limits::impose(&mut instance, memory_bytes, startup_cpu, guard)?;
    let resumes = {
        let _turn = instance.isolate.control().begin();
        let run = run(top_level, &mut instance, &told, runtime);
        run.map_err(|error| limits::of_start(error, &instance))?
    };
    Ok((instance, resumes))
}

/// Runs the top level and the warm-up requests, and makes the instance ready for its snapshot.
fn run(
    top_level: &TopLevel<'_>,
    instance: &mut Instance,
    log: &Log,
    runtime: &runtime::Handle,
) -> Result<bool, Error> {
    instance.isolate.scope().start_recording(LOCATE);
    instance.call("beginSnapshot", &[])?;
    load(top_level, instance)?;
    for path in top_level.warmup {
        warm_up(instance, path, runtime)?;
    }
    settle(instance, log)
}

/// What ends the program ends the start of the worker, by the worker's own fault.
fn ended(error: Error) -> Error {
    let ended = match &error {
        Error::Guest { source, .. } => source.ended_by::<Ended>().map(ToString::to_string),
        _ => None,
    };
    ended.map_or(error, |message| Error::Program { message, traceback: String::new() })
}

/// Makes an instance ready for its snapshot.
fn settle(instance: &mut Instance, log: &Log) -> Result<bool, Error> {
    let prepared = instance.call("prepareSnapshot", &[])?;
    instance.collect().map_err(guest("running Python"))?;
    let prepared = taipan_pyodide::prepared(&prepared)
        .map_err(|source| Error::Pyodide { doing: "preparing a snapshot", source })?;
    let (resumes, drawn, generators) = match prepared {
        Prepared::Ready { resumes, drawn, generators } => (resumes, drawn, generators),
        Prepared::Fault { message, traceback } => {
            return Err(Error::Program { message, traceback });
        }
    };
    refuse_unsaved(instance)?;
    let entropy = taipan_pyodide::entropy(&mut instance.isolate.scope());
    for origin in entropy.iter().chain(&drawn) {
        log.write(Record::Warning { text: taipan_pyodide::entropy_message(origin) });
    }
    let mut scope = instance.isolate.scope();
    Ok(!taipan_pyodide::keep_generators(&mut scope, &generators) || resumes)
}

/// Says what would be lost, if there is something.
fn refuse_unsaved(instance: &mut Instance) -> Result<(), Error> {
    let unsaved = taipan_webapi::unsaved(&instance.isolate.scope());
    if unsaved.is_empty() {
        return Ok(());
    }
    let place = |unsaved: &Unsaved| {
        let place = unsaved.origin.as_ref().map(|origin| &origin.place);
        place.map_or((String::new(), 0), |place| (place.file.clone(), place.line))
    };
    let places: Vec<_> = unsaved.iter().map(place).collect();
    let names = instance.call("variables", &[(&*json!(places).to_string()).into()])?;
    // A program can put anything in the place of our Python; then there are no names.
    let names: Vec<Option<String>> = serde_json::from_str(&names).unwrap_or_default();
    let names = names.iter().map(Option::as_deref).chain(std::iter::repeat(None));
    let messages = unsaved.iter().zip(names).map(|(unsaved, name)| unsaved.message(name)).collect();
    Err(Error::Unsaved { messages })
}

/// Imports the worker's main module.
fn load(top_level: &TopLevel<'_>, instance: &mut Instance) -> Result<(), Error> {
    let root = &top_level.modules.root;
    let source = format!("{WORKER_DIRECTORY}/{root}");
    let packages = format!("{WORKER_DIRECTORY}/python_modules");
    let path = json!([source.trim_end_matches('/'), packages, WORKER_DIRECTORY]).to_string();
    let variables = json!(top_level.variables).to_string();
    let flags = json!(top_level.flags).to_string();
    instance.call("furnish", &[(&*path).into(), (&*variables).into(), (&*flags).into()])?;
    let outcome = match top_level.main.strip_suffix(".py") {
        Some(module) => {
            let module = module.strip_prefix(root.as_str()).unwrap_or(module).replace('/', ".");
            instance.call("loadPython", &[(&*module).into()])
        }
        None => {
            let name = format!("{WORKER_DIRECTORY}/{}", top_level.main);
            instance.call("loadJavascript", &[(&*name).into()])
        }
    };
    match outcome?.split_once('\0') {
        None => Ok(()),
        Some((message, traceback)) => {
            Err(Error::Program { message: message.into(), traceback: traceback.into() })
        }
    }
}

/// What is wrong with an answer that has begun.
const BROKEN_OFF: &str = "the body of its response breaks off";

/// Has an instance answer a request before its snapshot is taken.
fn warm_up(instance: &mut Instance, path: &str, runtime: &runtime::Handle) -> Result<(), Error> {
    let failed = |message: String, traceback: String| Error::Warmup {
        path: path.into(),
        message,
        traceback,
    };
    let request = Incoming {
        method: "GET".into(),
        url: format!("http://localhost{path}"),
        headers: "host: localhost\r\nuser-agent: taipan-warmup\r\n".into(),
    };
    let (reply, answer) = oneshot::channel();
    // Somebody has to read the answer's body, for the handler to come to its end.
    let answer = runtime.spawn(async move {
        let mut reader = match answer.await.ok()? {
            Ok(Answer { body: AnswerBody::Stream(reader), .. }) => reader,
            Ok(_whole) => return None,
            Err(Fault { message, detail, .. }) => return Some((message, detail)),
        };
        loop {
            match reader.chunk().await {
                Ok(Some(_chunk)) => {}
                Ok(None) => return None,
                Err(taipan_webapi::Error::Aborted { message }) => {
                    return Some((BROKEN_OFF.into(), message.trim_end().into()));
                }
                Err(error) => return Some((BROKEN_OFF.into(), error.to_string())),
            }
        }
    });
    let event = Event::Request { id: 1, request, body: None, reply, lease: None };
    let ended = instance.isolate.with_roots(|scope| {
        turn(scope, Some(event))?;
        wait_for_requests(scope)
    });
    if !ended.map_err(guest("answering a warm-up request"))? {
        answer.abort();
        return Err(failed("it waits for something that never happens".into(), String::new()));
    }
    match runtime.block_on(answer) {
        Ok(Some((message, traceback))) => Err(failed(message, traceback)),
        Ok(None) => Ok(()),
        Err(ended) => Err(Error::Bug { what: ended.to_string() }),
    }
}

impl Frozen {
    /// Joins a snapshot, which was read from `path`, and its bundle.
    pub(crate) fn new(
        path: &Path,
        opened: Opened,
        bundle: &Arc<Bundle>,
        layers: Mounted,
        registry: Registry,
        own: &[CompiledModule],
    ) -> Result<Frozen, Error> {
        let runs = snapshots::all_runs(path, &bundle.baseline, &opened)?;
        let saved = snapshots::saved(path, &opened.snapshot)?;
        let memory_bytes = usize::try_from(opened.snapshot.memory_bytes).unwrap_or(usize::MAX);
        let image = Image::new(&bundle.program, own, opened.snapshot.state, memory_bytes, runs)
            .map_err(guest("joining the snapshot and its bundle"))?;
        let written = OnceLock::new();
        Ok(Frozen { image, saved, layers, registry, _bundle: bundle.clone(), _held: None, written })
    }

    /// What the monotonic clock showed, in milliseconds.
    pub(crate) fn monotonic_clock(&self) -> f64 {
        self.saved.monotonic_clock
    }

    /// Keeps the memories of so many instances that have ended, for those that come next.
    pub(crate) fn keep_spares(&self, count: usize) {
        self.image.keep_spares(count);
    }

    /// Frees the memories that are kept now.
    pub(crate) fn release_spares(&self) {
        self.image.release_spares();
    }

    /// Remembers what an instance wrote that has answered its first request.
    pub(crate) fn learn(&self, instance: &mut Instance) {
        if self.written.get().is_some() {
            return;
        }
        // Where the kernel does not say it, there is nothing to gain.
        let mut written = instance.isolate.scope().written_pages().unwrap_or_default();
        let mut pages = 0;
        written.retain(|range| {
            pages += range.len() / PAGE_BYTES;
            pages <= POPULATED_PAGES_MAX
        });
        // Another may have been quicker.
        let _ = self.written.set(written);
    }

    /// An instance that goes on where the snapshot was taken; it answers `soon`.
    pub(crate) fn resume(
        &self,
        world: World,
        limits: &Limits,
        guard: &Guard,
        soon: bool,
    ) -> Result<Instance, Error> {
        let host = Box::new(Machine::new(self.saved.monotonic_clock));
        let mut instance = self.resume_on(host, world, soon)?;
        limits::impose(&mut instance, limits.memory_bytes, limits.startup_cpu, guard)?;
        self.go_on(&mut instance)?;
        Ok(instance)
    }

    /// As [`Frozen::resume`], with the clocks and the entropy of `host`.
    pub(crate) fn resume_on(
        &self,
        host: Box<dyn Host>,
        world: World,
        soon: bool,
    ) -> Result<Instance, Error> {
        let log = world.log.clone();
        let isolate = Isolate::resume(&self.image, host);
        let mut isolate = isolate.map_err(guest("resuming an isolate"))?;
        let mut scope = isolate.scope();
        if soon && let Some(written) = self.written.get() {
            // What is not populated is brought in when it is written.
            let _ = scope.populate(written);
        }
        let connected = connect(&mut scope, self.registry.clone(), &self.layers, world);
        let (fetch, cancel) = (scope.held(self.saved.fetch), scope.held(self.saved.cancel));
        scope.extensions_mut().insert(connected.with(fetch, cancel));
        let paths = self.layers.iter().map(|(_, path)| path.clone());
        taipan_pyodide::mount_again(&mut scope, paths);
        snapshots::restore(&mut scope, &self.image)?;
        let worker = scope.held(self.saved.worker);
        let times = scope.resume_times();
        let end = scope.host().monotonic_clock();
        log.write(Record::Resumed(ResumeTimes {
            instantiate: times.instantiate,
            map: times.map,
            side_state: end - self.saved.monotonic_clock - times.instantiate - times.map,
        }));
        let bytes_at_first = scope.memory_bytes().unwrap_or(0);
        Ok(Instance { isolate, worker, early: Vec::new(), bytes_at_first })
    }

    /// Has Python do what it has to in an isolate that is new.
    fn go_on(&self, instance: &mut Instance) -> Result<(), Error> {
        if !self.saved.resumes {
            return Ok(());
        }
        let _turn = instance.isolate.control().begin();
        let outcome = instance.apart(|instance| instance.call("resumeSnapshot", &[]));
        let outcome = outcome.map_err(|error| limits::of_start(error, instance))?;
        match outcome.split_once('\0') {
            None => Ok(()),
            Some((message, traceback)) => {
                Err(Error::Program { message: message.into(), traceback: traceback.into() })
            }
        }
    }
}
