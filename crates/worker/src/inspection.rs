//! Snapshots as files, for inspection: makes one, reads one, asks what its memory belongs to.
//!
//! A snapshot file knows pages only. An isolate that is resumed from the file tells what they belong to. It serves no
//! clients, has no network, and ends when it has answered or its time is up.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use taipan_bundle::{BASELINE, BUNDLE_ENTRIES, Bundle};
use taipan_guest::Argument;
use taipan_runtime::{
    Instance, IsolateImage, Log, Record, Registry, SnapshotFile, Virtual, WORKER_DIRECTORY, World,
    guest,
};
use taipan_store::{Cache, Entry, Progress, write_output};
use tokio::runtime;

use crate::code::Code;
use crate::packages::packages_path;
use crate::settings::Settings;
use crate::top_level::{PACKAGES, UNVENDORED};
use crate::{Error, side_modules, start, webassembly, windows};

/// How long an isolate may look at itself. A million objects take a second.
const MEASURE_TIME_MAX: Duration = Duration::from_secs(30);

/// The snapshot that an entry of the cache holds. Its pages are not checked.
///
/// # Errors
///
/// [`taipan_runtime::Error::Snapshot`] for a file that is no snapshot.
pub fn glance(entry: &Entry) -> Result<SnapshotFile, Error> {
    let file = entry.glance(start::SNAPSHOT_FILE)?;
    Ok(SnapshotFile::of(&entry.path().join(start::SNAPSHOT_FILE), file)?)
}

/// The snapshot of a worker, if the cache has it.
///
/// # Errors
///
/// [`taipan_runtime::Error::Snapshot`] for a file that is no snapshot, or one of something else.
pub fn snapshot_of(settings: &Settings) -> Result<Option<SnapshotFile>, Error> {
    let wanted = start::Wanted::of(settings);
    for entry in wanted.entries()? {
        let Some(files) = entry.files()? else { continue };
        let path = files.folder().join(start::SNAPSHOT_FILE);
        let file = SnapshotFile::of(&path, files.file(start::SNAPSHOT_FILE)?)?;
        if wanted.is_met_by(&file)? {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

/// Writes a copy of a snapshot, which only its owner can read: what a worker has read may be secrets.
///
/// # Errors
///
/// When it cannot be written.
pub fn copy(file: &SnapshotFile, path: &Path) -> Result<(), Error> {
    Ok(write_output(path, &file.bytes)?)
}

/// Makes the snapshot of a worker or finds it in the cache, and whether it was made. Blocks; to be called on a thread
/// with [`taipan_runtime::THREAD_STACK_BYTES`] of stack.
///
/// # Errors
///
/// As [`crate::Worker::start`].
pub fn create(
    mut settings: Settings,
    runtime: &runtime::Handle,
    progress: Progress<'_>,
) -> Result<Made, Error> {
    let author = settings.code.author.clone();
    settings.log = author.log(settings.log);
    let found = start::find(&settings, runtime, progress).map_err(|error| author.error(error))?;
    let log = found.log().map(|record| author.record(record)).collect();
    let mut entries = windows::entries(&settings)?;
    entries.extend(side_modules::entries(&settings)?);
    for library in settings.libraries() {
        entries.push(library.entry.clone());
        entries.extend_from_slice(&library.made_from);
    }
    entries.push(found.entry);
    Ok(Made { file: found.file, made: found.made, cached: found.cached, entries, log })
}

/// The snapshot of a worker.
#[derive(Debug)]
pub struct Made {
    /// Its file in the cache.
    pub file: SnapshotFile,
    /// Whether it was made, because the cache did not have it.
    pub made: bool,
    /// Whether the cache keeps it, which it does not if it can only be read.
    pub cached: bool,
    /// All that is in the cache for this worker alone, beside its bundle.
    pub entries: Vec<Entry>,
    /// What was said when it was made, now or earlier.
    pub log: Vec<Record>,
}

/// Whether a snapshot can be of use with what is in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Its bundle is there.
    Good,
    /// The cache has no such bundle, so nothing uses it.
    NoBundle,
}

/// Looks whether a snapshot belongs to its bundle in the cache.
///
/// # Errors
///
/// [`taipan_runtime::Error::Snapshot`] when it does not, or when the bundle's own is damaged.
pub fn check_bundle(file: &SnapshotFile, cache: &Cache) -> Result<Check, Error> {
    let folder = cache.entry(BUNDLE_ENTRIES, &file.snapshot.provenance.bundle.to_string())?;
    let path = folder.path().join(BASELINE);
    if !path.exists() {
        return Ok(Check::NoBundle);
    }
    file.all_runs(&SnapshotFile::open(&path)?)?;
    Ok(Check::Good)
}

/// What the memory of an isolate belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owners {
    /// Bytes of the memory.
    pub memory: u64,
    /// Bytes that were never written to: they are not stored, and take no memory.
    pub untouched: u64,
    /// Python's modules, in the order in which they were asked: the worker's own first.
    pub modules: Vec<ModuleSize>,
    /// Whether all objects were counted; there is an end to it, for a program with very many.
    pub whole: bool,
    /// Bytes of JavaScript's heap, without the contents of files.
    pub javascript: u64,
    /// The in-memory files, with their bytes.
    pub files: Vec<(String, u64)>,
}

/// What a module of Python and what it made take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleSize {
    /// The name by which it is imported.
    pub name: String,
    /// Whether it is one of the worker's files.
    pub own: bool,
    /// Bytes of its objects.
    pub bytes: u64,
    /// How many they are.
    pub objects: u64,
}

impl Owners {
    /// Asks an isolate that is resumed from `file`. Blocks.
    ///
    /// # Errors
    ///
    /// [`Error::OtherBundle`] when the snapshot is not of `bundle`; what keeps the isolate from answering.
    pub fn of(file: &SnapshotFile, bundle: &Arc<Bundle>, cache: &Cache) -> Result<Self, Error> {
        let (image, touched) = image(file, bundle, cache)?;
        let memory = file.snapshot.memory_bytes;
        let untouched = memory.saturating_sub(touched);
        Ok(Self { memory, untouched, ..apart(image, bundle, measure)? })
    }

    /// The memory of the baseline of `bundle`: what is there before any worker.
    ///
    /// # Errors
    ///
    /// As [`Owners::of`].
    pub fn of_baseline(bundle: &Arc<Bundle>, cache: &Cache) -> Result<Self, Error> {
        Self::of(&bundle.baseline, bundle, cache)
    }

    /// Bytes of all objects of modules.
    #[must_use]
    pub fn python(&self) -> u64 {
        self.modules.iter().fold(0, |sum, module| sum.saturating_add(module.bytes))
    }

    /// Bytes of the contents of files.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.files.iter().fold(0, |sum, (_, bytes)| sum.saturating_add(*bytes))
    }

    /// All else that was written to: code's own data, stacks, what is between objects, free places.
    #[must_use]
    pub fn interpreter(&self) -> u64 {
        let others = [self.untouched, self.python(), self.javascript, self.file_bytes()];
        others.iter().fold(self.memory, |rest, bytes| rest.saturating_sub(*bytes))
    }
}

/// Finds cycles of objects through both Python and JavaScript, which no collector frees: asks an isolate that is resumed
/// from `file`. A line for each. Blocks.
///
/// # Errors
///
/// As [`Owners::of`].
pub fn cycles(
    file: &SnapshotFile,
    bundle: &Arc<Bundle>,
    cache: &Cache,
) -> Result<Vec<String>, Error> {
    let (image, _) = image(file, bundle, cache)?;
    apart(image, bundle, |instance| {
        let found = instance.call("cycles", &[])?;
        serde_json::from_str(&found).map_err(|_| answers_something_else())
    })
}

/// The image of `file`, without the worker's files, which are all imported already; and how many bytes of its memory
/// were written to.
fn image(
    file: &SnapshotFile,
    bundle: &Bundle,
    cache: &Cache,
) -> Result<(IsolateImage, u64), Error> {
    let snapshot = &file.snapshot;
    if snapshot.provenance.bundle.0 != *bundle.id.as_bytes() {
        let bundle = snapshot.provenance.bundle.to_string();
        return Err(Error::OtherBundle { path: file.path.clone(), bundle });
    }
    let runs = file.all_runs(&bundle.baseline)?;
    let touched = runs.iter().map(|run| u64::from(run.length)).sum();
    let none = Code::new(&[])?.layer;
    let has = |input: &str| snapshot.provenance.inputs.contains_key(input);
    let paths = [
        Some(WORKER_DIRECTORY.to_owned()),
        has(PACKAGES).then(packages_path),
        has(UNVENDORED).then(|| bundle.extensions_path()),
    ];
    let mounted = paths.into_iter().flatten().map(|path| (none.clone(), path));
    let layers = std::iter::once(bundle.python.clone()).chain(mounted).collect();
    let registry = Registry::builtin(bundle.javascript.clone(), BTreeSet::new());
    let own = webassembly::of_snapshot(cache, bundle.program.engine(), &snapshot.state)?;
    let (program, baseline) = (&bundle.program, &bundle.baseline);
    let image = IsolateImage::new(program, baseline, file.clone(), layers, registry, &own)?;
    Ok((image, touched))
}

/// Has an isolate look at itself, on a thread that is abandoned when it does not end.
fn apart<T: Send + 'static>(
    image: IsolateImage,
    bundle: &Arc<Bundle>,
    look: fn(&mut Instance) -> Result<T, Error>,
) -> Result<T, Error> {
    let failed = |reason: &str| Error::NotMeasured { reason: reason.into() };
    let (sender, receiver) = mpsc::channel();
    let thread = std::thread::Builder::new().stack_size(taipan_guest::THREAD_STACK_BYTES);
    let bundle = bundle.clone();
    let work = move || {
        let answer = resume(&image).and_then(|(mut instance, _)| look(&mut instance));
        // The receiver is gone when the time was up.
        drop(sender.send(answer));
        drop(bundle);
    };
    thread.spawn(work).map_err(|_| failed("there is no thread for an isolate"))?;
    match receiver.recv_timeout(MEASURE_TIME_MAX) {
        Ok(answer) => answer,
        Err(RecvTimeoutError::Timeout) => Err(failed("the isolate does not come to an end")),
        Err(RecvTimeoutError::Disconnected) => Err(bug("the thread of a guest panicked".into())),
    }
}

fn bug(what: String) -> Error {
    taipan_runtime::Error::Bug { what }.into()
}

/// An isolate that is alone, and the runtime that it runs on.
fn resume(image: &IsolateImage) -> Result<(Instance, runtime::Runtime), Error> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|error| bug(format!("a runtime for the guest: {error}")))?;
    let host = Virtual::new(taipan_guest::digest(b"inspection"));
    host.pass(image.monotonic_clock());
    let (world, _sender) = World::alone(runtime.handle().clone(), Log::new(|_| ()), &host);
    let instance = image.resume_on(Box::new(host), world, false)?;
    Ok((instance, runtime))
}

/// What an isolate knows of its memory.
fn measure(instance: &mut Instance) -> Result<Owners, Error> {
    let heap = instance.isolate.scope().heap_bytes();
    let heap = heap.map_err(guest("asking an isolate for its sizes"))?;
    let files = instance.call("memoryFiles", &[])?;
    let arguments = serde_json::json!([WORKER_DIRECTORY]).to_string();
    let arguments: [Argument<'_>; 3] =
        ["_taipan.snapshot_sizes".into(), "measure".into(), (&*arguments).into()];
    let modules = instance.call("callPython", &arguments)?;
    read_answers(heap.into(), &files, &modules).ok_or_else(answers_something_else)
}

fn answers_something_else() -> Error {
    Error::NotMeasured { reason: "the isolate answers something else".into() }
}

/// Reads what an isolate answered, which may be anything. The sizes of the memory are not known here.
fn read_answers(heap: u64, files: &str, modules: &str) -> Option<Owners> {
    let files: Vec<(String, u64)> = serde_json::from_str(files).ok()?;
    let lines: String = serde_json::from_str(modules).ok()?;
    let (lines, whole) = match lines.rsplit_once('\n') {
        Some((lines, "whole")) => (lines, true),
        Some((lines, "cut")) => (lines, false),
        _ => return None,
    };
    let modules = lines.lines().map(read_module).collect::<Option<_>>()?;
    let mut owners = Owners { memory: 0, untouched: 0, modules, whole, javascript: 0, files };
    owners.javascript = heap.saturating_sub(owners.file_bytes());
    Some(owners)
}

/// `bytes objects origin name`, as `snapshot_sizes.py` writes it.
fn read_module(line: &str) -> Option<ModuleSize> {
    let mut words = line.splitn(4, ' ');
    let (bytes, objects) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let own = words.next()? == "0";
    Some(ModuleSize { name: words.next()?.to_owned(), own, bytes, objects })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(files: &str, modules: &str, expect: Option<(u64, u64, u64, bool)>) {
        let owners = read_answers(100, files, &serde_json::json!(modules).to_string());
        let show = |it: Owners| (it.javascript, it.file_bytes(), it.python(), it.whole);
        assert_eq!(owners.map(show), expect);
    }

    #[test]
    fn answers() {
        check("[]", "1 2 0 a\n3 4 1 b c\nwhole", Some((100, 0, 4, true)));
        check("[[\"/a\", 30], [\"/b\", 3]]", "1 2 1 a\ncut", Some((67, 33, 1, false)));
    }

    #[test]
    fn answers_of_a_hostile_program() {
        check("[[\"/a\", -1]]", "whole", None);
        check("[]", "", None);
        check("[]", "1 2 0\nwhole", None);
        check("[]", "-1 2 0 a\nwhole", None);
        check(
            "[[\"/a\", 18446744073709551615], [\"/b\", 2]]",
            "1 1 0 a\nwhole",
            Some((0, u64::MAX, 1, true)),
        );
        let most = "18446744073709551615 1 0 a\n18446744073709551615 1 0 a\nwhole";
        check("[]", most, Some((100, 0, u64::MAX, true)));
    }
}
