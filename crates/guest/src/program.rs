//! What all isolates of one kind share: compiled code, operations, imports that are served in Rust.

mod join;

use std::collections::HashMap;
use std::fmt;

use taipan_link::HiddenState;
use wasmtime::{Engine, InstancePre, Module, ModuleExport};

use crate::compiled::{CompiledModule, Digest};
use crate::operation::Operation;
use crate::state::State;

/// What a program is made of.
#[derive(Debug)]
pub struct Parts {
    /// The main module, linked for booting: it defines the memory and the function table.
    pub main: CompiledModule,
    /// The engine's side module, [`taipan_quickjs::ENGINE`].
    pub javascript: Module,
    /// Modules that the guest may compile: those and no others.
    pub modules: Vec<CompiledModule>,
    /// The functions of `taipan:host`, beside those of this crate.
    pub operations: Vec<Operation>,
}

/// What all isolates of one kind share.
pub struct Program {
    pub(crate) engine: Engine,
    pub(crate) main: CompiledModule,
    pub(crate) javascript: Module,
    pub(crate) modules: HashMap<Digest, CompiledModule>,
    pub(crate) operations: Vec<Operation>,
    /// The main module with those of its imports that are served in Rust, and trampolines for the others.
    pub(crate) linked: InstancePre<State>,
    /// What the main module imports, in the order in which JavaScript gives it.
    pub(crate) imports: Vec<MainImport>,
    /// The main module's mutable globals and its tables of references: what a snapshot saves of it.
    pub(crate) hidden: HiddenState,
}

/// An import of the main module.
pub(crate) struct MainImport {
    pub(crate) module: String,
    pub(crate) name: String,
    /// Of a global: the module has its own in its place, which it exports so.
    pub(crate) global: Option<ModuleExport>,
}

impl Program {
    /// What compiled its code, and runs it.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The names of what the main module imports.
    pub fn imports(&self) -> impl Iterator<Item = &str> {
        self.imports.iter().map(|import| import.name.as_str())
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Program").field("main", &self.main).finish_non_exhaustive()
    }
}
