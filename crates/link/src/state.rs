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
//!
//! A global that the module imported until it was linked, and owns since, is
//! exported under a name that says which import it was:
//!
//! ```text
//! taipan:import:GOT.mem.x      once imported from `GOT.mem` as `x`
//! ```

use std::collections::HashMap;

use wasm_encoder::Encode;
use wasmparser::{BinaryReader, Export, ExternalKind};

use crate::error::Error;
use crate::module::{EXPORTS_MAX, Module, SectionId, limit, parse, size};

/// What the names of our exports begin with. A module that has such an export
/// before it is linked is refused.
pub const RESERVED_PREFIX: &str = "taipan:";

/// What the names of the exports of globals begin with that were imports.
const IMPORT_PREFIX: &str = "taipan:import:";

/// The modules of imported globals that have a dot in their names (Emscripten's
/// `wasm-ld`, global offset table). Any other ends at the first dot.
const DOTTED_MODULES: [&str; 2] = ["GOT.mem", "GOT.func"];

/// The state of a linked module that its host must save and set. What the module imports belongs to another module and
/// is not listed.
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
    /// Which import it was, if it is a global that the module owns since it was linked.
    pub import: Option<ImportName>,
}

/// What an import is called.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ImportName {
    /// The module that it is imported from.
    pub module: String,
    /// Its name there.
    pub name: String,
}

/// Lists the state of a module that was linked, in the order of the indices.
///
/// # Errors
///
/// When the module cannot be read.
pub fn hidden_state(wasm: &[u8]) -> Result<HiddenState, Error> {
    Ok(state(&parse(wasm)?))
}

/// Exports what [`hidden_state`] lists and the module does not export, and the
/// first globals under the names in `owned`.
pub(crate) fn export_state(module: &mut Module<'_>, owned: &[String]) -> Result<(), Error> {
    let taken = module.exports.iter().find(|export| export.name.starts_with(RESERVED_PREFIX));
    if let Some(export) = taken {
        return Err(Error::ReservedName { name: export.name.to_owned() });
    }
    let HiddenState { memories, tables, mut globals } = state(module);
    globals.retain(|hidden| hidden.index as usize >= owned.len());
    let kinds = [
        (ExternalKind::Table, &tables),
        (ExternalKind::Memory, &memories),
        (ExternalKind::Global, &globals),
    ];
    let exports = kinds.iter().flat_map(|(kind, list)| {
        let hidden = list.iter().filter(|hidden| hidden.export.starts_with(RESERVED_PREFIX));
        hidden.map(|hidden| Export { name: &hidden.export, kind: *kind, index: hidden.index })
    });
    let owned =
        (0..).zip(owned).map(|(index, name)| Export { name, kind: ExternalKind::Global, index });
    add_exports(module, &owned.chain(exports).collect::<Vec<_>>())
}

/// Exports more of a module, which then lists it.
pub(crate) fn export<'a>(module: &mut Module<'a>, exports: &[Export<'a>]) -> Result<(), Error> {
    add_exports(module, exports)?;
    module.exports.extend_from_slice(exports);
    Ok(())
}

fn add_exports(module: &mut Module<'_>, exports: &[Export<'_>]) -> Result<(), Error> {
    if exports.is_empty() {
        return Ok(());
    }
    let mut added = Vec::new();
    for export in exports {
        export.name.encode(&mut added);
        wasm_encoder::ExportKind::from(export.kind).encode(&mut added);
        export.index.encode(&mut added);
    }
    let old = module.contents(SectionId::EXPORT).unwrap_or(&[0]);
    let mut reader = BinaryReader::new(old, 0);
    let count = reader.read_var_u32()? as usize + exports.len();
    limit("exports", count as u64, EXPORTS_MAX)?;
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
    let mut imports = HashMap::new();
    for export in module.exports.iter().filter(|export| export.kind == kind) {
        exports.entry(export.index).or_insert(export.name);
        if let Some(import) = imported(export.name) {
            imports.insert(export.index, import);
        }
    }
    let hidden = |index| {
        let export = match exports.get(&index) {
            Some(export) => (*export).to_owned(),
            None => format!("{RESERVED_PREFIX}{name}:{index}"),
        };
        let import = imports.get(&index).map(|(module, name)| ImportName {
            module: (*module).to_owned(),
            name: (*name).to_owned(),
        });
        Hidden { index, export, import }
    };
    indices.map(hidden).collect()
}

/// The name under which a global is exported that was imported as `name` of `module`.
pub fn import_export(module: &str, name: &str) -> Result<String, Error> {
    let export = format!("{IMPORT_PREFIX}{module}.{name}");
    if imported(&export) == Some((module, name)) {
        return Ok(export);
    }
    Err(Error::ImportName { module: module.to_owned(), name: name.to_owned() })
}

/// Reads what [`import_export`] makes: the module and the name.
fn imported(export: &str) -> Option<(&str, &str)> {
    let import = export.strip_prefix(IMPORT_PREFIX)?;
    let dotted =
        |module: &&str| import.strip_prefix(*module).is_some_and(|name| name.starts_with('.'));
    match DOTTED_MODULES.iter().find(|module| dotted(module)) {
        Some(module) => Some((module, &import[module.len() + 1..])),
        None => import.split_once('.'),
    }
}
