//! Strings and numbers that Python makes JavaScript values of, without going through JavaScript.

use taipan_guest::{Argument, DefineResult, Linker, NativeCaller, Scope};

/// The longest C string that becomes a JavaScript one: Pyodide makes names of them.
const C_STRING_BYTES_MAX: u32 = 1 << 30;

/// Defines them.
///
/// # Errors
///
/// When the main module imports one with another type.
pub(crate) fn define(linker: &mut Linker) -> DefineResult {
    linker.func_wrap("env", "JsvUTF8ToString", |mut caller: NativeCaller<'_>, address: u32| {
        let mut scope = Scope::of(&mut caller);
        let length = u32::try_from(scope.c_string(address, C_STRING_BYTES_MAX)?.len())?;
        scope.text_at(address, length)
    })?;
    linker.func_wrap(
        "env",
        "_python2js_ascii",
        |mut caller: NativeCaller<'_>, address: u32, length: u32| {
            Scope::of(&mut caller).text_at(address, length)
        },
    )?;
    for (name, width) in [("_python2js_ucs1", 1), ("_python2js_ucs2", 2), ("_python2js_ucs4", 4)] {
        linker.func_wrap(
            "env",
            name,
            move |mut caller: NativeCaller<'_>, address: u32, count: u32| {
                Scope::of(&mut caller).text_of_points(address, count, width)
            },
        )?;
    }
    linker.func_wrap("env", "JsvNum_fromInt", |mut caller: NativeCaller<'_>, number: i32| {
        Scope::of(&mut caller).reference(number.into())
    })?;
    linker.func_wrap("env", "JsvNum_fromDouble", |mut caller: NativeCaller<'_>, number: f64| {
        Scope::of(&mut caller).reference(Argument::Number(number))
    })?;
    Ok(())
}
