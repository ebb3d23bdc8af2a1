//! The WebAssembly modules of a worker: compiled when it is set up, kept in the cache.
//!
//! Those that JavaScript imports get windows (`link/src/window.rs`). Extension modules of Python are side modules
//! (`link/src/side.rs`); they are known by the digests of their files, so that none is linked again at each start.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use taipan_bundle::map;
use taipan_guest::{CompiledModule, Digest, Engine};
use taipan_runtime::{ModuleKind, WORKER_DIRECTORY, guest};
use taipan_store::{Cache, Files, Held, OnReadOnly, Progress, Step, write_atomic};
use taipan_webapi::causes;

use crate::Error;
use crate::settings::Settings;

/// The kind of entry of the cache.
pub const WEBASSEMBLY_ENTRIES: &str = "webassembly";

/// The longest module, in bytes: three times the longest that Cloudflare takes.
const BYTES_MAX: usize = 32 << 20;

/// The longest side module, in bytes.
const SIDE_BYTES_MAX: usize = 256 << 20;

/// What the files of extension modules and shared libraries end with.
const SIDE_MODULE: &str = ".so";

/// The modules of a worker by their absolute paths: ready, or why not.
type Outcomes = BTreeMap<String, Result<CompiledModule, String>>;

/// Compiles the modules of a worker; with them what keeps those in the cache. One that cannot be used is an error when
/// it is imported.
pub(crate) fn compile(
    settings: &Settings,
    progress: Progress<'_>,
) -> Result<(Outcomes, Vec<Held>), Error> {
    let (mut compiled, mut held) = (BTreeMap::new(), Vec::new());
    for (path, bytes) in settings.code.layer.files() {
        if settings.modules.kinds.get(&path) != Some(&ModuleKind::CompiledWasm) {
            continue;
        }
        let engine = settings.bundle.program.engine();
        let prepared = prepare(&settings.cache, engine, &path, bytes, progress);
        let outcome = outcome(&path, prepared, &mut held)?;
        compiled.insert(format!("{WORKER_DIRECTORY}/{path}"), outcome);
    }
    let files: Vec<_> =
        settings.code.layer.files().filter(|(path, _)| path.ends_with(SIDE_MODULE)).collect();
    for (path, prepared) in side_modules(settings, &files, progress) {
        let outcome = outcome(path, prepared, &mut held)?;
        compiled.insert(format!("{WORKER_DIRECTORY}/{path}"), outcome);
    }
    Ok((compiled, held))
}

/// A module that is ready, with what keeps it in the cache.
type Prepared = Result<(CompiledModule, Held), taipan_bundle::Error>;

/// The module, or why it cannot be used; a fault that is not its own is an error.
fn outcome(
    path: &str,
    prepared: Prepared,
    held: &mut Vec<Held>,
) -> Result<Result<CompiledModule, String>, Error> {
    match prepared {
        Ok((module, entry)) => {
            held.push(entry);
            Ok(Ok(module))
        }
        Err(
            error @ (taipan_bundle::Error::Link { .. }
            | taipan_bundle::Error::Runtime(taipan_runtime::Error::Guest { .. })),
        ) => Ok(Err(why(path, &error))),
        Err(error) => Err(error.into()),
    }
}

/// Compiles side modules, as many at a time as there are processors.
fn side_modules<'a>(
    settings: &Settings,
    files: &'a [(String, &[u8])],
    progress: Progress<'_>,
) -> Vec<(&'a str, Prepared)> {
    let total = files.iter().map(|(_, bytes)| bytes.len() as u64).sum();
    if total > 0 {
        let label = format!("compiling {} native modules", files.len());
        progress(Step::Begin { label: &label, bytes_total: Some(total) });
    }
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    let (cache, engine) = (&settings.cache, settings.bundle.program.engine());
    let work = || {
        while let Some((path, bytes)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            // The receiver takes all that comes.
            let _ = sender.send((path.as_str(), bytes.len(), prepare_side(cache, engine, bytes)));
        }
    };
    thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, usize::from).min(files.len());
        (0..threads).for_each(|_| drop(scope.spawn(work)));
        let mut prepared = Vec::new();
        let mut done = 0;
        for (path, length, outcome) in receiver.iter().take(files.len()) {
            done += length as u64;
            progress(Step::Advance { bytes_done: done });
            prepared.push((path, outcome));
        }
        prepared
    })
}

/// Compiles a side module, if the cache does not have it.
fn prepare_side(cache: &Cache, engine: &Engine, bytes: &[u8]) -> Prepared {
    let link = |source| taipan_bundle::Error::Link { module: "an extension module", source };
    check_length(bytes, SIDE_BYTES_MAX).map_err(link)?;
    let digest = taipan_guest::digest(bytes);
    let entry = cache.entry(WEBASSEMBLY_ENTRIES, &key(engine, &digest))?;
    let build = |staging: &Path| {
        let module = taipan_link::side_module(bytes).map_err(link)?;
        write_atomic(&staging.join(SIDE_WASM), &module.wasm)?;
        taipan_bundle::compile(engine, &module.code, &staging.join(CODE))
    };
    let held = entry.hold()?;
    let files = entry.get_or_build(OnReadOnly::Apart, &|_| (), build)?;
    Ok((load(engine, &files, digest)?, held))
}

fn check_length(bytes: &[u8], max: usize) -> Result<(), taipan_link::Error> {
    let (found, max) = (bytes.len() as u64, max as u64);
    if found > max {
        return Err(taipan_link::Error::Limit { what: "bytes of the module", found, max });
    }
    Ok(())
}

/// What is wrong with a module, for people.
fn why(path: &str, error: &taipan_bundle::Error) -> String {
    let begin = format!("{path} cannot be used");
    let text = causes(error).fold(begin, |text, cause| format!("{text}: {cause}"));
    let hint = match error {
        taipan_bundle::Error::Link { source, .. } => source.hint(),
        _ => None,
    };
    hint.map_or(text.clone(), |hint| format!("{text}; {hint}"))
}

fn prepare(
    cache: &Cache,
    engine: &Engine,
    path: &str,
    bytes: &[u8],
    progress: Progress<'_>,
) -> Prepared {
    let link = |source| taipan_bundle::Error::Link { module: "a WebAssembly module", source };
    check_length(bytes, BYTES_MAX).map_err(link)?;
    let wasm = taipan_link::window(bytes).map_err(link)?;
    let digest = taipan_guest::digest(&wasm);
    let entry = cache.entry(WEBASSEMBLY_ENTRIES, &key(engine, &digest))?;
    let build = |staging: &Path| {
        progress(Step::Begin { label: &format!("compiling {path}"), bytes_total: None });
        write_atomic(&staging.join(WASM), &wasm)?;
        taipan_bundle::compile(engine, &wasm, &staging.join(CODE))
    };
    let held = entry.hold()?;
    let files = entry.get_or_build(OnReadOnly::Apart, progress, build)?;
    Ok((load(engine, &files, digest)?, held))
}

/// The files of an entry: the module as it was rewritten, or linked if it is a side module, and its machine code.
const WASM: &str = "module.wasm";
const SIDE_WASM: &str = "side.wasm";
const CODE: &str = "module.code";

/// What the key of an entry begins with, if this Taipan makes it.
///
/// # Errors
///
/// When the WebAssembly engine does not start.
pub fn webassembly_prefix() -> Result<String, Error> {
    let engine = taipan_guest::engine().map_err(guest("starting the WebAssembly engine"))?;
    Ok(prefix(&engine))
}

fn prefix(engine: &Engine) -> String {
    format!("{:016x}-", taipan_guest::fingerprint(engine))
}

fn key(engine: &Engine, digest: &Digest) -> String {
    digest.iter().fold(prefix(engine), |key, byte| key + &format!("{byte:02x}"))
}

fn load(
    engine: &Engine,
    files: &Files,
    digest: Digest,
) -> Result<CompiledModule, taipan_bundle::Error> {
    let is_side = files.names().any(|name| name == SIDE_WASM);
    let name = if is_side { SIDE_WASM } else { WASM };
    let bytes = map(files.folder(), name, &files.file(name)?)?;
    let module = taipan_guest::load(engine, files.file(CODE)?.into_file())
        .map_err(guest("loading machine code"))?;
    Ok(match is_side {
        true => CompiledModule::side(bytes, module, digest),
        false => CompiledModule::new(bytes, module),
    })
}

/// The modules that an isolate of a snapshot has, of those in the cache.
pub(crate) fn of_snapshot(
    cache: &Cache,
    engine: &Engine,
    state: &taipan_snapshot::State,
) -> Result<Vec<CompiledModule>, Error> {
    let mut found = Vec::new();
    for module in &state.modules {
        let taipan_snapshot::Module::Compiled(digest) = module else { continue };
        let entry = cache.entry(WEBASSEMBLY_ENTRIES, &key(engine, digest))?;
        if let Some(files) = entry.files()? {
            found.push(load(engine, &files, *digest)?);
        }
    }
    Ok(found)
}
