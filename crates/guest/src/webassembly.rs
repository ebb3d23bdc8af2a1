//! The WebAssembly JavaScript Interface: what `js/webassembly.js` calls.
//!
//! One file per interface of the standard. Entities are known to JavaScript
//! by their place in [`Entities`]; place 0 of the modules is the main module.

mod exception;
pub(crate) mod global;
mod instance;
mod memory;
mod module;
mod table;
pub(crate) mod tag;
pub(crate) mod window;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use wasmtime::{Global, GlobalType, Instance, RefType, Table, Tag, ValType};

use crate::operation::{Call, Operation, Throw};

pub(crate) use module::ModuleEntity;

/// `js/webassembly.js`.
pub const SOURCE: &str = include_str!("../js/webassembly.js");

/// The operations of the interface.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation { name: "wasm_compile", call: module::compile },
    Operation { name: "wasm_module_named", call: module::named },
    Operation { name: "wasm_validate", call: module::validate },
    Operation { name: "wasm_module_imports", call: module::imports },
    Operation { name: "wasm_module_exports", call: module::exports },
    Operation { name: "wasm_module_section", call: module::section },
    Operation { name: "wasm_instantiate", call: instance::instantiate },
    Operation { name: "wasm_serve_test", call: instance::serve_test },
    Operation { name: "wasm_function", call: instance::function },
    Operation { name: "wasm_memory_buffer", call: memory::buffer },
    Operation { name: "wasm_memory_grow", call: memory::grow },
    Operation { name: "wasm_window", call: window::buffer },
    Operation { name: "wasm_address", call: window::address },
    Operation { name: "wasm_table_new", call: table::new },
    Operation { name: "wasm_table_length", call: table::length },
    Operation { name: "wasm_table_get", call: table::get },
    Operation { name: "wasm_table_set", call: table::set },
    Operation { name: "wasm_table_grow", call: table::grow },
    Operation { name: "wasm_global_new", call: global::new },
    Operation { name: "wasm_global_get", call: global::get },
    Operation { name: "wasm_global_set", call: global::set },
    Operation { name: "wasm_tag_new", call: tag::new },
    Operation { name: "wasm_javascript_tag", call: tag::javascript },
    Operation { name: "wasm_exception_prototype", call: exception::prototype },
    Operation { name: "wasm_exception_new", call: exception::new },
    Operation { name: "wasm_exception_is", call: exception::is },
    Operation { name: "wasm_exception_argument", call: exception::argument },
    Operation { name: "on_rejection", call: on_rejection },
    Operation { name: "on_completion", call: on_completion },
];

/// Modules, tables, globals and tags that JavaScript holds for as long as the isolate lives.
#[derive(Default)]
pub(crate) struct Entities {
    pub(crate) modules: Vec<ModuleEntity>,
    pub(crate) instances: Vec<Instance>,
    /// What each of the instances was made from.
    pub(crate) recipes: Vec<Recipe>,
    /// Bytes that the instances take of the host, about.
    pub(crate) instance_bytes: usize,
    pub(crate) tables: Vec<TableEntity>,
    pub(crate) globals: Globals,
    pub(crate) tags: Vec<TagEntity>,
    /// Elements of the main module's function table that JavaScript has set: to a function, by its index, or to null.
    pub(crate) elements: BTreeMap<u32, Option<u32>>,
}

/// A table that JavaScript holds.
#[derive(Clone)]
pub(crate) struct TableEntity {
    pub(crate) table: Table,
    pub(crate) origin: TableOrigin,
}

impl TableEntity {
    /// Whether it is the main module's function table.
    pub(crate) fn is_main(&self) -> bool {
        matches!(self.origin, TableOrigin::Main)
    }
}

/// Where a table comes from.
#[derive(Clone, Debug)]
pub(crate) enum TableOrigin {
    /// It is the main module's function table.
    Main,
    /// An export of another instance, by its place and the name.
    Instance(u32, String),
    /// JavaScript made it.
    Own,
}

/// The globals that JavaScript holds, by their numbers. Those that a snapshot knows are looked up when they are first
/// used.
#[derive(Default)]
pub(crate) struct Globals {
    pub(crate) known: Arc<[GlobalOrigin]>,
    pub(crate) added: Vec<GlobalOrigin>,
    pub(crate) found: HashMap<u32, Global>,
}

/// Where a global comes from.
#[derive(Clone, Debug)]
pub(crate) enum GlobalOrigin {
    /// It stands for an import of the main module, by its place.
    Import(u32),
    /// An export of the main module.
    Main(String),
    /// JavaScript made it: its type, and its value in a resumed isolate.
    Own(GlobalType, Option<u64>),
    /// An export of another instance, by its place and the name.
    Instance(u32, String),
}

/// A tag that JavaScript holds.
#[derive(Clone)]
pub(crate) struct TagEntity {
    pub(crate) tag: Tag,
    /// Where it comes from.
    pub(crate) origin: TagOrigin,
}

/// Where a tag comes from.
#[derive(Clone, Debug)]
pub(crate) enum TagOrigin {
    /// `WebAssembly.JSTag`.
    JavaScript,
    /// An export of the main module.
    Main(String),
    /// JavaScript made it, with these types of parameters.
    Own(String),
    /// An export of another instance: it cannot be kept.
    Unknown,
}

/// What an instance was made from.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    pub(crate) module: u32,
    pub(crate) imports: Vec<Ingredient>,
    /// What instantiation put into each of its own tables, by the name of the export.
    pub(crate) elements: Vec<(String, Vec<Element>)>,
}

/// What is in an element of a table of functions: the function's address as wasmtime has it, for comparison, or 0.
pub(crate) type Element = usize;

/// An import of an instance, by its number.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ingredient {
    Function(u32),
    Global(u32),
    Table(u32),
    Tag(u32),
    Memory,
}

impl Entities {
    /// The entities of an isolate that has run no JavaScript: the main module has number 0.
    pub(crate) fn new() -> Entities {
        Entities { modules: vec![ModuleEntity::Main], ..Entities::default() }
    }
}

/// Entities of one kind that an isolate may have.
const ENTITIES_MAX: usize = 1 << 20;

/// Bytes of the host that a table or a tag takes for as long as the isolate lives, about: wasmtime makes an instance
/// for each.
const ENTITY_BYTES: usize = 2 << 10;

/// Counts the bytes of a new table, global or tag.
fn count(call: &mut Call<'_>, bytes: usize) -> Result<(), Throw> {
    Ok(call.scope.hold_for_good(bytes, "a WebAssembly entity")?)
}

/// Adds an entity and returns its place.
fn add<T>(entities: &mut Vec<T>, entity: T) -> Result<u32, Throw> {
    if entities.len() >= ENTITIES_MAX {
        return Err(Throw::range_error(format!(
            "an isolate has {ENTITIES_MAX} WebAssembly entities of a kind at most"
        )));
    }
    entities.push(entity);
    u32::try_from(entities.len() - 1)
        .map_err(|_| Throw::range_error("too many WebAssembly entities"))
}

/// The place of an argument that names an entity.
fn entity<T: Clone>(
    call: &mut Call<'_>,
    index: u32,
    of: fn(&Entities) -> &[T],
    kind: &str,
) -> Result<T, Throw> {
    let place = call.unsigned(index)?;
    let found = of(&call.scope.state().entities).get(place as usize).cloned();
    found.ok_or_else(|| Throw::type_error(format!("no {kind} has the number {place}")))
}

/// A type by its name in the standard (`ValueType`, `TableKind`).
fn value_type(name: &str) -> Result<ValType, Throw> {
    Ok(match name {
        "i32" => ValType::I32,
        "i64" => ValType::I64,
        "f32" => ValType::F32,
        "f64" => ValType::F64,
        "externref" => ValType::Ref(RefType::EXTERNREF),
        "anyfunc" | "funcref" => ValType::Ref(RefType::FUNCREF),
        name => {
            return Err(Throw::type_error(format!("WebAssembly has no value type `{name}` here")));
        }
    })
}

fn on_rejection(call: &mut Call<'_>) -> Result<crate::Output, Throw> {
    let hook = call.handle(0)?;
    call.scope.state_mut().on_rejection = Some(hook);
    Ok(crate::Output::Undefined)
}

fn on_completion(call: &mut Call<'_>) -> Result<crate::Output, Throw> {
    let hook = call.handle(0)?;
    call.scope.state_mut().on_completion = Some(hook);
    Ok(crate::Output::Undefined)
}
