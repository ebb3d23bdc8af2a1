//! The WebAssembly modules that a worker's JavaScript imports: they get windows (`link/src/window.rs`).

use std::path::Path;

use taipan_guest::Engine;
use taipan_runtime::{ModuleKind, WORKER_DIRECTORY};
use taipan_store::{Cache, Entry, Held, OnReadOnly, Progress, Step, write_atomic};

use crate::Error;
use crate::settings::Settings;
use crate::webassembly::{CODE, Outcomes, Prepared, WASM, WEBASSEMBLY_ENTRIES, key, load, outcome};

/// The longest module, in bytes: three times the longest that Cloudflare takes.
const BYTES_MAX: usize = 32 << 20;

/// Compiles the modules of a worker that JavaScript imports; with them what keeps those in the cache. One that cannot be used is an error when
/// it is imported.
pub(crate) fn compile(
    settings: &Settings,
    progress: Progress<'_>,
) -> Result<(Outcomes, Vec<Held>), Error> {
    let (mut compiled, mut held) = (Outcomes::new(), Vec::new());
    for (path, bytes) in settings.code.layer.files() {
        if settings.modules.kinds.get(&path) != Some(&ModuleKind::CompiledWasm) {
            continue;
        }
        let engine = settings.bundle.program.engine();
        let prepared = prepare(&settings.cache, engine, &path, bytes, progress);
        let outcome = outcome(&path, prepared, &mut held)?;
        compiled.insert(format!("{WORKER_DIRECTORY}/{path}"), outcome);
    }
    Ok((compiled, held))
}

/// Where these modules are in the cache; those that cannot be used are nowhere.
pub(crate) fn entries(settings: &Settings) -> Result<Vec<Entry>, Error> {
    let engine = settings.bundle.program.engine();
    let is_module =
        |path: &str| settings.modules.kinds.get(path) == Some(&ModuleKind::CompiledWasm);
    let files = settings.code.layer.files().filter(|(path, _)| is_module(path));
    let modules = files.filter_map(|(_, bytes)| taipan_link::window(bytes).ok());
    let key = |module: Vec<u8>| key(engine, &taipan_guest::digest(&module));
    let windows = modules.map(|module| settings.cache.entry(WEBASSEMBLY_ENTRIES, &key(module)));
    Ok(windows.collect::<Result<_, _>>()?)
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
    let entry = entry.called(format!("the code of {path}"));
    let build = |staging: &Path| {
        progress(Step::Begin { label: &format!("compiling {path}"), bytes_total: None });
        write_atomic(&staging.join(WASM), &wasm)?;
        taipan_bundle::compile(engine, &wasm, &staging.join(CODE))
    };
    let held = entry.hold()?;
    let files = entry.get_or_build(OnReadOnly::Apart, progress, build)?;
    Ok((load(engine, &files, digest)?, held))
}
