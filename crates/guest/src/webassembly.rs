//! The WebAssembly JavaScript Interface: what `js/webassembly.js` calls.
//!
//! One file per interface of the standard. Entities are known to JavaScript
//! by their place in [`Entities`](crate::state::entities::Entities); place 0 of the modules is the main module.

mod entity;
mod exception;
pub(crate) mod global;
mod instance;
mod memory;
mod module;
mod table;
pub(crate) mod tag;
pub(crate) mod window;

use crate::operation::{Call, Operation, Output, Throw};

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
    Operation { name: "wasm_side_export", call: instance::side_export },
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
    Operation { name: "wasm_table_find", call: table::find },
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

fn on_rejection(call: &mut Call<'_>) -> Result<Output, Throw> {
    let hook = call.handle(0)?;
    call.scope.state_mut().on_rejection = Some(hook);
    Ok(Output::Undefined)
}

fn on_completion(call: &mut Call<'_>) -> Result<Output, Throw> {
    let hook = call.handle(0)?;
    call.scope.state_mut().on_completion = Some(hook);
    Ok(Output::Undefined)
}
