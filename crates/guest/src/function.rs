//! The functions of WebAssembly that JavaScript knows.

use std::collections::HashMap;
use std::sync::Arc;

use wasmtime::{AsContextMut, Func, FuncType, Ref, ValType};

use crate::scope::Scope;
use crate::state::FUNCTION_TABLE;
use crate::value::RawValue;
use crate::{Error, trampoline};

/// The type of a value that crosses between JavaScript and WebAssembly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ValueType {
    I32,
    I64,
    F32,
    F64,
    ExternRef,
    FuncRef,
    /// `v128`, `exnref` and others: JavaScript can neither give nor take them.
    Opaque,
}

impl From<&ValType> for ValueType {
    fn from(type_: &ValType) -> ValueType {
        match type_ {
            ValType::I32 => ValueType::I32,
            ValType::I64 => ValueType::I64,
            ValType::F32 => ValueType::F32,
            ValType::F64 => ValueType::F64,
            ValType::V128 => ValueType::Opaque,
            // One that may not be null is opaque: nothing below looks for null.
            ValType::Ref(reference) if !reference.is_nullable() => ValueType::Opaque,
            ValType::Ref(reference) if reference.heap_type().is_extern() => ValueType::ExternRef,
            ValType::Ref(reference) if reference.heap_type().is_func() => ValueType::FuncRef,
            ValType::Ref(_) => ValueType::Opaque,
        }
    }
}

/// Parameters that a function may have here; the JavaScript interface's limit
/// is 1,000 ("Limits"), the glue's largest function has 17.
pub(crate) const PARAMETERS_MAX: usize = 64;

/// The type of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signature {
    pub(crate) parameters: Box<[ValueType]>,
    pub(crate) results: Box<[ValueType]>,
    /// Whether JavaScript can call it and be called by it: each value can cross, and there is one result at most.
    pub(crate) crosses: bool,
}

impl Signature {
    pub(crate) fn of(type_: &FuncType) -> Signature {
        let parameters: Box<[_]> = type_.params().map(|type_| ValueType::from(&type_)).collect();
        let results: Box<[_]> = type_.results().map(|type_| ValueType::from(&type_)).collect();
        let opaque = parameters.iter().chain(&results).any(|type_| *type_ == ValueType::Opaque);
        let crosses = !opaque && results.len() <= 1 && parameters.len() <= PARAMETERS_MAX;
        Signature { parameters, results, crosses }
    }

    /// Whether it is that of a test of a JavaScript value.
    pub(crate) fn is_test(&self) -> bool {
        *self.parameters == [ValueType::ExternRef] && *self.results == [ValueType::I32]
    }
}

/// Where a function comes from, so that it can be found again in a resumed isolate.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// An export of the main module.
    Main(String),
    /// An element of the main module's function table.
    Element(u32),
    /// A JavaScript function with a WebAssembly type.
    JavaScript { handle: i32, type_: FuncType },
    /// An export of another instance, by its place among [`crate::webassembly::Entities`]'s.
    Instance(u32, String),
    /// None of these: it cannot be kept.
    Unknown,
}

/// The functions of an isolate, by the index that JavaScript's function objects carry. Those that a snapshot knows
/// are looked up when they are first used.
#[derive(Debug, Default)]
pub(crate) struct Functions {
    known: Arc<[Origin]>,
    added: Vec<Origin>,
    found: HashMap<u32, (Func, Arc<Signature>)>,
    indices: HashMap<usize, u32>,
    /// Whether all of `known` are among `found`.
    complete: bool,
    /// Functions of JavaScript that were given a type of WebAssembly; they live as long as the isolate.
    typed: u32,
}

/// Functions of JavaScript to which an isolate may give a type.
const TYPED_MAX: u32 = 1 << 18;

impl Functions {
    /// Counts one more function of JavaScript that is given a type.
    pub(crate) fn add_typed(&mut self) -> Result<(), Error> {
        if self.typed >= TYPED_MAX {
            return Err(Error::OutOfMemory {
                what: "a function of JavaScript with a type of WebAssembly",
            });
        }
        self.typed += 1;
        Ok(())
    }

    /// The functions of a resumed isolate.
    pub(crate) fn resumed(known: Arc<[Origin]>) -> Functions {
        Functions { known, ..Functions::default() }
    }

    pub(crate) fn origins(&self) -> impl Iterator<Item = &Origin> {
        self.known.iter().chain(&self.added)
    }

    /// The index of the function with an address, if it can be kept.
    pub(crate) fn known_at(&self, address: usize) -> Option<u32> {
        let index = *self.indices.get(&address)?;
        (!matches!(self.origin(index)?, Origin::Unknown)).then_some(index)
    }

    fn origin(&self, index: u32) -> Option<&Origin> {
        let index = index as usize;
        self.known.get(index).or_else(|| self.added.get(index.checked_sub(self.known.len())?))
    }
}

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

/// Looks up all functions that the snapshot knows, for instance because elements of the function table are about to
/// change by which it knows them.
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
