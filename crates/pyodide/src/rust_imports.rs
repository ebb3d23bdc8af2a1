//! Imports of the main module that are served in Rust.
//!
//! Those that JavaScript must not serve, and those that are called so often
//! that JavaScript would be felt. The glue serves all others.

use taipan_guest::{DefineResult, Linker, NativeCaller, NativeResult, Reference, Scope};

use crate::{clock, limits, references, strings};

/// Linear memory that an isolate may have: QuickJS counts the bytes of a
/// buffer in an `int`.
pub const MEMORY_BYTES_MAX: usize = (2 << 30) - (64 << 10);

/// Defines them.
///
/// # Errors
///
/// When the main module imports one with another type.
pub fn define(linker: &mut Linker) -> DefineResult {
    // The engine allocates from this `malloc` too: served in JavaScript, it would be entered while it allocates.
    linker.func_wrap(
        "env",
        "emscripten_resize_heap",
        |mut caller: NativeCaller<'_>, requested: u32| {
            resize_heap(&mut Scope::of(&mut caller), requested as usize)
        },
    )?;
    linker.func_wrap("env", "emscripten_get_heap_max", || {
        u32::try_from(MEMORY_BYTES_MAX).unwrap_or(u32::MAX)
    })?;
    // Up to 0.26, for C functions that may be of another type than they are called with: elsewhere a module of the glue
    // asks (`modules.rs`).
    linker.func_wrap("env", "_PyEM_detect_type_reflection", || 1)?;
    linker.func_wrap(
        "env",
        "_PyEM_CountFuncParams",
        |mut caller: NativeCaller<'_>, function: u32| -> i32 {
            let count = Scope::of(&mut caller).parameters_of(function);
            count.map_or(-1, u32::cast_signed)
        },
    )?;
    // Comlink is for browsers: there is none here for a value to be of.
    linker.func_wrap("env", "is_comlink_proxy", |_value: Reference| 0)?;
    references::define(linker)?;
    limits::define(linker)?;
    strings::define(linker)?;
    clock::define(linker)
}

/// Grows by a fifth more than what is asked for, as Emscripten's own does (libcore.js, `emscripten_resize_heap`).
fn resize_heap(scope: &mut Scope<'_>, requested: usize) -> NativeResult<u32> {
    let size = scope.memory_bytes()?;
    let limit = scope.memory_limit().saturating_sub(scope.host_memory().held());
    let limit = limit.min(MEMORY_BYTES_MAX);
    // What is asked for beyond the limit is tried, so that its refusal is known.
    let generous = (size + size / 5).min(limit).max(requested);
    let grown = scope.grow_memory(generous)? || scope.grow_memory(requested)?;
    Ok(u32::from(grown))
}
