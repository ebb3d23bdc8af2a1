//! What lives outside of a guest's linear memory, as plain data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::limit::limit;

/// The most elements of a table (WebAssembly JavaScript interface,
/// "Implementation-defined Limits").
const TABLE_ELEMENTS_MAX: u64 = 10_000_000;

/// The most modules, instances, globals, tables or tags: as many as an isolate may have.
const ENTITIES_MAX: u64 = 1 << 20;

/// The most parameters or results of a function (WebAssembly JavaScript interface,
/// "Implementation-defined Limits").
const FUNCTION_VALUES_MAX: u64 = 1000;

/// The side state of a guest. What is in the linear memory is not here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Mutable globals of the main module, by export name.
    pub globals: Vec<Global>,
    /// Values of the main module's imported globals, by their places among its imports.
    pub imported_globals: Vec<(u32, Value)>,
    /// Modules that JavaScript holds, by the number under which it knows them; so with what follows.
    pub modules: Vec<Module>,
    /// Instances other than the main module's.
    pub instances: Vec<Instance>,
    /// Globals.
    pub entity_globals: Vec<EntityGlobal>,
    /// Tables.
    pub tables: Vec<EntityTable>,
    /// Tags.
    pub tags: Vec<Tag>,
    /// Length of the function table.
    pub table_length: u32,
    /// Elements of the function table that instantiation alone does not put there.
    pub slots: Vec<Slot>,
    /// Tables of references to JavaScript values, by export name.
    pub reference_tables: Vec<ReferenceTable>,
    /// The functions that JavaScript knows, by their index.
    pub functions: Vec<Function>,
    /// What serves each import of the main module: a JavaScript function (its handle); -1: nothing; less: the host,
    /// which compares the argument with a JavaScript value (the handle is -2 minus this).
    pub imports: Vec<i32>,
    /// Handles that the host holds, by what for.
    pub handles: BTreeMap<String, i32>,
    /// Where the JavaScript engine lies: its memory, its table elements, its stack.
    pub engine: Engine,
    /// What the other owners of state saved, each in its own encoding.
    pub sections: BTreeMap<String, Vec<u8>>,
}

impl State {
    /// Checks that what refers to another part of the state refers to something, and what is bounded is not too long.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.check_lengths()?;
        self.check_slots(&self.slots, length(self.table_length))?;
        for (place, _) in &self.imported_globals {
            check_index("import", *place, self.imports.len())?;
        }
        for module in &self.modules {
            if let Module::Wrapper(type_) = module {
                check_type(type_)?;
            }
        }
        self.instances.iter().try_for_each(|instance| self.check_instance(instance))?;
        self.entity_globals.iter().try_for_each(|global| self.check_global(global))?;
        self.tables.iter().try_for_each(|table| match table {
            EntityTable::Instance(place, _) => {
                check_index("instance", *place, self.instances.len())
            }
            EntityTable::Main => Ok(()),
        })?;
        self.functions.iter().try_for_each(|function| self.check_function(function))
    }

    fn check_lengths(&self) -> Result<(), Error> {
        limit("elements of the table", u64::from(self.table_length), TABLE_ELEMENTS_MAX)?;
        limit("tables", self.tables.len() as u64, ENTITIES_MAX)?;
        limit("modules", self.modules.len() as u64, ENTITIES_MAX)?;
        limit("instances", self.instances.len() as u64, ENTITIES_MAX)?;
        limit("globals", self.entity_globals.len() as u64, ENTITIES_MAX)?;
        limit("tags", self.tags.len() as u64, ENTITIES_MAX)
    }

    fn check_instance(&self, instance: &Instance) -> Result<(), Error> {
        check_index("module", instance.module, self.modules.len())?;
        instance.imports.iter().try_for_each(|import| match *import {
            Import::Function(number) => check_index("function", number, self.functions.len()),
            Import::Global(number) => check_index("global", number, self.entity_globals.len()),
            Import::Table(number) => check_index("table", number, self.tables.len()),
            Import::Tag(number) => check_index("tag", number, self.tags.len()),
            Import::Memory => Ok(()),
        })?;
        instance.function_tables.iter().try_for_each(|table| {
            limit("elements of a table", u64::from(table.length), TABLE_ELEMENTS_MAX)?;
            self.check_slots(&table.slots, length(table.length))
        })
    }

    fn check_slots(&self, slots: &[Slot], table: usize) -> Result<(), Error> {
        for slot in slots {
            check_index("table element", slot.index, table)?;
            if let Some(function) = slot.function {
                check_index("function", function, self.functions.len())?;
            }
        }
        Ok(())
    }

    fn check_global(&self, global: &EntityGlobal) -> Result<(), Error> {
        match global {
            EntityGlobal::Import(place) => check_index("import", *place, self.imports.len()),
            EntityGlobal::Instance(place, _) => {
                check_index("instance", *place, self.instances.len())
            }
            EntityGlobal::Main(_) | EntityGlobal::Own { .. } => Ok(()),
        }
    }

    fn check_function(&self, function: &Function) -> Result<(), Error> {
        match function {
            Function::Element(index) => {
                check_index("table element", *index, length(self.table_length))
            }
            Function::Instance(place, _) => check_index("instance", *place, self.instances.len()),
            Function::JavaScript { type_, .. } => check_type(type_),
            Function::Main(_) => Ok(()),
        }
    }
}

fn check_type(type_: &FunctionType) -> Result<(), Error> {
    limit("parameters of a function", type_.parameters.len() as u64, FUNCTION_VALUES_MAX)?;
    limit("results of a function", type_.results.len() as u64, FUNCTION_VALUES_MAX)
}

fn length(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
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
}

/// A module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Module {
    /// The main module.
    Main,
    /// One that was compiled at set-up, by the SHA-256 of its bytes.
    Compiled([u8; 32]),
    /// One that gives a JavaScript function a type.
    Wrapper(FunctionType),
    /// The empty module.
    Empty,
}

/// The type of a function, its value types as in the binary format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionType {
    /// The types of its parameters.
    pub parameters: Vec<u8>,
    /// The types of its results.
    pub results: Vec<u8>,
}

/// An instance of a module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// The module's number.
    pub module: u32,
    /// Its imports.
    pub imports: Vec<Import>,
    /// Its own mutable globals.
    pub globals: Vec<Global>,
    /// Its own tables of functions.
    pub function_tables: Vec<FunctionTable>,
    /// Its own tables of references to JavaScript values.
    pub reference_tables: Vec<ReferenceTable>,
}

/// An import of an instance, by its number among the entities of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Import {
    /// A function.
    Function(u32),
    /// A global.
    Global(u32),
    /// A table.
    Table(u32),
    /// A tag.
    Tag(u32),
    /// The memory.
    Memory,
}

/// A global that JavaScript holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntityGlobal {
    /// It stands for an import of the main module, by its place.
    Import(u32),
    /// An export of the main module.
    Main(String),
    /// JavaScript made it.
    Own {
        /// Its value.
        value: Value,
        /// Whether it can be set.
        mutable: bool,
    },
    /// An export of another instance, by its number, and the name.
    Instance(u32, String),
}

/// A tag that JavaScript holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tag {
    /// The tag of JavaScript exceptions.
    JavaScript,
    /// An export of the main module.
    Main(String),
    /// JavaScript made it, with these types of parameters, separated by commas.
    Own(String),
}

/// An element of the function table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Which element.
    pub index: u32,
    /// The function, by its index among [`State::functions`]; none for null.
    pub function: Option<u32>,
}

/// A table of functions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionTable {
    /// The name of its export.
    pub export: String,
    /// How many elements it has.
    pub length: u32,
    /// Its elements that instantiation alone does not put there.
    pub slots: Vec<Slot>,
}

/// A table that JavaScript holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntityTable {
    /// The main module's function table.
    Main,
    /// An export of an instance: its place, and the name.
    Instance(u32, String),
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
    /// A JavaScript function (a handle) with a WebAssembly type.
    JavaScript {
        /// The handle.
        handle: i32,
        /// The type.
        type_: FunctionType,
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
