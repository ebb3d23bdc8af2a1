//! Modules, instances, tables, globals and tags that JavaScript holds, and where each comes from: as data.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use wasmtime::{FuncType, Global, GlobalType, Instance, Table, Tag};

use crate::compiled::CompiledModule;

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
    /// Where functions are in that table.
    pub(crate) places: Places,
}

/// Where functions are in the main module's table, by their addresses as wasmtime has them: of its first elements. It
/// can be made again, so it is in no snapshot.
#[derive(Default)]
pub(crate) struct Places {
    pub(crate) of: HashMap<Element, u32>,
    /// How many elements were looked at.
    pub(crate) seen: u32,
}

/// A module that JavaScript holds.
#[derive(Clone)]
pub(crate) enum ModuleEntity {
    /// The main module.
    Main,
    /// One that was compiled at set-up.
    Compiled(CompiledModule),
    /// One of those that Emscripten's `convertJsFunctionToWasm` makes: it gives a JavaScript function a type.
    Wrapper(FuncType),
    /// The empty module, with which the glue tries whether modules can be made.
    Empty,
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
    pub(crate) imports: Arc<[Ingredient]>,
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
    pub(crate) fn new() -> Self {
        Self { modules: vec![ModuleEntity::Main], ..Self::default() }
    }
}
