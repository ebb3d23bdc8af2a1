//! Compiled code: made at set-up, mapped from disk afterwards.

#![expect(unsafe_code, reason = "the only place that turns a file into machine code")]

use std::path::Path;

use wasmtime::{Engine, Module};

use crate::Error;

/// Compiles a module; the result can be loaded by the same build of Taipan on the same kind of machine.
///
/// # Errors
///
/// When the module is not valid.
pub fn compile(engine: &Engine, wasm: &[u8]) -> Result<Vec<u8>, Error> {
    engine.precompile_module(wasm).map_err(Error::Wasm)
}

/// Maps compiled code.
///
/// The file must be one that [`compile`] wrote and that nobody else can
/// change: it comes from the cache, which checks the digest of what it
/// publishes, and whose folder belongs to the user who runs Taipan.
///
/// # Errors
///
/// When the file cannot be read, or is of another build or machine.
pub fn load(engine: &Engine, path: &Path) -> Result<Module, Error> {
    // SAFETY: as said above, the file is what `compile` wrote; wasmtime checks its version and target itself.
    unsafe { Module::deserialize_file(engine, path) }.map_err(Error::Wasm)
}
