//! The functions of WebAssembly that JavaScript knows, as data: where each comes from, and what type it has.

use std::collections::HashMap;
use std::sync::Arc;

use wasmtime::{Func, FuncType, ValType};

use crate::Error;

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
    fn from(type_: &ValType) -> Self {
        match type_ {
            ValType::I32 => Self::I32,
            ValType::I64 => Self::I64,
            ValType::F32 => Self::F32,
            ValType::F64 => Self::F64,
            ValType::V128 => Self::Opaque,
            // One that may not be null is opaque: nothing below looks for null.
            ValType::Ref(reference) if !reference.is_nullable() => Self::Opaque,
            ValType::Ref(reference) if reference.heap_type().is_extern() => Self::ExternRef,
            ValType::Ref(reference) if reference.heap_type().is_func() => Self::FuncRef,
            ValType::Ref(_) => Self::Opaque,
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
    pub(crate) fn of(type_: &FuncType) -> Self {
        let parameters: Box<[_]> = type_.params().map(|type_| ValueType::from(&type_)).collect();
        let results: Box<[_]> = type_.results().map(|type_| ValueType::from(&type_)).collect();
        let opaque = parameters.iter().chain(&results).any(|type_| *type_ == ValueType::Opaque);
        let crosses = !opaque && results.len() <= 1 && parameters.len() <= PARAMETERS_MAX;
        Self { parameters, results, crosses }
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
    /// An export of another instance, by its place among [`Entities`](super::entities::Entities)'s.
    Instance(u32, String),
    /// None of these: it cannot be kept.
    Unknown,
}

/// The functions of an isolate, by the index that JavaScript's function objects carry. Those that a snapshot knows
/// are looked up when they are first used.
#[derive(Debug, Default)]
pub(crate) struct Functions {
    pub(crate) known: Arc<[Origin]>,
    pub(crate) added: Vec<Origin>,
    pub(crate) found: HashMap<u32, (Func, Arc<Signature>)>,
    pub(crate) indices: HashMap<usize, u32>,
    /// Whether all of `known` are among `found`.
    pub(crate) complete: bool,
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
    pub(crate) fn resumed(known: Arc<[Origin]>) -> Self {
        Self { known, ..Self::default() }
    }

    pub(crate) fn origins(&self) -> impl Iterator<Item = &Origin> {
        self.known.iter().chain(&self.added)
    }

    /// The index of the function with an address, if it can be kept.
    pub(crate) fn known_at(&self, address: usize) -> Option<u32> {
        let index = *self.indices.get(&address)?;
        (!matches!(self.origin(index)?, Origin::Unknown)).then_some(index)
    }

    pub(crate) fn origin(&self, index: u32) -> Option<&Origin> {
        let index = index as usize;
        self.known.get(index).or_else(|| self.added.get(index.checked_sub(self.known.len())?))
    }
}
