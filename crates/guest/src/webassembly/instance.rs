//! `WebAssembly.Instance`: instantiation, and the exports of an instance.

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
    let instance = if is_main { bind_main(call, &compiled)? } else { new_instance(call, &compiled)? };
    export(call, &compiled, instance).map(Output::Text)
}

/// The main module is instantiated already: its imports are bound now (fact 6).
fn bind_main(call: &mut Call<'_>, main: &CompiledModule) -> Result<Instance, Throw> {
    for (place, import) in main.module.imports().enumerate() {
        let argument = u32::try_from(place + 1).unwrap_or(u32::MAX);
        match import.ty() {
            ExternType::Func(_) => {
                let handle = call.handle(argument)?;
                call.scope.state_mut().imports[place] = Some(handle);
            }
            ExternType::Global(_) => bind_global(call, place, argument)?,
            other => return Err(Throw::error("WebAssembly.LinkError", format!("an import is {other:?}"))),
        }
    }
    Ok(call.scope.linked()?.main)
}

/// Puts the main module's own global in the place of the one that JavaScript made, with its value.
fn bind_global(call: &mut Call<'_>, place: usize, argument: u32) -> Result<(), Throw> {
    let number = call.unsigned(argument)? as usize;
    let scope = &mut call.scope;
    let Some(imported) = scope.state().imported_globals[place] else { return Ok(()) };
    let Some(made) = scope.state().entities.globals.get(number).copied() else {
        return Err(Throw::type_error(format!("no global has the number {number}")));
    };
    let value = made.get(&mut scope.store);
    imported.set(&mut scope.store, value)?;
    scope.state_mut().entities.globals[number] = imported;
    Ok(())
}

fn new_instance(call: &mut Call<'_>, compiled: &CompiledModule) -> Result<Instance, Throw> {
    let mut imports = Vec::new();
    for (place, import) in compiled.module.imports().enumerate() {
        let argument = u32::try_from(place + 1).unwrap_or(u32::MAX);
        imports.push(match import.ty() {
            ExternType::Func(type_) => Extern::Func(function_argument(call, argument, &type_)?),
            ExternType::Global(_) => entity(call, argument, |entities| &entities.globals, "global")?.into(),
            ExternType::Table(_) => entity(call, argument, |entities| &entities.tables, "table")?.into(),
            ExternType::Tag(_) => entity(call, argument, |entities| &entities.tags, "tag")?.into(),
            ExternType::Memory(_) => call.scope.linked()?.memory.into(),
        });
    }
    Instance::new(&mut call.scope.store, &compiled.module, &imports).map_err(|error| {
        if error.is::<wasmtime::Trap>() {
            return crate::exception::throw_into_javascript(&mut call.scope, error);
        }
        Throw::error("WebAssembly.LinkError", format!("{error:#}"))
    })
}

/// A function of WebAssembly as it is, or any other as a host function of the type.
fn function_argument(call: &mut Call<'_>, argument: u32, type_: &FuncType) -> Result<Func, Throw> {
    let value = call.raw(argument)?;
    if let Some(function) = function::from_javascript(&mut call.scope, value)? {
        return Ok(function);
    }
    let handle = call.handle(argument)?;
    Ok(trampoline::host_function(&mut call.scope, handle, type_.clone()))
}

fn export(call: &mut Call<'_>, compiled: &CompiledModule, instance: Instance) -> Result<String, Throw> {
    let mut entries = Vec::new();
    for export in compiled.module.exports() {
        let Some(item) = instance.get_export(&mut call.scope.store, export.name()) else { continue };
        let number = number_of(&mut call.scope, item)?;
        entries.push(format!(r#"[{},"{}",{number}]"#, quoted(export.name()), kind(&export.ty())));
    }
    Ok(format!("[{}]", entries.join(",")))
}

fn number_of(scope: &mut Scope<'_>, item: Extern) -> Result<u32, Throw> {
    match item {
        Extern::Func(function) => Ok(function::index_of(scope, function)),
        Extern::Memory(_) => Ok(0),
        Extern::Global(global) => add(&mut scope.state_mut().entities.globals, global),
        Extern::Table(table) => add(&mut scope.state_mut().entities.tables, table),
        Extern::Tag(tag) => add(&mut scope.state_mut().entities.tags, tag),
        _ => Err(Throw::type_error("an export of a kind that JavaScript does not know")),
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
