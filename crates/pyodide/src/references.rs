//! The numbers by which Python knows JavaScript's objects (Pyodide 314.0.7, `hiwire.c`): a `Map` of the glue's, which is
//! asked when a proxy is made and when it goes, without going through JavaScript.

use taipan_guest::{DefineResult, Linker, NativeCaller, Reference, Scope};

/// Defines them.
///
/// # Errors
///
/// When the main module imports one with another type.
pub(crate) fn define(linker: &mut Linker) -> DefineResult {
    linker.func_wrap(
        "env",
        "__hiwire_deduplicate_get",
        |mut caller: NativeCaller<'_>, map: Reference, value: Reference| {
            Scope::of(&mut caller).map_get(map, value)
        },
    )?;
    linker.func_wrap(
        "env",
        "__hiwire_deduplicate_set",
        |mut caller: NativeCaller<'_>, map: Reference, value: Reference, number: i32| {
            Scope::of(&mut caller).map_set(map, value, number)
        },
    )?;
    linker.func_wrap(
        "env",
        "__hiwire_deduplicate_delete",
        |mut caller: NativeCaller<'_>, map: Reference, value: Reference| {
            Scope::of(&mut caller).map_delete(map, value)
        },
    )?;
    Ok(())
}
