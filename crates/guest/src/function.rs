//! The functions of WebAssembly that JavaScript knows.

use std::collections::HashMap;
use std::sync::Arc;

use wasmtime::{AsContextMut, Func, FuncType, ValType};

use crate::Error;
use crate::scope::Scope;
use crate::value::RawValue;

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
}

/// The functions of an isolate, by the index that JavaScript's function objects carry.
#[derive(Debug, Default)]
pub(crate) struct Functions {
    entries: Vec<(Func, Arc<Signature>)>,
    indices: HashMap<usize, u32>,
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

    pub(crate) fn entry(&self, index: u32) -> Option<(Func, Arc<Signature>)> {
        self.entries.get(index as usize).cloned()
    }
}

/// The index of a function: always the same for the same function.
pub(crate) fn index_of(scope: &mut Scope<'_>, function: Func) -> u32 {
    let address = function.to_raw(&mut scope.store) as usize;
    if let Some(index) = scope.state().functions.indices.get(&address) {
        return *index;
    }
    let signature = Arc::new(Signature::of(&function.ty(&scope.store)));
    let functions = &mut scope.state_mut().functions;
    let index = u32::try_from(functions.entries.len()).unwrap_or(u32::MAX);
    functions.entries.push((function, signature));
    functions.indices.insert(address, index);
    index
}

/// The JavaScript function of a function.
pub(crate) fn to_javascript(scope: &mut Scope<'_>, function: Func) -> Result<RawValue, Error> {
    let index = index_of(scope, function);
    let parameters = scope.state().functions.entries[index as usize].1.parameters.len();
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

/// The function of WebAssembly that a JavaScript value is, if it is one.
pub(crate) fn from_javascript(
    scope: &mut Scope<'_>,
    value: RawValue,
) -> Result<Option<Func>, Error> {
    if !value.is_counted() {
        return Ok(None);
    }
    let javascript = scope.javascript()?;
    let index = scope.with_frame::<_, Error>(1, |scope, frame| {
        scope.write_value(frame.address, value)?;
        Ok(javascript.wasm_function_index.call(&mut scope.store, frame.address)?)
    })?;
    let entry = u32::try_from(index).ok().and_then(|index| scope.state().functions.entry(index));
    Ok(entry.map(|(function, _)| function))
}
