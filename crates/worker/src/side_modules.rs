//! The extension modules of a worker's packages, and the libraries that they need: compiled at set-up, kept in the cache.
//!
//! They are side modules (`link/src/side.rs`), and known by the digests of their files: workers share them, and none is
//! linked again at each start.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use taipan_bundle::Bundle;
use taipan_guest::{Engine, Program};
use taipan_link::Exceptions;
use taipan_pyodide::LayerBytes;
use taipan_pyodide::layer::Layer;
use taipan_runtime::WORKER_DIRECTORY;
use taipan_store::{Cache, Entry, Held, OnReadOnly, Progress, Step, write_atomic};
use taipan_webapi::with_causes;

use crate::Error;
use crate::listed;
use crate::packages::Packages;
use crate::settings::Settings;
use crate::webassembly::{
    CODE, Outcomes, Prepared, SIDE_WASM, WEBASSEMBLY_ENTRIES, key, load, outcome,
};

/// The longest side module, in bytes.
const BYTES_MAX: usize = 256 << 20;

/// What the files of extension modules and shared libraries end with.
const ENDING: &str = ".so";

/// A layer, and where it is mounted.
type Mounted = (Arc<Layer<LayerBytes>>, String);

/// The layers of a worker that may have side modules.
fn layers(settings: &Settings) -> Vec<Mounted> {
    let packages = settings.libraries().into_iter().map(mounted);
    let own = (settings.code.layer.clone(), WORKER_DIRECTORY.to_owned());
    [own].into_iter().chain(packages).collect()
}

/// The side modules of a script's packages.
pub struct SideModules {
    /// Gives them, ready to be loaded. Only a script that imports one asks for it.
    pub(crate) compiled: Box<dyn FnOnce() -> Outcomes + Send>,
    _held: Vec<Held>,
}

impl fmt::Debug for SideModules {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SideModules").field("held", &self._held).finish_non_exhaustive()
    }
}

fn mounted(library: &Packages) -> Mounted {
    (library.layer.clone(), library.path.clone())
}

impl SideModules {
    /// Compiles the side modules of what a script is given, where the cache does not have them. Those that it has are
    /// compared with what was published when the script imports the first.
    ///
    /// # Errors
    ///
    /// What cannot be read or written.
    pub fn of(
        libraries: &[&Packages],
        bundle: &Bundle,
        cache: &Cache,
        progress: Progress<'_>,
    ) -> Result<Self, Error> {
        let layers: Vec<_> = libraries.iter().map(|library| mounted(library)).collect();
        let (program, engine) = (bundle.program.clone(), bundle.program.engine());
        let held = libraries.iter().map(|library| listed::hold(cache, engine, library));
        if let Some(held) = held.collect::<Option<Vec<_>>>() {
            let cache = cache.clone();
            let compiled = Box::new(move || when_asked(&cache, &program, &layers));
            return Ok(Self { compiled, _held: held.into_iter().flatten().collect() });
        }
        let (compiled, held) = compile(cache, &program, &layers, progress)?;
        for library in libraries {
            listed::note(cache, engine, library, &compiled)?;
        }
        Ok(Self { compiled: Box::new(|| compiled), _held: held })
    }
}

/// The side modules that the cache has, while a script runs. One that is damaged is made again.
fn when_asked(cache: &Cache, program: &Program, layers: &[Mounted]) -> Outcomes {
    match compile(cache, program, layers, &|_| ()) {
        // Whoever asked has said that they are kept.
        Ok((compiled, _held)) => compiled,
        Err(error) => {
            let why = |path: &str| format!("{path} cannot be used: {}", with_causes(&error));
            files(layers).into_iter().map(|(path, _)| (path.clone(), Err(why(&path)))).collect()
        }
    }
}

/// The side modules of these layers: their absolute paths and their bytes.
fn files(layers: &[Mounted]) -> Vec<(String, &[u8])> {
    let mut found = Vec::new();
    for (layer, mount) in layers {
        let files = layer.files().filter(|(path, _)| path.ends_with(ENDING));
        found.extend(files.map(|(path, bytes)| (format!("{mount}/{path}"), bytes)));
    }
    found
}

/// Compiles the side modules of a worker; with them what keeps those in the cache.
pub(crate) fn of_worker(
    settings: &Settings,
    progress: Progress<'_>,
) -> Result<(Outcomes, Vec<Held>), Error> {
    compile(&settings.cache, &settings.bundle.program, &layers(settings), progress)
}

/// What the threads that compile tell.
enum Told<'a> {
    /// A module is not in the cache.
    Missing,
    /// It is there, and damaged: what is wrong with it.
    Damaged(String),
    /// A module of so many bytes is ready, or cannot be used.
    Ended(&'a str, u64, Prepared),
}

/// Compiles the side modules of these layers, as many at a time as there are processors, where the cache does not have
/// them. One that cannot be used is an error when it is loaded.
fn compile(
    cache: &Cache,
    program: &Program,
    layers: &[Mounted],
    progress: Progress<'_>,
) -> Result<(Outcomes, Vec<Held>), Error> {
    let files = files(layers);
    let (engine, exceptions) = (program.engine(), exceptions(program));
    let total = files.iter().map(|(_, bytes)| bytes.len() as u64).sum();
    let (mut compiled, mut held) = (Outcomes::new(), Vec::new());
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    let work = || {
        let sender = sender.clone();
        while let Some((path, bytes)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            let tell = |told| drop(sender.send(told));
            let prepared = taipan_link::check_exceptions(bytes, exceptions)
                .map_err(link)
                .and_then(|()| prepare(cache, engine, bytes, tell));
            // Whoever receives has met an error.
            if sender.send(Told::Ended(path, bytes.len() as u64, prepared)).is_err() {
                break;
            }
        }
    };
    thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, usize::from).min(files.len());
        (0..threads).for_each(|_| drop(scope.spawn(work)));
        let (mut is_shown, mut bytes_done) = (false, 0);
        while compiled.len() < files.len() {
            match receiver.recv() {
                Ok(Told::Missing) if is_shown => {}
                Ok(Told::Missing) => {
                    is_shown = true;
                    let label = "compiling native modules";
                    progress(Step::Begin { label, bytes_total: Some(total) });
                }
                Ok(Told::Damaged(what)) => progress(Step::Damaged { what: &what }),
                Ok(Told::Ended(path, length, prepared)) => {
                    bytes_done += length;
                    if is_shown {
                        progress(Step::Advance { bytes_done });
                    }
                    compiled.insert(path.to_owned(), outcome(path, prepared, &mut held)?);
                }
                // No thread is left.
                Err(mpsc::RecvError) => break,
            }
        }
        drop(receiver);
        Ok((compiled, held))
    })
}

fn link(source: taipan_link::Error) -> taipan_bundle::Error {
    taipan_bundle::Error::Link { module: "a side module", source }
}

/// What exceptions of C++ are in a release. A main module without any imports that show it has those of WebAssembly.
fn exceptions(program: &Program) -> Exceptions {
    let is_of = |name| Exceptions::of_import(name) == Some(Exceptions::JavaScript);
    match program.imports().any(is_of) {
        true => Exceptions::JavaScript,
        false => Exceptions::WebAssembly,
    }
}

/// Compiles a side module, if the cache does not have it, and does `tell` before.
fn prepare(cache: &Cache, engine: &Engine, bytes: &[u8], tell: impl Fn(Told<'static>)) -> Prepared {
    let (found, max) = (bytes.len() as u64, BYTES_MAX as u64);
    if found > max {
        return Err(link(taipan_link::Error::Limit { what: "bytes of the module", found, max }));
    }
    let digest = taipan_guest::digest(bytes);
    let entry = cache.entry(WEBASSEMBLY_ENTRIES, &key(engine, &digest))?;
    let build = |staging: &Path| {
        tell(Told::Missing);
        let module = taipan_link::side_module(bytes).map_err(link)?;
        write_atomic(&staging.join(SIDE_WASM), &module.wasm)?;
        taipan_bundle::compile(engine, &module.code, &staging.join(CODE))
    };
    let held = entry.hold()?;
    let damaged = |step: Step<'_>| {
        if let Step::Damaged { what } = step {
            tell(Told::Damaged(what.to_owned()));
        }
    };
    let files = entry.get_or_build(OnReadOnly::Apart, &damaged, build)?;
    Ok((load(engine, &files, digest)?, held))
}

/// Where the compiled side modules of a worker are in the cache; those that cannot be used are nowhere.
pub(crate) fn entries(settings: &Settings) -> Result<Vec<Entry>, Error> {
    let engine = settings.bundle.program.engine();
    let entry = |(_, bytes): (String, &[u8])| {
        let key = key(engine, &taipan_guest::digest(bytes));
        settings.cache.entry(WEBASSEMBLY_ENTRIES, &key)
    };
    let entries = files(&layers(settings)).into_iter().map(entry).collect::<Result<Vec<_>, _>>()?;
    Ok(entries.into_iter().filter(|entry| entry.path().exists()).collect())
}
