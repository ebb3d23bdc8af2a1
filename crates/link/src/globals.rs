//! Turns the mutable globals that a main module imports into its own.
//!
//! Emscripten's linker imports an address that is known only when all modules
//! are loaded as a mutable global (`GOT.mem.x`, `GOT.func.f`). The host would
//! have to make each, and to keep it apart from the module's state. As globals
//! of the module they are made with it, at no cost, and its code reaches them
//! without an indirection.
//!
//! Imports come first in the space of indices: as long as all imported globals
//! are converted, no index changes.

use wasm_encoder::{ConstExpr, Encode, HeapType};
use wasmparser::{GlobalType, TypeRef, ValType};

use crate::error::Error;
use crate::module::{Module, SectionId};
use crate::own::{define, write_imports};
use crate::state::import_export;

/// Converts the imported globals of a module that defines a memory. Returns the
/// names under which they are to be exported, in the order of their indices.
/// Those that `known` names hold what it says from the beginning.
///
/// A side module shares its globals with the main module: it stays as it is.
pub(crate) fn own_globals(
    module: &mut Module<'_>,
    known: &[(String, i32)],
) -> Result<Vec<String>, Error> {
    if module.memories.defined().next().is_none() || module.globals.imported == 0 {
        return Ok(Vec::new());
    }
    let mut names = Vec::with_capacity(module.globals.imported);
    let mut definitions = Vec::new();
    for import in &module.imports {
        let TypeRef::Global(global) = import.ty else { continue };
        let known = known.iter().find(|(name, _)| name == import.name).map(|(_, value)| *value);
        let initial = initial(global, known).ok_or_else(|| Error::ImportedGlobal {
            module: import.module.to_owned(),
            name: import.name.to_owned(),
        })?;
        wasm_encoder::GlobalType::try_from(global).map_err(Error::Encode)?.encode(&mut definitions);
        initial.encode(&mut definitions);
        names.push(import_export(import.module, import.name)?);
    }
    let mut sorted: Vec<_> = names.iter().collect();
    sorted.sort_unstable();
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Error::ImportedTwice { export: pair[0].clone() });
    }
    define(module, SectionId::GLOBAL, module.globals.items.len(), &definitions)?;
    module.globals.imported = 0;
    module.imports.retain(|import| !matches!(import.ty, TypeRef::Global(_)));
    write_imports(module)?;
    Ok(names)
}

/// What a global holds until the host sets it: what is known of it, zero, or no reference. None if it
/// is constant and not known, or of a type that has neither.
fn initial(global: GlobalType, known: Option<i32>) -> Option<ConstExpr> {
    if let (Some(value), ValType::I32) = (known, global.content_type) {
        return Some(ConstExpr::i32_const(value));
    }
    if !global.mutable {
        return None;
    }
    Some(match global.content_type {
        ValType::I32 => ConstExpr::i32_const(0),
        ValType::I64 => ConstExpr::i64_const(0),
        ValType::F32 => ConstExpr::f32_const(0.0_f32.into()),
        ValType::F64 => ConstExpr::f64_const(0.0_f64.into()),
        ValType::V128 => ConstExpr::v128_const(0),
        ValType::Ref(reference) if reference.is_nullable() => {
            ConstExpr::ref_null(HeapType::try_from(reference.heap_type()).ok()?)
        }
        ValType::Ref(_) => return None,
    })
}
