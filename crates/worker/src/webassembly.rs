//! The WebAssembly modules of a worker: compiled when it is set up, kept in the cache.
//!
//! Those that JavaScript imports get windows (`link/src/window.rs`). Those of Python are in `side_modules.rs`.

use std::collections::BTreeMap;
use std::path::Path;

use taipan_bundle::map;
use taipan_guest::{CompiledModule, Digest, Engine};
use taipan_runtime::{ModuleKind, WORKER_DIRECTORY, guest};
use taipan_store::{Cache, Entry, Files, Held, OnReadOnly, Progress, Step, write_atomic};
use taipan_webapi::causes;

use crate::settings::Settings;
use crate::{Error, side_modules};

/// The kind of entry of the cache.
pub const WEBASSEMBLY_ENTRIES: &str = "webassembly";

/// The longest module, in bytes: three times the longest that Cloudflare takes.
const BYTES_MAX: usize = 32 << 20;

/// The modules of a worker by their absolute paths: ready, or why not.
pub(crate) type Outcomes = BTreeMap<String, Result<CompiledModule, String>>;

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
    let (engine, layers) = (settings.bundle.program.engine(), side_modules::layers(settings));
    let (side, entries) = side_modules::compile(&settings.cache, engine, &layers, progress)?;
    compiled.extend(side);
    held.extend(entries);
    Ok((compiled, held))
}

/// A module that is ready, with what keeps it in the cache.
pub(crate) type Prepared = Result<(CompiledModule, Held), taipan_bundle::Error>;

/// The module, or why it cannot be used; a fault that is not its own is an error.
pub(crate) fn outcome(
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

/// Where the compiled modules of a worker are in the cache; those that cannot be used are nowhere.
pub(crate) fn entries(settings: &Settings) -> Result<Vec<Entry>, Error> {
    let engine = settings.bundle.program.engine();
    let is_module =
        |path: &str| settings.modules.kinds.get(path) == Some(&ModuleKind::CompiledWasm);
    let files = settings.code.layer.files().filter(|(path, _)| is_module(path));
    let modules = files.filter_map(|(_, bytes)| taipan_link::window(bytes).ok());
    let key = |module: Vec<u8>| key(engine, &taipan_guest::digest(&module));
    let windows = modules.map(|module| settings.cache.entry(WEBASSEMBLY_ENTRIES, &key(module)));
    let mut entries = windows.collect::<Result<Vec<_>, _>>()?;
    entries.extend(side_modules::entries(
        &settings.cache,
        engine,
        &side_modules::layers(settings),
    )?);
    Ok(entries)
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
    if bytes.len() > BYTES_MAX {
        let (found, max) = (bytes.len() as u64, BYTES_MAX as u64);
        return Err(link(taipan_link::Error::Limit { what: "bytes of the module", found, max }));
    }
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
pub(crate) const SIDE_WASM: &str = "side.wasm";
pub(crate) const CODE: &str = "module.code";

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

pub(crate) fn key(engine: &Engine, digest: &Digest) -> String {
    digest.iter().fold(prefix(engine), |key, byte| key + &format!("{byte:02x}"))
}

pub(crate) fn load(
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
