//! `WebAssembly.Instance`: instantiation, and the exports of an instance.

use std::collections::HashMap;

use taipan_link::RESERVED_PREFIX;
use wasmparser::{BinaryReaderError, Export, Parser, Payload};
use wasmtime::{Extern, ExternType, Func, FuncType, Instance, Mutability, Val};

use crate::compiled::CompiledModule;
use crate::control::reason::Reason;
use crate::operation::{Call, Output, OutputValue, Throw};
use crate::scope::Scope;
use crate::state::entities::{
    GlobalOrigin, Ingredient, ModuleEntity, Places, Recipe, TableEntity, TableOrigin, TagEntity,
    TagOrigin,
};
use crate::state::functions::Origin;
use crate::state::{FUNCTION_TABLE, Served};
use crate::value::Kind;
use crate::webassembly::entity::{add, count, entity};
use crate::webassembly::module::{kind, module, quoted};
use crate::webassembly::{global, window};
use crate::{data, function, trampoline};

/// The global that says where the data of a side module lies.
const MEMORY_BASE: &str = "__memory_base";

/// "instantiate a WebAssembly module": the imports' values follow the module. The exports as JSON:
/// `[name, kind, number]` of each.
pub(super) fn instantiate(call: &mut Call<'_>) -> Result<Output, Throw> {
    let compiled = match module(call)? {
        ModuleEntity::Compiled(compiled) => compiled,
        ModuleEntity::Main | ModuleEntity::Empty => return Ok(Output::Text("[]".into())),
        ModuleEntity::Wrapper(type_) => {
            let (number, _) = function_argument(call, 1, &type_)?;
            return Ok(Output::Text(format!(r#"[["f","function",{number}]]"#)));
        }
    };
    let is_main = call.unsigned(0)? == 0;
    let mut numbers = Numbers::default();
    let (instance, place) = if is_main {
        (bind_main(call, &mut numbers)?, None)
    } else {
        new_instance(call, &compiled, &mut numbers)?
    };
    export(call, &compiled, instance, place, numbers).map(Output::Text)
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

/// The main module is instantiated already: its imports are bound now
/// (`docs/internals/facts.md`, 6).
fn bind_main(call: &mut Call<'_>, numbers: &mut Numbers) -> Result<Instance, Throw> {
    let program = call.scope.state().program.clone();
    for (place, import) in program.imports.iter().enumerate() {
        let argument = u32::try_from(place + 1).unwrap_or(u32::MAX);
        if import.global.is_some() {
            numbers.import("global", bind_global(call, place, argument)?);
        } else {
            let handle = hold(call, argument)?;
            call.scope.state_mut().imports[place] = Served::Function(handle);
        }
    }
    Ok(call.scope.linked()?.main)
}

/// Holds an argument for as long as the isolate lives.
fn hold(call: &mut Call<'_>, argument: u32) -> Result<i32, Throw> {
    let value = call.raw(argument)?;
    let value = call.scope.retain(value)?;
    Ok(call.scope.new_slot(value)?)
}

/// `wasm_serve_test(module, name, value)`: has the host answer the main module's import whether its argument is `value`,
/// an object or a symbol; false when there is no such import.
pub(super) fn serve_test(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (module, name) = (call.text(0)?, call.text(1)?);
    let program = call.scope.state().program.clone();
    let place = program.imports.iter().position(|it| it.module == module && it.name == name);
    let Some(place) = place else { return Ok(Output::Boolean(false)) };
    if !matches!(call.raw(2)?.kind(), Kind::Counted(_)) {
        return Err(Throw::type_error("only an object or a symbol has an identity"));
    }
    let handle = hold(call, 2)?;
    call.scope.state_mut().imports[place] = Served::Is(handle);
    Ok(Output::Boolean(true))
}

/// Puts the main module's own global in the place of the one that JavaScript made, with its value.
fn bind_global(call: &mut Call<'_>, place: usize, argument: u32) -> Result<u32, Throw> {
    let (number, made) = global::argument(call, argument)?;
    let scope = &mut call.scope;
    let Some(imported) = global::imported(scope, place) else { return Ok(number) };
    let value = made.get(&mut scope.store);
    // What the linker knew is as it should be.
    if imported.ty(&scope.store).mutability() == Mutability::Var {
        imported.set(&mut scope.store, value).map_err(|error| link_error(&error))?;
    }
    let globals = &mut scope.state_mut().entities.globals;
    globals.found.insert(number, imported);
    let added = (number as usize)
        .checked_sub(globals.known.len())
        .and_then(|place| globals.added.get_mut(place));
    if let (Some(origin), Ok(place)) = (added, u32::try_from(place)) {
        *origin = GlobalOrigin::Import(place);
    }
    Ok(number)
}

fn link_error(error: &wasmtime::Error) -> Throw {
    Throw::error("WebAssembly.LinkError", format!("{error:#}"))
}

fn new_instance(
    call: &mut Call<'_>,
    compiled: &CompiledModule,
    numbers: &mut Numbers,
) -> Result<(Instance, Option<u32>), Throw> {
    let own_memories = compiled.module.resources_required().num_memories;
    if own_memories > 0 {
        return Err(Throw::error(
            "WebAssembly.LinkError",
            "an isolate has one memory, a module cannot bring its own",
        ));
    }
    account(call, compiled)?;
    let mut imports = Vec::new();
    let mut ingredients = Vec::new();
    for (place, import) in compiled.module.imports().enumerate() {
        let argument = u32::try_from(place + 1).unwrap_or(u32::MAX);
        let (ingredient, import): (_, Extern) = match import.ty() {
            ExternType::Func(type_) => {
                let (number, function) = function_argument(call, argument, &type_)?;
                numbers.import("function", number);
                (Ingredient::Function(number), function.into())
            }
            ExternType::Global(_) => {
                let (number, global) = global::argument(call, argument)?;
                numbers.import("global", number);
                (Ingredient::Global(number), global.into())
            }
            ExternType::Table(_) => {
                let table = entity(call, argument, |entities| &entities.tables, "table")?.table;
                let number = call.unsigned(argument)?;
                numbers.import("table", number);
                (Ingredient::Table(number), table.into())
            }
            ExternType::Tag(_) => {
                let tag = entity(call, argument, |entities| &entities.tags, "tag")?.tag;
                let number = call.unsigned(argument)?;
                numbers.import("tag", number);
                (Ingredient::Tag(number), tag.into())
            }
            ExternType::Memory(_) => (Ingredient::Memory, call.scope.linked()?.memory.into()),
        };
        ingredients.push(ingredient);
        imports.push(import);
    }
    let instance =
        Instance::new(&mut call.scope.store, &compiled.module, &imports).map_err(|error| {
            if error.is::<wasmtime::Trap>() {
                return crate::exception::throw_into_javascript(&mut call.scope, error);
            }
            link_error(&error)
        })?;
    let hidden = taipan_link::hidden_state(&compiled.bytes).map_err(crate::Error::Dylink)?;
    let tables = hidden.tables.iter().map(|hidden| &*hidden.export);
    let elements = window::elements(&mut call.scope, instance, tables);
    let module = call.unsigned(0)?;
    let entities = &mut call.scope.state_mut().entities;
    let place = add(&mut entities.instances, instance)?;
    entities.recipes.push(Recipe { module, imports: ingredients.into(), elements });
    // It has put functions into the table.
    entities.places = Places::default();
    if compiled.is_side() {
        let imports = &call.scope.state().entities.recipes[place as usize].imports.clone();
        let base = memory_base(&mut call.scope, compiled, imports);
        write_data(&mut call.scope, compiled, base)?;
    }
    window::initialise(&mut call.scope, compiled, instance, &imports)?;
    Ok((instance, Some(place)))
}

/// Writes the data of a side module to where it was placed. The linker does not notice that `malloc` gave it nothing.
fn write_data(
    scope: &mut Scope<'_>,
    compiled: &CompiledModule,
    memory_base: u32,
) -> Result<(), Throw> {
    data::each(&compiled.bytes, memory_base, |address, data| match memory_base {
        0 => Err(crate::Error::OutOfMemory { what: "the data of a side module" }),
        _ => scope.write(address, data),
    })
    .map_err(Throw::from)
}

/// Where the data of a side module lies; 0 for one that says nothing of it.
fn memory_base(scope: &mut Scope<'_>, compiled: &CompiledModule, imports: &[Ingredient]) -> u32 {
    let place = compiled.module.imports().position(|import| import.name() == MEMORY_BASE);
    let global = match place.and_then(|place| imports.get(place)) {
        Some(Ingredient::Global(number)) => global::at(scope, *number),
        _ => None,
    };
    let base = global.map_or(Val::I32(0), |global| global.get(&mut scope.store));
    base.i32().unwrap_or_default().cast_unsigned()
}

/// Bytes of the host that instances of an isolate may take together, about. They live as long as the isolate.
const INSTANCE_BYTES_MAX: usize = 64 << 20;

/// What one takes, and each of its functions (wasmtime 48.0.8, `VMFuncRef` and an import).
const INSTANCE_BYTES: usize = 8192;
const FUNCTION_BYTES: usize = 64;

/// Bytes of the host that a function of JavaScript with a type takes, about.
const TYPED_FUNCTION_BYTES: usize = 512;

fn account(call: &mut Call<'_>, compiled: &CompiledModule) -> Result<(), Throw> {
    let section = Parser::new(0).parse_all(&compiled.bytes).find_map(|payload| match payload {
        Ok(Payload::FunctionSection(section)) => Some(section.count() as usize),
        _ => None,
    });
    let bytes = INSTANCE_BYTES + FUNCTION_BYTES * section.unwrap_or_default();
    let entities = &mut call.scope.state_mut().entities;
    entities.instance_bytes = entities.instance_bytes.saturating_add(bytes);
    if entities.instance_bytes > INSTANCE_BYTES_MAX {
        call.scope.state().control.stop(Reason::Instances);
        return Err(Throw::range_error("WebAssembly.Instance: an isolate has no room for more"));
    }
    Ok(())
}

/// A function of WebAssembly as it is, or any other as a host function of the type; with its index.
fn function_argument(
    call: &mut Call<'_>,
    argument: u32,
    type_: &FuncType,
) -> Result<(u32, Func), Throw> {
    let value = call.raw(argument)?;
    if let Some(function) = function::from_javascript(&mut call.scope, value)? {
        return Ok(function);
    }
    call.scope.state_mut().functions.add_typed()?;
    count(call, TYPED_FUNCTION_BYTES)?;
    let value = call.scope.retain(value)?;
    let slot = call.scope.new_slot(value)?;
    let function = trampoline::host_function(&mut call.scope, slot, type_.clone());
    let origin = Origin::JavaScript { handle: slot, type_: type_.clone() };
    Ok((function::index_of(&mut call.scope, function, origin), function))
}

/// The exports of an instance as JSON; `place` is its place among the instances, none for the main module's.
fn export(
    call: &mut Call<'_>,
    compiled: &CompiledModule,
    instance: Instance,
    place: Option<u32>,
    mut numbers: Numbers,
) -> Result<String, Throw> {
    let mut entries = Vec::new();
    for export in exports(&compiled.bytes) {
        let export = export.map_err(|error| link_error(&wasmtime::Error::new(error)))?;
        let is_hidden = compiled.is_side() && !is_seen(&call.scope, export.name);
        if is_hidden || export.name.starts_with(RESERVED_PREFIX) {
            continue;
        }
        let Some(item) = instance.get_export(&mut call.scope.store, export.name) else { continue };
        let kind = kind(&item.ty(&call.scope.store));
        let known = (kind, export.index);
        let number = match numbers.known.get(&known) {
            Some(number) => *number,
            None => {
                let number = number_of(&mut call.scope, &item, export.name, place)?;
                *numbers.known.entry(known).or_insert(number)
            }
        };
        entries.push(format!(r#"[{},"{kind}",{number}]"#, quoted(export.name)));
    }
    Ok(format!("[{}]", entries.join(",")))
}

/// Whether JavaScript sees an export of a side module at once: the dynamic linker asks for it, or another module. It
/// finds the others when it asks ([`side_export`]): one module of mypy's has 31,000.
fn is_seen(scope: &Scope<'_>, name: &str) -> bool {
    name.starts_with("__") || scope.state().modules.is_shared(name)
}

/// `wasm_side_export(module, name)`: an export of the instance of a side module as JSON, `[kind, number]`, or the address
/// of data; `undefined` when it has none.
pub(super) fn side_export(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (module, name) = (call.unsigned(0)?, call.text(1)?);
    let entities = &call.scope.state().entities;
    let place = entities.recipes.iter().position(|recipe| recipe.module == module);
    let (Some(place), Some(ModuleEntity::Compiled(compiled))) =
        (place, entities.modules.get(module as usize).cloned())
    else {
        return Ok(Output::Undefined);
    };
    let (instance, imports) = (entities.instances[place], entities.recipes[place].imports.clone());
    if name.starts_with(RESERVED_PREFIX) {
        return Ok(Output::Undefined);
    }
    let store = &mut call.scope.store;
    match instance.get_export(&mut *store, &name) {
        Some(Extern::Global(global)) if global.ty(&*store).mutability() == Mutability::Const => {
            let offset = global.get(&mut *store).i32().unwrap_or_default().cast_unsigned();
            let base = memory_base(&mut call.scope, &compiled, &imports);
            Ok(base.wrapping_add(offset).into())
        }
        Some(item) => {
            let kind = kind(&item.ty(&*store));
            let place = u32::try_from(place).unwrap_or(u32::MAX);
            let number = number_of(&mut call.scope, &item, &name, Some(place))?;
            Ok(Output::Text(format!(r#"["{kind}",{number}]"#)))
        }
        None => Ok(Output::Undefined),
    }
}

/// The export section of a module, which comes before its code.
fn exports(bytes: &[u8]) -> impl Iterator<Item = Result<Export<'_>, BinaryReaderError>> {
    let section = Parser::new(0).parse_all(bytes).find_map(|payload| match payload {
        Ok(Payload::ExportSection(section)) => Some(section),
        _ => None,
    });
    section.into_iter().flatten()
}

fn number_of(
    scope: &mut Scope<'_>,
    item: &Extern,
    name: &str,
    place: Option<u32>,
) -> Result<u32, Throw> {
    match *item {
        Extern::Func(function) => {
            let origin = match place {
                None => Origin::Main(name.into()),
                Some(place) => Origin::Instance(place, name.into()),
            };
            Ok(function::index_of(scope, function, origin))
        }
        Extern::Memory(_) => Ok(0),
        Extern::Global(global) => {
            let origin = match place {
                None => GlobalOrigin::Main(name.into()),
                Some(place) => GlobalOrigin::Instance(place, name.into()),
            };
            global::add(scope, global, origin)
        }
        Extern::Table(table) => {
            let origin = match place {
                None if name == FUNCTION_TABLE => TableOrigin::Main,
                None => TableOrigin::Own,
                Some(place) => TableOrigin::Instance(place, name.into()),
            };
            add(&mut scope.state_mut().entities.tables, TableEntity { table, origin })
        }
        Extern::Tag(tag) => {
            let origin =
                if place.is_none() { TagOrigin::Main(name.into()) } else { TagOrigin::Unknown };
            add(&mut scope.state_mut().entities.tags, TagEntity { tag, origin })
        }
        Extern::SharedMemory(_) => {
            Err(Throw::type_error("an export of a kind that JavaScript does not know"))
        }
    }
}

/// The function object of a function's number.
pub(super) fn function(call: &mut Call<'_>) -> Result<Output, Throw> {
    let number = call.unsigned(0)?;
    let Some((function, _)) = function::at(&mut call.scope, number) else {
        return Err(Throw::type_error(format!("no function has the number {number}")));
    };
    let value = function::to_javascript(&mut call.scope, function, Origin::Unknown)?;
    Ok(Output::Value(OutputValue(value)))
}
