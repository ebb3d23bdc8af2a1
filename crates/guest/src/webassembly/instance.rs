//! `WebAssembly.Instance`: instantiation, and the exports of an instance.

use std::collections::HashMap;

use wasmparser::{BinaryReaderError, Export, Parser, Payload};
use wasmtime::{Extern, ExternType, Func, FuncType, Instance};

use crate::function;
use crate::operation::{Call, Output, OutputValue, Throw};
use crate::program::CompiledModule;
use crate::scope::Scope;
use crate::trampoline;
use crate::webassembly::module::{ModuleEntity, kind, module, quoted};
use crate::webassembly::{add, entity};

/// "instantiate a WebAssembly module": the imports' values follow the module. The exports as JSON:
/// `[name, kind, number]` of each.
pub(super) fn instantiate(call: &mut Call<'_>) -> Result<Output, Throw> {
    let compiled = match module(call)? {
        ModuleEntity::Compiled(compiled) => compiled,
        ModuleEntity::Empty => return Ok(Output::Text("[]".into())),
        ModuleEntity::Wrapper(type_) => {
            let function = function_argument(call, 1, &type_)?;
            let number = function::index_of(&mut call.scope, function);
            return Ok(Output::Text(format!(r#"[["f","function",{number}]]"#)));
        }
    };
    let is_main = call.unsigned(0)? == 0;
    let mut numbers = Numbers::default();
    let instance = if is_main {
        bind_main(call, &compiled, &mut numbers)?
    } else {
        new_instance(call, &compiled, &mut numbers)?
    };
    export(call, &compiled, instance, numbers).map(Output::Text)
}

/// The numbers of an instance's entities by their kind and their index in the module, so that one that is exported
/// again, or twice, stays the same object in JavaScript.
#[derive(Default)]
struct Numbers {
    known: HashMap<(&'static str, u32), u32>,
    imported: HashMap<&'static str, u32>,
}

impl Numbers {
    /// The next import of a kind has a number.
    fn import(&mut self, kind: &'static str, number: u32) {
        let index = self.imported.entry(kind).or_default();
        self.known.insert((kind, *index), number);
        *index += 1;
    }
}

/// The main module is instantiated already: its imports are bound now (fact 6).
fn bind_main(
    call: &mut Call<'_>,
    main: &CompiledModule,
    numbers: &mut Numbers,
) -> Result<Instance, Throw> {
    for (place, import) in main.module.imports().enumerate() {
        let argument = u32::try_from(place + 1).unwrap_or(u32::MAX);
        match import.ty() {
            ExternType::Func(_) => {
                let handle = call.handle(argument)?;
                call.scope.state_mut().imports[place] = Some(handle);
            }
            ExternType::Global(_) => numbers.import("global", bind_global(call, place, argument)?),
            other => {
                return Err(Throw::error(
                    "WebAssembly.LinkError",
                    format!("an import is {other:?}"),
                ));
            }
        }
    }
    Ok(call.scope.linked()?.main)
}

/// Puts the main module's own global in the place of the one that JavaScript made, with its value.
fn bind_global(call: &mut Call<'_>, place: usize, argument: u32) -> Result<u32, Throw> {
    let number = call.unsigned(argument)?;
    let scope = &mut call.scope;
    let Some(imported) = scope.state().imported_globals[place] else { return Ok(number) };
    let Some(made) = scope.state().entities.globals.get(number as usize).copied() else {
        return Err(Throw::type_error(format!("no global has the number {number}")));
    };
    let value = made.get(&mut scope.store);
    imported.set(&mut scope.store, value).map_err(|error| link_error(&error))?;
    scope.state_mut().entities.globals[number as usize] = imported;
    Ok(number)
}

fn link_error(error: &wasmtime::Error) -> Throw {
    Throw::error("WebAssembly.LinkError", format!("{error:#}"))
}

fn new_instance(
    call: &mut Call<'_>,
    compiled: &CompiledModule,
    numbers: &mut Numbers,
) -> Result<Instance, Throw> {
    let own_memories = compiled.module.resources_required().num_memories;
    if own_memories > 0 {
        return Err(Throw::error(
            "WebAssembly.LinkError",
            "an isolate has one memory, a module cannot bring its own",
        ));
    }
    let mut imports = Vec::new();
    for (place, import) in compiled.module.imports().enumerate() {
        let argument = u32::try_from(place + 1).unwrap_or(u32::MAX);
        imports.push(match import.ty() {
            ExternType::Func(type_) => {
                let function = function_argument(call, argument, &type_)?;
                numbers.import("function", function::index_of(&mut call.scope, function));
                Extern::Func(function)
            }
            ExternType::Global(_) => {
                numbers.import("global", call.unsigned(argument)?);
                entity(call, argument, |entities| &entities.globals, "global")?.into()
            }
            ExternType::Table(_) => {
                numbers.import("table", call.unsigned(argument)?);
                entity(call, argument, |entities| &entities.tables, "table")?.into()
            }
            ExternType::Tag(_) => {
                numbers.import("tag", call.unsigned(argument)?);
                entity(call, argument, |entities| &entities.tags, "tag")?.into()
            }
            ExternType::Memory(_) => call.scope.linked()?.memory.into(),
        });
    }
    Instance::new(&mut call.scope.store, &compiled.module, &imports).map_err(|error| {
        if error.is::<wasmtime::Trap>() {
            return crate::exception::throw_into_javascript(&mut call.scope, error);
        }
        link_error(&error)
    })
}

/// A function of WebAssembly as it is, or any other as a host function of the type.
fn function_argument(call: &mut Call<'_>, argument: u32, type_: &FuncType) -> Result<Func, Throw> {
    let value = call.raw(argument)?;
    if let Some(function) = function::from_javascript(&mut call.scope, value)? {
        return Ok(function);
    }
    let handle = call.handle(argument)?;
    call.scope.state_mut().functions.add_typed()?;
    Ok(trampoline::host_function(&mut call.scope, handle, type_.clone()))
}

fn export(
    call: &mut Call<'_>,
    compiled: &CompiledModule,
    instance: Instance,
    mut numbers: Numbers,
) -> Result<String, Throw> {
    let mut entries = Vec::new();
    for export in exports(&compiled.bytes) {
        let export = export.map_err(|error| link_error(&wasmtime::Error::new(error)))?;
        let Some(item) = instance.get_export(&mut call.scope.store, export.name) else { continue };
        let kind = kind(&item.ty(&call.scope.store));
        let place = (kind, export.index);
        let number = match numbers.known.get(&place) {
            Some(number) => *number,
            None => *numbers.known.entry(place).or_insert(number_of(&mut call.scope, &item)?),
        };
        entries.push(format!(r#"[{},"{kind}",{number}]"#, quoted(export.name)));
    }
    Ok(format!("[{}]", entries.join(",")))
}

/// The export section of a module, which comes before its code.
fn exports(bytes: &[u8]) -> impl Iterator<Item = Result<Export<'_>, BinaryReaderError>> {
    let section = Parser::new(0).parse_all(bytes).find_map(|payload| match payload {
        Ok(Payload::ExportSection(section)) => Some(section),
        _ => None,
    });
    section.into_iter().flatten()
}

fn number_of(scope: &mut Scope<'_>, item: &Extern) -> Result<u32, Throw> {
    match *item {
        Extern::Func(function) => Ok(function::index_of(scope, function)),
        Extern::Memory(_) => Ok(0),
        Extern::Global(global) => add(&mut scope.state_mut().entities.globals, global),
        Extern::Table(table) => add(&mut scope.state_mut().entities.tables, table),
        Extern::Tag(tag) => add(&mut scope.state_mut().entities.tags, tag),
        Extern::SharedMemory(_) => {
            Err(Throw::type_error("an export of a kind that JavaScript does not know"))
        }
    }
}

/// The function object of a function's number.
pub(super) fn function(call: &mut Call<'_>) -> Result<Output, Throw> {
    let number = call.unsigned(0)?;
    let Some((function, _)) = call.scope.state().functions.entry(number) else {
        return Err(Throw::type_error(format!("no function has the number {number}")));
    };
    let value = function::to_javascript(&mut call.scope, function)?;
    Ok(Output::Value(OutputValue(value)))
}
