//! The functions of WebAssembly that JavaScript knows, found by their index and by their JavaScript function.

use std::sync::Arc;

use wasmtime::{AsContextMut, Func, Ref};

use crate::scope::Scope;
use crate::state::FUNCTION_TABLE;
use crate::state::functions::{Origin, Signature};
use crate::value::RawValue;
use crate::{Error, trampoline};

/// The function with an index, and its type.
pub(crate) fn at(scope: &mut Scope<'_>, index: u32) -> Option<(Func, Arc<Signature>)> {
    if let Some(found) = scope.state().functions.found.get(&index) {
        return Some(found.clone());
    }
    let origin = scope.state().functions.origin(index)?.clone();
    let function = find(scope, origin)?;
    Some(remember(scope, index, function))
}

fn find(scope: &mut Scope<'_>, origin: Origin) -> Option<Func> {
    let main = scope.linked().ok()?.main;
    match origin {
        Origin::Main(name) => main.get_func(&mut scope.store, &name),
        Origin::Element(element) => {
            let table = main.get_table(&mut scope.store, FUNCTION_TABLE)?;
            match table.get(&mut scope.store, element.into()) {
                Some(Ref::Func(function)) => function,
                _ => None,
            }
        }
        Origin::JavaScript { handle, type_ } => {
            Some(trampoline::host_function(scope, handle, type_))
        }
        Origin::Instance(instance, name) => {
            let instance = *scope.state().entities.instances.get(instance as usize)?;
            instance.get_func(&mut scope.store, &name)
        }
        Origin::Unknown => None,
    }
}

fn remember(scope: &mut Scope<'_>, index: u32, function: Func) -> (Func, Arc<Signature>) {
    let address = function.to_raw(&mut scope.store) as usize;
    let signature = Arc::new(Signature::of(&function.ty(&scope.store)));
    let functions = &mut scope.state_mut().functions;
    functions.indices.insert(address, index);
    functions.found.insert(index, (function, signature.clone()));
    (function, signature)
}

/// Looks up all functions that the snapshot knows, for instance because the elements of the function table by which it
/// knows them are about to change.
pub(crate) fn find_known(scope: &mut Scope<'_>) {
    if scope.state().functions.complete {
        return;
    }
    let known = u32::try_from(scope.state().functions.known.len()).unwrap_or(u32::MAX);
    for index in 0..known {
        at(scope, index);
    }
    scope.state_mut().functions.complete = true;
}

/// The index of a function: always the same for the same function. `origin` says where it comes from, if it is new.
pub(crate) fn index_of(scope: &mut Scope<'_>, function: Func, origin: Origin) -> u32 {
    let address = function.to_raw(&mut scope.store) as usize;
    if let Some(index) = scope.state().functions.indices.get(&address) {
        return *index;
    }
    if !scope.state().functions.complete {
        // It may be one that the snapshot knows by another name.
        find_known(scope);
        return index_of(scope, function, origin);
    }
    let functions = &mut scope.state_mut().functions;
    let index = functions.known.len() + functions.added.len();
    let index = u32::try_from(index).unwrap_or(u32::MAX);
    functions.added.push(origin);
    remember(scope, index, function);
    index
}

/// The JavaScript function of a function.
pub(crate) fn to_javascript(
    scope: &mut Scope<'_>,
    function: Func,
    origin: Origin,
) -> Result<RawValue, Error> {
    let index = index_of(scope, function, origin);
    let parameters = at(scope, index).map_or(0, |(_, signature)| signature.parameters.len());
    let parameters = i32::try_from(parameters).unwrap_or(i32::MAX);
    let javascript = scope.javascript()?;
    scope.with_frame(1, |scope, frame| {
        let call = (index.cast_signed(), parameters, frame.address);
        if javascript.wasm_function.call(&mut scope.store.as_context_mut(), call)? < 0 {
            return Err(Error::OutOfMemory { what: "a function object" });
        }
        scope.read_value(frame.address)
    })
}

/// The function of WebAssembly that a JavaScript value is, if it is one: its index and itself.
pub(crate) fn from_javascript(
    scope: &mut Scope<'_>,
    value: RawValue,
) -> Result<Option<(u32, Func)>, Error> {
    if !value.is_counted() {
        return Ok(None);
    }
    let javascript = scope.javascript()?;
    let index = scope.with_frame::<_, Error>(1, |scope, frame| {
        scope.write_value(frame.address, value)?;
        Ok(javascript.wasm_function_index.call(&mut scope.store, frame.address)?)
    })?;
    let Ok(index) = u32::try_from(index) else { return Ok(None) };
    Ok(at(scope, index).map(|(function, _)| (index, function)))
}

impl Scope<'_> {
    /// How many parameters the function at a place of the function table takes; `None` when none is there.
    pub fn parameters_of(&mut self, place: u32) -> Option<u32> {
        let main = self.linked().ok()?.main;
        let table = main.get_table(&mut self.store, FUNCTION_TABLE)?;
        let Ref::Func(Some(function)) = table.get(&mut self.store, place.into())? else {
            return None;
        };
        u32::try_from(function.ty(&self.store).params().len()).ok()
    }
}
