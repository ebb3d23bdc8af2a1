//! The start of a worker: finds its snapshot, or runs the top level and takes one.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use taipan_bundle::Bundle;
use taipan_pyodide::{Ended, LOCATE, Prepared};
use taipan_release::Digest;
use taipan_runtime::{
    Boot, Call, CallKind, Guard, Incoming, Instance, IsolateImage, Log, Milestone, Mounts, Record,
    Registry, Rest, SnapshotFile, ToLog, Virtual, WORKER_DIRECTORY, World, boot, guest, impose,
    stopped, take,
};
use taipan_snapshot::{Kind, Provenance};
use taipan_store::{Entry, Held, OnReadOnly, Progress, write_private};
use taipan_webapi::limits::Allowances;
use taipan_webapi::requests::{Answer, AnswerBody};
use taipan_webapi::{Fault, Unsaved};
use tokio::runtime;
use tokio::sync::oneshot;

use crate::code::Code;
use crate::packages::{Packages, packages_path};
use crate::settings::Settings;
use crate::top_level::{TopLevel, VALUES};
use crate::{Error, side_modules, windows};

/// The kind of entry of the cache.
pub const SNAPSHOT_ENTRIES: &str = "snapshot";
/// The snapshot in an entry.
pub const SNAPSHOT_FILE: &str = "worker.snapshot";

/// An image, and what it is made of.
pub(crate) struct Kept {
    pub(crate) image: Arc<IsolateImage>,
    /// Keeps them from being removed.
    _bundle: Arc<Bundle>,
    _packages: Vec<Arc<Held>>,
    held: Vec<Held>,
}

/// Opens the snapshot of a worker, which is made first when the cache does not have it.
pub(crate) fn prepare(
    settings: &Settings,
    runtime: &runtime::Handle,
    progress: Progress<'_>,
) -> Result<(Kept, Entry), Error> {
    let Found { kept, made, entry, .. } = find(settings, runtime, progress)?;
    if !made {
        kept.image.log().for_each(|record| settings.log.write(record));
    }
    settings.log.write(Record::Reached(Milestone::Program));
    Ok((kept, entry))
}

/// The snapshot of a worker, and whether it had to be made.
pub(crate) struct Found {
    pub(crate) entry: Entry,
    pub(crate) made: bool,
    /// Whether it is in the cache, for the next start.
    pub(crate) cached: bool,
    pub(crate) file: SnapshotFile,
    kept: Kept,
}

impl Found {
    /// What was said when it was made, which may be long ago.
    pub(crate) fn log(&self) -> impl Iterator<Item = Record> {
        self.kept.image.log()
    }
}

/// Finds the snapshot of a worker in the cache, or makes it.
pub(crate) fn find(
    settings: &Settings,
    runtime: &runtime::Handle,
    progress: Progress<'_>,
) -> Result<Found, Error> {
    let wanted = Wanted::of(settings);
    let entries = wanted.entries()?;
    let (registry, mut modules) = registry(settings, progress)?;
    for entry in entries {
        if let Some(mut found) = find_in(entry, &wanted, &registry, runtime, progress)? {
            found.kept.held.append(&mut modules);
            return Ok(found);
        }
    }
    let what = "a snapshot that was made for these values has others".into();
    Err(taipan_runtime::Error::Bug { what }.into())
}

/// The snapshot that a worker wants.
pub(crate) struct Wanted<'a> {
    settings: &'a Settings,
    /// What it is made from, but for the values that its top level looks at: these are known when that has run.
    provenance: Provenance,
}

impl<'a> Wanted<'a> {
    pub(crate) fn of(settings: &'a Settings) -> Self {
        let baseline = &settings.bundle.baseline.snapshot;
        let inputs = TopLevel::of(settings).inputs().into_iter();
        let provenance = Provenance {
            bundle: baseline.provenance.bundle,
            kind: Kind::Worker { baseline: baseline.digest },
            inputs: inputs.map(|(name, digest)| (name.to_owned(), saved(digest))).collect(),
        };
        Self { settings, provenance }
    }

    /// What it is made from, if its top level looks at the bindings of the names `read`.
    fn provenance(&self, read: &BTreeSet<String>) -> Provenance {
        let mut provenance = self.provenance.clone();
        let values = TopLevel::of(self.settings).values(read);
        provenance.inputs.extend(values.map(|digest| (VALUES.to_owned(), saved(digest))));
        provenance
    }

    /// The key with all values, whether the top level looks at them or not.
    fn key_of_values(&self) -> Digest {
        key(&self.provenance(&self.settings.bindings.names()))
    }

    /// Where it can be, in the order in which to look. Workers that differ only in the values of their bindings share one
    /// place: the top level need not look at the values. When it does, and the values there are others, the worker has a
    /// place for its own values, which is the first once it is there. It is the first as well while another process
    /// makes what would be shared: that can take as long as a start with other values.
    pub(crate) fn entries(&self) -> Result<[Entry; 2], Error> {
        let entry = |key: Digest| {
            let entry = self.settings.cache.entry(SNAPSHOT_ENTRIES, &key.to_string())?;
            Ok::<_, taipan_store::Error>(entry.called("the snapshot of this worker"))
        };
        let (shared, own) = (entry(key(&self.provenance))?, entry(self.key_of_values())?);
        // What cannot be looked at, as in a cache that can only be read, no process makes.
        let is_made = || shared.remove_unfinished(true).is_ok_and(|can_be_removed| !can_be_removed);
        let own_first = own.path().exists() || !shared.path().exists() && is_made();
        Ok(if own_first { [own, shared] } else { [shared, own] })
    }

    /// Whether a snapshot was made with the values of this worker, as far as its top level has looked at them.
    ///
    /// # Errors
    ///
    /// When it was made of something else altogether.
    pub(crate) fn is_met_by(&self, file: &SnapshotFile) -> Result<bool, Error> {
        let expected = self.provenance(&file.bindings_read()?);
        if expected.inputs.get(VALUES) != file.snapshot.provenance.inputs.get(VALUES) {
            return Ok(false);
        }
        file.check(&expected)?;
        Ok(true)
    }
}

/// A digest as a snapshot has it.
fn saved(digest: Digest) -> taipan_snapshot::Digest {
    taipan_snapshot::Digest(*digest.as_bytes())
}

/// The snapshot of an entry, which is made when it is not there; nothing when that is of other values.
fn find_in(
    entry: Entry,
    wanted: &Wanted<'_>,
    registry: &Registry,
    runtime: &runtime::Handle,
    progress: Progress<'_>,
) -> Result<Option<Found>, Error> {
    let settings = wanted.settings;
    let bundle = &settings.bundle;
    let made = Cell::new(false);
    let build = |staging: &Path| {
        made.set(true);
        let (log, recorded) = settings.log.recorded();
        let registry = registry.clone();
        let services = Services { bundle, registry, guard: &settings.guard, log, runtime };
        // The same for both places. It has the secrets of the worker in it, so that nobody else can compute it.
        let seed = wanted.key_of_values();
        let started = start(&TopLevel::of(settings), seed, services);
        let (mut instance, resumes) = started.map_err(ended)?;
        let provenance = wanted.provenance(&instance.bindings_read());
        let rest = Rest { resumes, log: recorded.take() };
        let file = take(&mut instance, &provenance, Some(&bundle.baseline), rest)?;
        Ok::<_, Error>(write_private(&staging.join(SNAPSHOT_FILE), &file)?)
    };
    let held = entry.hold()?;
    let open = || {
        let files = entry.get_or_build(OnReadOnly::Apart, progress, build)?;
        let file =
            SnapshotFile::of(&files.folder().join(SNAPSHOT_FILE), files.file(SNAPSHOT_FILE)?)?;
        if !wanted.is_met_by(&file)? {
            return Ok(None);
        }
        let layers = layers(bundle, &settings.code, &settings.libraries());
        let own = registry.ready();
        let (program, registry) = (&bundle.program, registry.clone());
        let image =
            IsolateImage::new(program, &bundle.baseline, file.clone(), layers, registry, &own)?;
        Ok::<_, Error>(Some((image, file, !files.is_apart())))
    };
    let opened = match open() {
        // It is as it was published, and of no use to this Taipan: it is made again.
        Err(Error::Runtime(
            taipan_runtime::Error::Snapshot { .. }
            | taipan_runtime::Error::Section { .. }
            | taipan_runtime::Error::Guest { .. },
        )) if !made.get() => {
            entry.remove(progress)?;
            open()
        }
        read => read,
    }?;
    let Some((image, file, cached)) = opened else { return Ok(None) };
    let packages = settings.libraries().into_iter().map(|it| it.held.clone()).collect();
    let kept = Kept {
        image: Arc::new(image),
        _bundle: bundle.clone(),
        _packages: packages,
        held: vec![held],
    };
    Ok(Some(Found { entry, made: made.get(), cached, file, kept }))
}

/// The name in the cache of the snapshot with this provenance.
fn key(provenance: &Provenance) -> Digest {
    Digest::of(format!("{provenance:?}").as_bytes())
}

fn layers(bundle: &Bundle, code: &Code, libraries: &[&Packages]) -> Mounts {
    // What is mounted in a directory of another layer comes behind that.
    own_layers(bundle, code).into_iter().chain(packages(libraries)).collect()
}

fn own_layers(bundle: &Bundle, code: &Code) -> Mounts {
    vec![bundle.python.clone(), (code.layer.clone(), WORKER_DIRECTORY.into())]
}

fn packages(libraries: &[&Packages]) -> Mounts {
    libraries.iter().map(|library| (library.layer.clone(), library.path.clone())).collect()
}

/// The worker's modules, and what keeps those in the cache that were compiled.
fn registry(settings: &Settings, progress: Progress<'_>) -> Result<(Registry, Vec<Held>), Error> {
    let Settings { bundle, modules, code, .. } = settings;
    let files = layers(bundle, code, &settings.libraries());
    let builtin = bundle.javascript.clone();
    let (mut compiled, mut held) = windows::compile(settings, progress)?;
    let (side, entries) = side_modules::of_worker(settings, progress)?;
    compiled.extend(side);
    held.extend(entries);
    Ok((Registry::of_worker(builtin, modules.clone(), &files, compiled), held))
}

/// What a start needs and cannot look at: nothing of it is in the snapshot except the bundle, which is named there.
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
    let host = Virtual::new(*seed.as_bytes());
    let allowances = Allowances::new(top_level.inside.clone());
    let (streams, told) = (Box::new(ToLog::new(log.clone(), allowances.clone())), log.clone());
    let (world, _sender) = World::alone(runtime.clone(), log, &host);
    let client = Some(top_level.network.client());
    let bindings = top_level.bindings.clone();
    let world = World { client, streams, allowances, bindings, ..world };
    let mut instance = boot(Boot {
        program: &bundle.program,
        registry,
        layers: own_layers(bundle, top_level.code),
        packages: packages(&top_level.libraries()),
        environment: BTreeMap::from([("PYTHONUNBUFFERED".into(), "1".into())]),
        host: Box::new(host),
        world,
    })?;
    let TopLevel { memory_bytes, startup_cpu, .. } = *top_level;
    impose(&mut instance, memory_bytes, startup_cpu, guard)?;
    let resumes = {
        let _turn = instance.isolate.control().begin();
        let run = run(top_level, &mut instance, &told, runtime);
        run.map_err(|error| why_ended(&mut instance, error))?
    };
    Ok((instance, resumes))
}

/// Why a start came to its end: what stopped it, or the limit by which it broke, or what it says itself.
fn why_ended(instance: &mut Instance, error: Error) -> Error {
    if let Some(limit) = stopped(instance) {
        return limit.into();
    }
    match &error {
        Error::Runtime(taipan_runtime::Error::Guest { .. }) => instance
            .limit_reached()
            .map_or(error, |reason| taipan_runtime::Error::Limit { reason }.into()),
        _ => error,
    }
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
        Error::Runtime(taipan_runtime::Error::Guest { source, .. }) => {
            source.ended_by::<Ended>().map(ToString::to_string)
        }
        _ => None,
    };
    ended.map_or(error, |message| program(message, String::new()))
}

/// The program has failed.
fn program(message: String, traceback: String) -> Error {
    taipan_runtime::Error::Program { message, traceback }.into()
}

/// Makes an instance ready for its snapshot.
fn settle(instance: &mut Instance, log: &Log) -> Result<bool, Error> {
    let prepared = instance.call("prepareSnapshot", &[])?;
    instance.collect().map_err(guest("running Python"))?;
    let prepared = taipan_pyodide::prepared(&prepared)
        .map_err(taipan_runtime::pyodide("preparing a snapshot"))?;
    let (resumes, drawn, generators, sqlite) = match prepared {
        Prepared::Ready { resumes, drawn, generators, sqlite } => {
            (resumes, drawn, generators, sqlite)
        }
        Prepared::Fault { message, traceback } => return Err(program(message, traceback)),
    };
    refuse_unsaved(instance)?;
    for origin in &taipan_pyodide::entropy(&mut instance.isolate.scope(), drawn, sqlite) {
        log.write(Record::Warning { text: taipan_pyodide::entropy_message(origin) });
    }
    let mut scope = instance.isolate.scope();
    Ok(!taipan_pyodide::keep_generators(&mut scope, &generators) || resumes)
}

/// Says what would be lost, if there is something.
fn refuse_unsaved(instance: &mut Instance) -> Result<(), Error> {
    let unsaved = instance.unsaved();
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
    Err(taipan_runtime::Error::Unsaved { messages }.into())
}

/// Imports the worker's main module.
fn load(top_level: &TopLevel<'_>, instance: &mut Instance) -> Result<(), Error> {
    let root = &top_level.modules.root;
    let source = format!("{WORKER_DIRECTORY}/{root}");
    let first = source.trim_end_matches('/');
    let places = json!({"first": first, "packages": packages_path(), "last": WORKER_DIRECTORY});
    let (places, flags) = (places.to_string(), json!(top_level.flags).to_string());
    instance.call("furnish", &[(&*places).into(), (&*flags).into()])?;
    Ok(match top_level.main.strip_suffix(".py") {
        Some(module) => {
            let module = module.strip_prefix(root.as_str()).unwrap_or(module).replace('/', ".");
            instance.run_program("loadPython", &[(&*module).into()])
        }
        None => {
            let name = format!("{WORKER_DIRECTORY}/{}", top_level.main);
            instance.run_program("loadJavascript", &[(&*name).into()])
        }
    }?)
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
    // The answer's body must be read, so that the handler comes to its end.
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
    let kind = CallKind::Fetch { request, body: None };
    let call = Call { id: 1, entrypoint: None, kind, reply, lease: None };
    if !instance.answer(call).map_err(guest("answering a warm-up request"))? {
        answer.abort();
        return Err(failed("it waits for something that never happens".into(), String::new()));
    }
    match runtime.block_on(answer) {
        Ok(Some((message, traceback))) => Err(failed(message, traceback)),
        Ok(None) => Ok(()),
        Err(ended) => Err(taipan_runtime::Error::Bug { what: ended.to_string() }.into()),
    }
}
