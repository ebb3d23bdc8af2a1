//! The configuration of wasmtime: one for the process, and a part of what compiled code depends on.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use wasmtime::{Config, Engine};

use crate::Error;
use crate::memory::Memories;
use crate::processor::Processor;

/// Bytes of native stack for WebAssembly: deep recursion of Python in C (a
/// thousand nested `repr`) and of JavaScript up to the engine's own limit
/// must fit, whatever frames Cranelift makes.
pub const STACK_BYTES_MAX: usize = 48 << 20;

/// Bytes of native stack that a thread needs to run a guest: the above and what host functions use when called at the
/// limit.
pub const THREAD_STACK_BYTES: usize = STACK_BYTES_MAX + (8 << 20);

/// Address space that each memory reserves, so that it never moves.
pub(crate) const RESERVED_BYTES: u64 = 4 << 30;

/// Makes an engine that compiles and runs guests.
///
/// # Errors
///
/// When this machine lacks what wasmtime needs.
pub fn engine() -> Result<Engine, Error> {
    let mut config = Config::new();
    config
        .wasm_exceptions(true)
        .wasm_function_references(true)
        .wasm_gc(true)
        .memory_reservation(RESERVED_BYTES)
        .memory_may_move(false)
        .with_host_memory(Arc::new(Memories))
        .max_wasm_stack(STACK_BYTES_MAX)
        // Not used, but it must not be smaller than the above.
        .async_stack_size(STACK_BYTES_MAX);
    Processor::host().configure(&mut config).map_err(Error::Wasm)?;
    Engine::new(&config).map_err(Error::Wasm)
}

/// The processors on which code runs that an [`engine`] of this machine makes: a level of the x86-64 psABI
/// (section 3.1.1), or an architecture.
#[must_use]
pub fn processor() -> &'static str {
    Processor::host().name
}

/// Tells machine code apart that another wasmtime, another configuration or another [`processor`] would make, or
/// that was linked in another way.
#[must_use]
pub fn fingerprint(engine: &Engine) -> u64 {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    taipan_link::REVISION.hash(&mut hasher);
    hasher.finish()
}
