//! Compiled WebAssembly in the cache: what modules that JavaScript imports (`windows.rs`) and those of Python
//! (`side_modules.rs`) have in common.

use std::collections::BTreeMap;

use taipan_bundle::map;
use taipan_guest::{CompiledModule, Digest, Engine};
use taipan_runtime::guest;
use taipan_store::{Cache, Files, Held};
use taipan_webapi::causes;

use crate::Error;

/// The kind of entry of the cache.
pub const WEBASSEMBLY_ENTRIES: &str = "webassembly";

/// The modules of a worker by their absolute paths: ready, or why not.
pub(crate) type Outcomes = BTreeMap<String, Result<CompiledModule, String>>;

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

/// The files of an entry: the module as it was rewritten, or linked if it is a side module, and its machine code.
pub(crate) const WASM: &str = "module.wasm";
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

/// The key of the list of an image's side modules (`listed.rs`).
pub(crate) fn list_key(engine: &Engine, image: &taipan_store::Digest) -> String {
    format!("{}list-{image}", prefix(engine))
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
