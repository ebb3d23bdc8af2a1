//! What lives outside of a guest's linear memory, as plain data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::format::limit;

/// The most elements of a table (WebAssembly JavaScript interface,
/// "Implementation-defined Limits").
const TABLE_ELEMENTS_MAX: u64 = 10_000_000;

/// The side state of a guest. What is in the linear memory is not here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Mutable globals of the main module, by export name.
    pub globals: Vec<Global>,
    /// Globals that JavaScript made or holds, by the number under which it knows them.
    pub entity_globals: Vec<Value>,
    /// Length of the function table.
    pub table_length: u32,
    /// Elements of the function table that instantiation alone does not put there.
    pub slots: Vec<Slot>,
    /// Tables of references to JavaScript values, by export name.
    pub reference_tables: Vec<ReferenceTable>,
    /// The functions that JavaScript knows, by their index.
    pub functions: Vec<Function>,
    /// The JavaScript function (a handle) that serves each import of the main module; negative: none.
    pub imports: Vec<i32>,
    /// Handles that the host holds, by what for.
    pub handles: BTreeMap<String, i32>,
    /// Where the JavaScript engine lies: its memory, its table elements, its stack.
    pub engine: Engine,
    /// What the other owners of state saved, each in its own encoding.
    pub sections: BTreeMap<String, Vec<u8>>,
}

impl State {
    /// Checks that what refers to another part of the state refers to something.
    pub(crate) fn check(&self) -> Result<(), Error> {
        limit("elements of the table", u64::from(self.table_length), TABLE_ELEMENTS_MAX)?;
        let table = usize::try_from(self.table_length).unwrap_or(usize::MAX);
        for global in &self.globals {
            // What other globals stand for cannot itself stand for one.
            check_value(global.value, 0)?;
        }
        for value in &self.entity_globals {
            check_value(*value, self.globals.len())?;
        }
        for slot in &self.slots {
            check_index("table element", slot.index, table)?;
            check_index("function", slot.function, self.functions.len())?;
        }
        for function in &self.functions {
            match function {
                Function::Element(index) => check_index("table element", *index, table)?,
                Function::Main(_) | Function::JavaScript { .. } | Function::Instance(..) => {}
            }
        }
        Ok(())
    }
}

fn check_value(value: Value, globals: usize) -> Result<(), Error> {
    match value {
        Value::Main(index) => check_index("global", index, globals),
        Value::I32(_) | Value::I64(_) | Value::F32(_) | Value::F64(_) => Ok(()),
    }
}

fn check_index(what: &'static str, index: u32, count: usize) -> Result<(), Error> {
    match usize::try_from(index) {
        Ok(place) if place < count => Ok(()),
        _ => Err(Error::StateIndex { what, index, count }),
    }
}

/// A global of the main module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Global {
    /// The name of its export.
    pub export: String,
    /// Its value.
    pub value: Value,
}

/// The value of a global.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// An `i32`.
    I32(i32),
    /// An `i64`.
    I64(i64),
    /// An `f32`, as bits.
    F32(u32),
    /// An `f64`, as bits.
    F64(u64),
    /// A global of the main module, by its place among [`State::globals`].
    Main(u32),
}

/// An element of the function table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Which element.
    pub index: u32,
    /// The function, by its index among [`State::functions`].
    pub function: u32,
}

/// A table of references.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferenceTable {
    /// The name of its export.
    pub export: String,
    /// Its elements.
    pub elements: Vec<Reference>,
}

/// A reference to a JavaScript value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reference {
    /// `ref.null`.
    Null,
    /// A value that needs no handle, as the bits of its `i31`.
    Small(u32),
    /// A handle.
    Handle(i32),
}

/// Where a function comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Function {
    /// An export of the main module.
    Main(String),
    /// An element of the function table, as instantiation puts it there.
    Element(u32),
    /// A JavaScript function (a handle) with a WebAssembly type: parameters and results as the bytes of the
    /// binary format.
    JavaScript {
        /// The handle.
        handle: i32,
        /// The types of the parameters.
        parameters: Vec<u8>,
        /// The types of the results.
        results: Vec<u8>,
    },
    /// An export of another instance: its place among the instances, and the name.
    Instance(u32, String),
}

/// Where the JavaScript engine lies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engine {
    /// The lowest address of its stack.
    pub stack_low: u32,
    /// Its stack pointer.
    pub stack_pointer: u32,
    /// Its `__memory_base`.
    pub memory_base: u32,
    /// Its `__table_base`.
    pub table_base: u32,
}
