//! Exceptions of JavaScript and of WebAssembly, and how one becomes the other.
//!
//! A JavaScript exception crosses frames of WebAssembly as an exception with
//! the JavaScript tag, so that their cleanup code runs (WebAssembly JavaScript
//! Interface, "create a host function", step 4). One that leaves WebAssembly
//! with another tag becomes a `WebAssembly.Exception`.

use std::fmt;
use std::sync::Arc;

use wasmtime::{
    AsContextMut, ExnRef, ExnRefPre, ExnType, FuncType, OwnedRooted, Rooted, Tag, TagType,
    ThrownException, Trap, Val, ValType,
};

use crate::host_memory::Held;
use crate::scope::{HostObject, Scope};
use crate::value::RawValue;
use crate::{Error, Throw};

/// Exceptions that JavaScript may hold at once: they live on the host's side.
const HELD_MAX: usize = 1 << 20;

/// Bytes of the host that one of them takes, about.
const HELD_BYTES: usize = 256;

/// An exception of JavaScript that nothing caught, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JsError {
    /// The class: `TypeError`.
    pub name: String,
    /// The message.
    pub message: String,
    /// One line a frame, innermost first.
    pub stack: String,
}

/// What the engine says when there is no stack left.
pub(crate) const STACK_USED_UP: &str = "Maximum call stack size exceeded";

impl JsError {
    /// Whether it is that there was no stack left.
    pub(crate) fn is_of_stack(&self) -> bool {
        self.name == "RangeError" && self.message == STACK_USED_UP
    }
}

impl std::error::Error for JsError {}

impl fmt::Display for JsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.name, self.message)?;
        match self.stack.trim_end() {
            "" => Ok(()),
            stack => write!(formatter, "\n{stack}"),
        }
    }
}

/// The JavaScript tag of an isolate, and the exceptions that JavaScript holds.
#[derive(Default)]
pub(crate) struct Exceptions {
    javascript: Option<JavaScriptTag>,
    held: Vec<Option<(OwnedRooted<ExnRef>, Held)>>,
    free: Vec<usize>,
}

/// The tag with which JavaScript exceptions cross WebAssembly: one `externref`.
#[derive(Clone)]
pub(crate) struct JavaScriptTag {
    pub(crate) tag: Tag,
    allocator: Arc<ExnRefPre>,
}

impl JavaScriptTag {
    pub(crate) fn new(mut store: impl AsContextMut) -> Result<JavaScriptTag, Error> {
        let engine = store.as_context_mut().engine().clone();
        let type_ = TagType::new(FuncType::new(&engine, [ValType::EXTERNREF], []));
        let allocator = Arc::new(ExnRefPre::new(&mut store, ExnType::from_tag_type(&type_)?));
        Ok(JavaScriptTag { tag: Tag::new(&mut store, &type_)?, allocator })
    }
}

impl Exceptions {
    pub(crate) fn new(javascript: JavaScriptTag) -> Exceptions {
        Exceptions { javascript: Some(javascript), ..Exceptions::default() }
    }

    pub(crate) fn javascript_tag(&self) -> wasmtime::Result<JavaScriptTag> {
        self.javascript
            .clone()
            .ok_or_else(|| wasmtime::Error::msg("an exception before the guest is linked"))
    }

    pub(crate) fn held(&self, index: usize) -> Option<OwnedRooted<ExnRef>> {
        self.held.get(index)?.as_ref().map(|(exception, _)| exception.clone())
    }

    /// Whether JavaScript holds an exception.
    pub(crate) fn any_held(&self) -> bool {
        self.held.iter().any(Option::is_some)
    }

    fn hold(&mut self, exception: (OwnedRooted<ExnRef>, Held)) -> Result<usize, Error> {
        if let Some(index) = self.free.pop() {
            self.held[index] = Some(exception);
            return Ok(index);
        }
        if self.held.len() >= HELD_MAX {
            return Err(Error::OutOfMemory { what: "an exception that JavaScript holds" });
        }
        self.held.push(Some(exception));
        Ok(self.held.len() - 1)
    }

    /// Lets go of an exception that JavaScript no longer reaches.
    pub(crate) fn release(&mut self, index: usize) {
        // A guest whose engine is broken may release twice.
        if let Some(held @ Some(_)) = self.held.get_mut(index) {
            *held = None;
            self.free.push(index);
        }
    }
}

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
