//! What a module has of mutable state outside of its linear memory.
//!
//! Tables and mutable globals that a module defines for itself are out of the
//! host's reach. The link step exports those that are not exported, and the
//! memories, under reserved names:
//!
//! ```text
//! taipan:table:1      the table with index 1
//! taipan:global:0     the global with index 0
//! taipan:memory:0     the memory with index 0
//! ```

use std::collections::HashMap;

use wasm_encoder::Encode;
use wasmparser::{BinaryReader, ExternalKind};

use crate::error::Error;
use crate::module::{EXPORTS_MAX, Module, SectionId, limit, parse, size};

/// What the names of our exports begin with. A module that has such an export
/// before it is linked is refused.
pub const RESERVED_PREFIX: &str = "taipan:";

/// The state of a linked module that its host must save and set. What the
/// module imports belongs to someone else and is not listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HiddenState {
    /// The memories that the module defines.
    pub memories: Vec<Hidden>,
    /// The tables that the module defines.
    pub tables: Vec<Hidden>,
    /// The mutable globals that the module defines.
    pub globals: Vec<Hidden>,
}

/// One piece of state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// Its index in its index space.
    pub index: u32,
    /// The name under which it is exported: one of the module's own if it has
    /// one (the first), else a reserved one.
    pub export: String,
}

/// Lists the state of a module that was linked, in the order of the indices.
///
/// # Errors
///
/// When the module cannot be read.
pub fn hidden_state(wasm: &[u8]) -> Result<HiddenState, Error> {
    Ok(state(&parse(wasm)?))
}

/// Exports what [`hidden_state`] lists and the module does not export.
pub(crate) fn export_state(module: &mut Module<'_>) -> Result<(), Error> {
    let taken = module.exports.iter().find(|export| export.name.starts_with(RESERVED_PREFIX));
    if let Some(export) = taken {
        return Err(Error::ReservedName { name: export.name.to_owned() });
    }
    let HiddenState { memories, tables, globals } = state(module);
    // The numbers are those of the binary format's export kinds.
    let kinds = [(1, tables), (2, memories), (3, globals)];
    let mut count = module.exports.len();
    let mut added = Vec::new();
    for (kind, list) in &kinds {
        for hidden in list.iter().filter(|hidden| hidden.export.starts_with(RESERVED_PREFIX)) {
            hidden.export.encode(&mut added);
            added.push(*kind);
            hidden.index.encode(&mut added);
            count += 1;
        }
    }
    if added.is_empty() {
        return Ok(());
    }
    limit("exports", count as u64, EXPORTS_MAX)?;
    let old = module.contents(SectionId::EXPORT).unwrap_or(&[0]);
    let mut reader = BinaryReader::new(old, 0);
    reader.read_var_u32()?;
    let mut section = Vec::with_capacity(old.len() + added.len() + 4);
    size(count, "exports")?.encode(&mut section);
    section.extend_from_slice(&old[reader.current_position()..]);
    section.append(&mut added);
    module.replace(SectionId::EXPORT, section);
    Ok(())
}

/// As [`hidden_state`]; what is not exported yet is listed under the name that
/// it will have.
fn state(module: &Module<'_>) -> HiddenState {
    let memories = module.memories.defined().map(|(index, _)| index);
    let tables = module.tables.defined().map(|(index, _)| index);
    let globals = module.globals.defined();
    let globals = globals.filter(|(_, global)| global.mutable).map(|(index, _)| index);
    HiddenState {
        memories: list(module, ExternalKind::Memory, "memory", memories),
        tables: list(module, ExternalKind::Table, "table", tables),
        globals: list(module, ExternalKind::Global, "global", globals),
    }
}

fn list(
    module: &Module<'_>,
    kind: ExternalKind,
    name: &str,
    indices: impl Iterator<Item = u32>,
) -> Vec<Hidden> {
    let mut exports = HashMap::new();
    for export in module.exports.iter().filter(|export| export.kind == kind) {
        exports.entry(export.index).or_insert(export.name);
    }
    let hidden = |index| {
        let export = match exports.get(&index) {
            Some(export) => (*export).to_owned(),
            None => format!("{RESERVED_PREFIX}{name}:{index}"),
        };
        Hidden { index, export }
    };
    indices.map(hidden).collect()
}
