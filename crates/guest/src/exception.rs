//! Exceptions of JavaScript and of WebAssembly, and how one becomes the other.
//!
//! A JavaScript exception crosses frames of WebAssembly as an exception with
//! the JavaScript tag, so that their cleanup code runs (WebAssembly JavaScript
//! Interface, "create a host function", step 4). One that leaves WebAssembly
//! with another tag becomes a `WebAssembly.Exception`.

use wasmtime::{ExnRef, OwnedRooted, Rooted, Tag, ThrownException, Trap, Val};

use crate::Throw;
use crate::js_error::STACK_USED_UP;
use crate::scope::{HostObject, Scope};
use crate::state::exceptions::JavaScriptTag;
use crate::value::RawValue;

/// Bytes of the host that an exception takes while JavaScript holds it, about.
const HELD_BYTES: usize = 256;

/// The object of an exception that JavaScript is to hold.
pub(crate) fn to_javascript(
    scope: &mut Scope<'_>,
    exception: OwnedRooted<ExnRef>,
) -> wasmtime::Result<RawValue> {
    let bytes = scope.hold(HELD_BYTES, "an exception that JavaScript holds")?;
    let index = scope.state_mut().exceptions.hold((exception, bytes))?;
    scope.new_host_object(HostObject::Exception, index)
}

/// Throws the engine's pending exception into the WebAssembly that called.
pub(crate) fn throw_into_wasm(scope: &mut Scope<'_>) -> wasmtime::Error {
    match try_throw_into_wasm(scope) {
        Ok(error) | Err(error) => error,
    }
}

fn try_throw_into_wasm(scope: &mut Scope<'_>) -> Result<wasmtime::Error, wasmtime::Error> {
    let value = scope.take_exception()?;
    let held = scope.host_object_index(HostObject::Exception, value)?;
    let held = held.and_then(|index| scope.state().exceptions.held(index));
    let exception = match held {
        Some(exception) => {
            scope.free(value)?;
            exception.to_rooted(&mut scope.store)
        }
        None => {
            let payload = Val::ExternRef(scope.to_externref(value)?);
            let JavaScriptTag { tag, allocator } = scope.state().exceptions.javascript_tag()?;
            ExnRef::new(&mut scope.store, &allocator, &tag, &[payload])?
        }
    };
    match scope.store.throw::<()>(exception) {
        Err(error) => Ok(error),
        Ok(()) => Err(wasmtime::Error::msg("an exception was not thrown")),
    }
}

/// Turns what came out of WebAssembly into what JavaScript throws.
pub(crate) fn throw_into_javascript(scope: &mut Scope<'_>, error: wasmtime::Error) -> Throw {
    if error.is::<ThrownException>() {
        return match scope.store.take_pending_exception() {
            Some(exception) => catch(scope, exception).unwrap_or_else(Throw::Fatal),
            None => Throw::Fatal(error),
        };
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => Throw::range_error(STACK_USED_UP),
        Some(Trap::UnreachableCodeReached) => {
            Throw::error("WebAssembly.RuntimeError", "unreachable")
        }
        Some(trap) => Throw::error("WebAssembly.RuntimeError", trap.to_string()),
        None => Throw::Fatal(error),
    }
}

fn catch(scope: &mut Scope<'_>, exception: Rooted<ExnRef>) -> Result<Throw, wasmtime::Error> {
    let tag = exception.tag(&mut scope.store)?;
    if Tag::eq(&tag, &scope.state().exceptions.javascript_tag()?.tag, &scope.store) {
        let payload = match exception.field(&mut scope.store, 0)? {
            Val::ExternRef(payload) => payload,
            _ => None,
        };
        let value = scope.from_externref(payload)?;
        scope.throw_value(value)?;
        return Ok(Throw::Pending);
    }
    let owned = exception.to_owned_rooted(&mut scope.store)?;
    let value = to_javascript(scope, owned)?;
    scope.throw_value(value)?;
    Ok(Throw::Pending)
}
