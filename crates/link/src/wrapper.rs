//! The tiny module that Emscripten makes for each JavaScript function.
//!
//! `convertJsFunctionToWasm` (in `pyodide.asm.mjs` of Pyodide 314.0.7) gives a
//! JavaScript function a WebAssembly type, so that it can be put in a table: it
//! assembles a module that imports the function as `e.f` and exports it as
//! `f`, compiles it and instantiates it, some 260 times during a boot. Such a
//! module need not be compiled at all: a host function of the same type does
//! the same.

use wasmparser::{ExternalKind, FuncType, TypeRef, ValType};

use crate::module::{SectionId, parse};

/// The most bytes in which a wrapper is looked for: room for the thousand
/// parameters that engines accept, and what is around them.
const WRAPPER_BYTES_MAX: usize = 1100;

/// The type of the function that a wrapper module wraps.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wrapper {
    /// The types of its parameters.
    pub parameters: Vec<WrapperType>,
    /// The types of its results.
    pub results: Vec<WrapperType>,
}

/// A type that a wrapper's signature can hold (Emscripten's `wasmTypeCodes`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WrapperType {
    /// `i`, and `p` for a pointer.
    I32,
    /// `j`.
    I64,
    /// `f`.
    F32,
    /// `d`.
    F64,
    /// `e`.
    ExternRef,
}

/// Recognises a wrapper module: one function type, one import `e.f` of that
/// type, exported as `f`, and nothing else.
#[must_use]
pub fn wrapper_signature(wasm: &[u8]) -> Option<Wrapper> {
    if wasm.len() > WRAPPER_BYTES_MAX {
        return None;
    }
    let module = parse(wasm).ok()?;
    let sections = module.sections.iter().map(|section| section.id);
    let only_these = [SectionId::TYPE, SectionId::IMPORT, SectionId::EXPORT];
    if !sections.eq(only_these) {
        return None;
    }
    let ([_], [import], [export]) = (&*module.types, &*module.imports, &*module.exports) else {
        return None;
    };
    let imported = (import.module, import.name, import.ty) == ("e", "f", TypeRef::Func(0));
    let exported = (export.name, export.kind, export.index) == ("f", ExternalKind::Func, 0);
    if !imported || !exported {
        return None;
    }
    wrapper(module.signature(0).ok()?)
}

fn wrapper(signature: &FuncType) -> Option<Wrapper> {
    let types = |values: &[ValType]| -> Option<Vec<_>> {
        values.iter().copied().map(wrapper_type).collect()
    };
    Some(Wrapper { parameters: types(signature.params())?, results: types(signature.results())? })
}

fn wrapper_type(value: ValType) -> Option<WrapperType> {
    match value {
        ValType::I32 => Some(WrapperType::I32),
        ValType::I64 => Some(WrapperType::I64),
        ValType::F32 => Some(WrapperType::F32),
        ValType::F64 => Some(WrapperType::F64),
        value if value == ValType::EXTERNREF => Some(WrapperType::ExternRef),
        ValType::V128 | ValType::Ref(_) => None,
    }
}
