//! What all isolates of one kind share: compiled code, operations, imports that are served in Rust.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use taipan_link::HiddenState;
use wasmtime::{Engine, ExternType, Linker, Module};

use crate::operation::Operation;
use crate::state::State;
use crate::{Error, trampoline, webassembly};

/// The SHA-256 of a module's bytes.
pub type Digest = [u8; 32];

/// A module that was compiled at set-up.
#[derive(Clone)]
pub struct CompiledModule {
    /// Its bytes, as the guest has them.
    pub bytes: Bytes,
    /// Its code.
    pub module: Module,
}

impl fmt::Debug for CompiledModule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CompiledModule")
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

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
    pub(crate) linker: Linker<State>,
    /// The main module's mutable globals and its tables of references: what a snapshot saves of it.
    pub(crate) hidden: HiddenState,
}

impl Program {
    /// Joins the parts. `define` defines the main module's imports that are
    /// served in Rust; JavaScript serves the others.
    ///
    /// # Errors
    ///
    /// What `define` returns; [`Error::Link`] for an import that is not a function or a global.
    pub fn new(
        engine: Engine,
        parts: Parts,
        define: impl FnOnce(&mut Linker<State>) -> wasmtime::Result<()>,
    ) -> Result<Arc<Program>, Error> {
        let mut linker = Linker::new(&engine);
        linker.allow_shadowing(true);
        for (index, import) in parts.main.module.imports().enumerate() {
            match import.ty() {
                ExternType::Func(type_) => {
                    trampoline::define_import(
                        &mut linker,
                        (import.module(), import.name()),
                        type_,
                        index,
                    )?;
                }
                ExternType::Global(_) => {}
                other => {
                    let what =
                        format!("the import {}.{} is {other:?}", import.module(), import.name());
                    return Err(Error::Link { module: "the main module", what });
                }
            }
        }
        let hidden = taipan_link::hidden_state(&parts.main.bytes).map_err(Error::Dylink)?;
        define(&mut linker)?;
        let modules =
            parts.modules.into_iter().map(|module| (digest(&module.bytes), module)).collect();
        let operations = webassembly::OPERATIONS.iter().copied().chain(parts.operations).collect();
        let (main, javascript) = (parts.main, parts.javascript);
        Ok(Arc::new(Program { engine, main, javascript, modules, operations, linker, hidden }))
    }
}

/// The digest by which a module is known.
#[must_use]
pub fn digest(bytes: &[u8]) -> Digest {
    Sha256::digest(bytes).into()
}

impl fmt::Debug for Program {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Program").field("main", &self.main).finish_non_exhaustive()
    }
}
