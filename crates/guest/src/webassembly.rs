//! The WebAssembly JavaScript Interface: what `js/webassembly.js` calls.
//!
//! One file per interface of the standard. Entities are known to JavaScript
//! by their place in [`Entities`]; place 0 of the modules is the main module.

mod exception;
mod global;
mod instance;
mod memory;
mod module;
mod table;
mod tag;

use wasmtime::{Global, RefType, Table, Tag, ValType};

use crate::operation::{Call, Operation, Throw};
use crate::program::CompiledModule;

pub(crate) use module::ModuleEntity;

/// `js/webassembly.js`.
pub(crate) const SOURCE: &str = include_str!("../js/webassembly.js");

/// The operations of the interface.
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation { name: "wasm_compile", call: module::compile },
    Operation { name: "wasm_validate", call: module::validate },
    Operation { name: "wasm_module_imports", call: module::imports },
    Operation { name: "wasm_module_exports", call: module::exports },
    Operation { name: "wasm_module_section", call: module::section },
    Operation { name: "wasm_instantiate", call: instance::instantiate },
    Operation { name: "wasm_function", call: instance::function },
    Operation { name: "wasm_memory_buffer", call: memory::buffer },
    Operation { name: "wasm_memory_grow", call: memory::grow },
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
pub(crate) struct Entities {
    pub(crate) modules: Vec<ModuleEntity>,
    pub(crate) tables: Vec<Table>,
    pub(crate) globals: Vec<Global>,
    pub(crate) tags: Vec<Tag>,
}

impl Entities {
    /// The entities of an isolate that has run no JavaScript: the main module has number 0.
    pub(crate) fn new(main: CompiledModule) -> Entities {
        let modules = vec![ModuleEntity::Compiled(main)];
        Entities { modules, tables: Vec::new(), globals: Vec::new(), tags: Vec::new() }
    }
}

/// Entities of one kind that an isolate may have.
const ENTITIES_MAX: usize = 1 << 20;

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
