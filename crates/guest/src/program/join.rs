//! Joining the parts of a program: finds what serves each import of the main module.

use std::sync::Arc;

use wasmparser::{BinaryReaderError, Parser, Payload, TypeRef};
use wasmtime::{Engine, ExternType, Linker};

use super::{MainImport, Parts, Program};
use crate::compiled::CompiledModule;
use crate::state::State;
use crate::{Error, trampoline, webassembly};

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
    ) -> Result<Arc<Self>, Error> {
        let mut linker = Linker::new(&engine);
        linker.allow_shadowing(true);
        let imports = imports(&parts.main)?;
        // The code imports what the bytes import, except the globals.
        let module = parts.main.module.clone();
        let mut functions = module.imports();
        for (index, import) in imports.iter().enumerate().filter(|(_, it)| it.global.is_none()) {
            let name = (import.module.as_str(), import.name.as_str());
            let function = functions.next().filter(|it| (it.module(), it.name()) == name);
            let Some(ExternType::Func(type_)) = function.map(|import| import.ty()) else {
                return Err(unserved(&import.module, &import.name, "not a function of the code"));
            };
            trampoline::define_import(&mut linker, name, type_, index)?;
        }
        let hidden = taipan_link::hidden_state(&parts.main.bytes).map_err(Error::Dylink)?;
        define(&mut linker)?;
        let modules = parts.modules.into_iter().map(|module| (module.digest(), module)).collect();
        let operations = webassembly::OPERATIONS.iter().copied().chain(parts.operations).collect();
        let (main, javascript) = (parts.main, parts.javascript);
        let linked = linker.instantiate_pre(&main.module)?;
        Ok(Arc::new(Self {
            engine,
            main,
            javascript,
            modules,
            operations,
            linked,
            imports,
            hidden,
        }))
    }
}

/// What the main module imports: its code has globals of its own in place of those that its bytes import.
fn imports(main: &CompiledModule) -> Result<Vec<MainImport>, Error> {
    let mut found = Vec::new();
    for payload in Parser::new(0).parse_all(&main.bytes) {
        let Payload::ImportSection(section) = payload.map_err(|error| unreadable(&error))? else {
            continue;
        };
        for import in section.into_imports() {
            let import = import.map_err(|error| unreadable(&error))?;
            let global = match import.ty {
                TypeRef::Global(_) => {
                    let name = taipan_link::import_export(import.module, import.name)
                        .map_err(Error::Dylink)?;
                    let export = main.module.get_export_index(&name);
                    let what = "a global that the code does not own";
                    Some(export.ok_or_else(|| unserved(import.module, import.name, what))?)
                }
                _ => None,
            };
            let (module, name) = (import.module.to_owned(), import.name.to_owned());
            found.push(MainImport { module, name, global });
        }
    }
    Ok(found)
}

fn unserved(module: &str, name: &str, what: &str) -> Error {
    let what = format!("the import {module}.{name} is {what}");
    Error::Link { module: "the main module", what }
}

fn unreadable(error: &BinaryReaderError) -> Error {
    Error::Link { module: "the main module", what: error.to_string() }
}
