//! Turns the memory, the tables and the tags that a main module imports into its own.
//!
//! A relocatable main module (Pyodide up to 0.29) has them from its glue. An imported memory costs another load at each
//! access, and the host would have to make them all. As definitions they are exported under the names that they were
//! imported by.
//!
//! Imports come first in each space of indices, and all of a kind are
//! converted: no index changes.

use wasm_encoder::{Encode, EntityType, MemoryType, TableType};
use wasmparser::{BinaryReader, Export, ExternalKind, TypeRef};

use crate::error::Error;
use crate::module::{Module, SectionId, size};
use crate::state::export;

/// An exception's attribute in a tag's type (exception handling, "Tag Section").
const EXCEPTION: u8 = 0;

/// Converts what a module imports beside functions and globals, if a memory is among it. Its tables need `below`
/// elements more than they say: those before the ones that the module fills.
pub(crate) fn own_memory(module: &mut Module<'_>, below: u64) -> Result<(), Error> {
    if module.memories.imported == 0 {
        return Ok(());
    }
    let (mut memories, mut tables, mut tags) = (Vec::new(), Vec::new(), Vec::new());
    let mut exports: Vec<Export<'_>> = Vec::new();
    for import in &module.imports {
        let kind = match import.ty {
            TypeRef::Memory(memory) => {
                MemoryType::from(memory).encode(&mut memories);
                ExternalKind::Memory
            }
            TypeRef::Table(mut table) => {
                table.initial = table.initial.saturating_add(below);
                TableType::try_from(table).map_err(Error::Encode)?.encode(&mut tables);
                ExternalKind::Table
            }
            TypeRef::Tag(tag) => {
                tags.push(EXCEPTION);
                tag.func_type_idx.encode(&mut tags);
                ExternalKind::Tag
            }
            _ => continue,
        };
        let index = exports.iter().filter(|export| export.kind == kind).count();
        exports.push(Export { name: import.name, kind, index: size(index, "imports")? });
    }
    define(module, SectionId::MEMORY, module.memories.items.len(), &memories)?;
    define(module, SectionId::TABLE, module.tables.items.len(), &tables)?;
    define(module, SectionId::TAG, module.tags.items.len(), &tags)?;
    module.memories.imported = 0;
    module.tables.imported = 0;
    module.tags.imported = 0;
    module.imports.retain(|import| matches!(import.ty, TypeRef::Func(_) | TypeRef::Global(_)));
    write_imports(module)?;
    export(module, &exports)
}

/// Puts `definitions` before what the section has; it then has `count` items.
pub(crate) fn define(
    module: &mut Module<'_>,
    id: SectionId,
    count: usize,
    definitions: &[u8],
) -> Result<(), Error> {
    if definitions.is_empty() {
        return Ok(());
    }
    let mut section = Vec::new();
    size(count, "definitions")?.encode(&mut section);
    section.extend_from_slice(definitions);
    if let Some(old) = module.contents(id) {
        let mut reader = BinaryReader::new(old, 0);
        reader.read_var_u32()?;
        section.extend_from_slice(&old[reader.current_position()..]);
    }
    module.replace(id, section);
    Ok(())
}

/// Leaves the module with the imports that it lists.
pub(crate) fn write_imports(module: &mut Module<'_>) -> Result<(), Error> {
    if module.imports.is_empty() {
        module.remove(SectionId::IMPORT);
        return Ok(());
    }
    let mut section = Vec::new();
    size(module.imports.len(), "imports")?.encode(&mut section);
    for import in &module.imports {
        import.module.encode(&mut section);
        import.name.encode(&mut section);
        EntityType::try_from(import.ty).map_err(Error::Encode)?.encode(&mut section);
    }
    module.replace(SectionId::IMPORT, section);
    Ok(())
}
