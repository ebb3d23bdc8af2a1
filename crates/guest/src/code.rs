//! Files of the cache: compiled code made at set-up, and bytes; mapped from disk.

#![expect(unsafe_code, reason = "the only place that maps files: as machine code, and as bytes")]

use bytes::Bytes;
use wasmtime::{Engine, Module};

use crate::Error;

/// Compiles a module; the result can be loaded by the same build of Taipan on the same kind of machine.
///
/// # Errors
///
/// When the module is not valid, or was not linked: it has instructions that keep it from being stopped.
pub fn compile(engine: &Engine, wasm: &[u8]) -> Result<Vec<u8>, Error> {
    taipan_link::check_stoppable(wasm).map_err(Error::Unstoppable)?;
    engine.precompile_module(wasm).map_err(Error::Wasm)
}

/// Maps compiled code.
///
/// The file must hold what [`compile`] made, and no program may change it: it comes from the cache, which has compared
/// this very file with what was published, and whose folder belongs to the user who runs Taipan.
///
/// # Errors
///
/// When the file cannot be read, or is of another build or machine.
pub fn load(engine: &Engine, file: std::fs::File) -> Result<Module, Error> {
    // SAFETY: as said above, the file is what `compile` wrote; wasmtime checks its version and target itself.
    unsafe { Module::deserialize_open_file(engine, file) }.map_err(Error::Wasm)
}

/// Maps a file as bytes.
///
/// As with [`load`], no program may change the file. A published file is only replaced as a whole, and a mapping of the
/// old one keeps its bytes.
///
/// # Errors
///
/// When the file cannot be mapped.
pub fn map(file: &std::fs::File) -> std::io::Result<Bytes> {
    // SAFETY: as said above, the bytes do not change while they are mapped.
    let mapping = unsafe { memmap2::Mmap::map(file) }?;
    Ok(Bytes::from_owner(mapping))
}
