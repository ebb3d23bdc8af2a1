//! Making an isolate from a snapshot: what `capture.rs` took out is put back.

mod instances;

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::Arc;

use taipan_snapshot as snapshot;
use wasmtime::{
    AnyRef, AsContextMut, ExternRef, ExternType, FuncType, GlobalType, I31, Instance, MemoryType,
    Mutability, Ref, RootScope, Store, Table, Tag, Val, ValType,
};

use self::instances::Instances;
use crate::compiled::{CompiledModule, Digest};
use crate::control::attached::{self, Attached};
use crate::host::Host;
use crate::isolate::{self, Isolate};
use crate::javascript::{self, Place};
use crate::mapping::{self, Run};
use crate::memory::Spares;
use crate::program::Program;
use crate::scope::Scope;
use crate::state::entities::{
    Entities, GlobalOrigin, Globals, ModuleEntity, TableEntity, TableOrigin, TagEntity, TagOrigin,
};
use crate::state::exceptions::{Exceptions, JavaScriptTag};
use crate::state::functions::{Functions, Origin};
use crate::state::resume_times::ResumeTimes;
use crate::state::{FUNCTION_TABLE, Linked, Served, State};
use crate::webassembly::{global, tag};
use crate::{Error, Handle, function};

/// Bytes of a page of WebAssembly memory (core specification).
const MEMORY_PAGE_BYTES: usize = 65_536;

/// A snapshot, made ready once for all isolates that are resumed from it.
pub struct Image {
    program: Arc<Program>,
    state: snapshot::State,
    spares: Arc<Spares>,
    memory_type: MemoryType,
    functions: Arc<[Origin]>,
    /// Those that are elements of the function table, as instantiation puts them there, and which others replace.
    replaced: Vec<u32>,
    globals: Arc<[GlobalOrigin]>,
    modules: Vec<ModuleEntity>,
    instances: Instances,
}

impl std::fmt::Debug for Image {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Image")
            .field("memory_bytes", &self.spares.bytes)
            .finish_non_exhaustive()
    }
}

impl Image {
    /// Joins a snapshot with the program that it was taken from, and with the modules that the isolate had of its own
    /// (see [`Modules::compiled`](crate::Modules::compiled)).
    ///
    /// # Errors
    ///
    /// [`Error::Snapshot`] when they do not belong together, [`Error::OutOfBounds`] when a run does not lie within
    /// the memory, [`Error::Map`] when its file cannot be asked for its size.
    pub fn new(
        program: &Arc<Program>,
        own: &[CompiledModule],
        state: snapshot::State,
        memory_bytes: usize,
        runs: Vec<Run>,
    ) -> Result<Arc<Self>, Error> {
        mapping::check(&runs, memory_bytes)?;
        if state.imports.len() != program.imports.len() {
            return Err(unfit("an import of the main module"));
        }
        if state.modules.first() != Some(&snapshot::Module::Main) {
            return Err(unfit("the main module"));
        }
        let functions = state
            .functions
            .iter()
            .map(|function| origin(program, function))
            .collect::<Result<_, _>>()?;
        let replaced = replaced(&state);
        let globals = state.entity_globals.iter().map(global_origin).collect();
        let own = own.iter().map(|module| (module.digest(), module)).collect();
        let modules = state.modules.iter().map(|known| module(program, &own, known));
        let modules = modules.collect::<Result<Vec<_>, _>>()?;
        let instances = Instances::new(program, &state, &modules)?;
        let Some(ExternType::Memory(memory_type)) = program.main.module.get_export("memory") else {
            return Err(unfit("the memory"));
        };
        Ok(Arc::new(Self {
            spares: Spares::new(runs, memory_bytes),
            memory_type,
            program: program.clone(),
            state,
            functions,
            replaced,
            globals,
            modules,
            instances,
        }))
    }

    /// Keeps the memories of so many isolates that have ended, for those that are resumed next: these need not map and
    /// copy what they write. Each takes some MiB at most.
    pub fn keep_spares(&self, count: usize) {
        self.spares.keep(count);
    }

    /// Frees the memories that are kept now.
    pub fn release_spares(&self) {
        self.spares.release();
    }

    /// What the owners of other state saved.
    #[must_use]
    pub fn section(&self, name: &str) -> Option<&[u8]> {
        self.state.sections.get(name).map(Vec::as_slice)
    }
}

impl Isolate {
    /// An isolate that goes on where the snapshot was taken.
    ///
    /// # Errors
    ///
    /// What does not fit together, or cannot be mapped.
    pub fn resume(image: &Arc<Image>, host: Box<dyn Host>) -> Result<Self, Error> {
        let program = &image.program;
        let mut store = Store::new(&program.engine, state(image, host));
        let begin = store.data_mut().host.monotonic_clock();
        store.limiter(|state| &mut state.limits);
        attached::install(&mut store);
        let tag = JavaScriptTag::new(&mut store)?;
        store.data_mut().exceptions = Exceptions::new(tag);
        let make = || isolate::instantiate_main(&mut store, program);
        let (main, lease, has_image) = image.spares.lend(image.memory_type.clone(), make);
        let main = main?;
        let imports = &mut store.data_mut().imports;
        imports.clear();
        imports.extend(image.state.imports.iter().copied().map(Served::of_saved));
        let memory = main.get_memory(&mut store, "memory").ok_or_else(|| unfit("the memory"))?;
        let attached = Attached::new(&mut store, memory, Some(lease));
        let missing = image.spares.bytes.saturating_sub(memory.data_size(&store));
        let missing = missing.div_ceil(MEMORY_PAGE_BYTES);
        memory.grow(&mut store, missing as u64)?;
        let table = main
            .get_table(&mut store, FUNCTION_TABLE)
            .ok_or_else(|| unfit("the function table"))?;
        let missing = u64::from(image.state.table_length).saturating_sub(table.size(&store));
        table.grow(&mut store, missing, Ref::Func(None))?;
        let engine = &image.state.engine;
        let place = Place {
            memory,
            table,
            memory_base: engine.memory_base,
            table_base: engine.table_base,
            stack_low: engine.stack_low,
            stack_pointer: engine.stack_pointer,
        };
        let javascript =
            Arc::new(javascript::link_again(&mut store, main, &program.javascript, &place)?);
        let instantiated = store.data_mut().host.monotonic_clock();
        store.data_mut().has_spare = has_image;
        if !has_image {
            mapping::lay(&mut store, memory, &image.spares.runs)?;
        }
        let mapped = store.data_mut().host.monotonic_clock();
        store.data_mut().linked = Some(Linked { main, memory, javascript });
        let mut roots = RootScope::new(&mut store);
        restore(&mut Scope { store: roots.as_context_mut() }, image)?;
        drop(roots);
        let restored = store.data_mut().host.monotonic_clock();
        store.data_mut().resume_times = ResumeTimes {
            instantiate: instantiated - begin,
            map: mapped - instantiated,
            side_state: restored - mapped,
        };
        Ok(Self::from_parts(attached, store))
    }
}

impl Scope<'_> {
    /// How long it took to resume the isolate; zero for one that booted.
    #[must_use]
    pub fn resume_times(&self) -> ResumeTimes {
        self.state().resume_times
    }

    /// The pages of the memory that were written since the isolate was resumed: addresses, in order.
    ///
    /// # Errors
    ///
    /// [`Error::Map`] when the kernel does not say.
    pub fn written_pages(&self) -> Result<Vec<Range<u32>>, Error> {
        let memory = self.linked()?.memory;
        let base = NonNull::new(memory.data_ptr(&self.store)).unwrap_or(NonNull::dangling());
        let written = mapping::written(base, memory.data_size(&self.store));
        written.map_err(|error| Error::Map { source: error.into() })
    }

    /// Makes pages that will be written the isolate's own, all at once. A memory that was used before has them.
    ///
    /// # Errors
    ///
    /// Before the guest is linked.
    pub fn populate(&mut self, pages: &[Range<u32>]) -> Result<(), Error> {
        if self.state().has_spare {
            return Ok(());
        }
        let memory = self.linked()?.memory;
        mapping::populate(&self.store, memory, pages);
        Ok(())
    }
}

fn state(image: &Image, host: Box<dyn Host>) -> State {
    let entities = Entities {
        modules: image.modules.clone(),
        globals: Globals { known: image.globals.clone(), ..Globals::default() },
        ..Entities::default()
    };
    let functions = Functions::resumed(image.functions.clone());
    State { entities, functions, ..State::new(&image.program, host) }
}

/// The functions that must be looked up before the elements of the table are set.
fn replaced(state: &snapshot::State) -> Vec<u32> {
    let slots: HashSet<u32> = state.slots.iter().map(|slot| slot.index).collect();
    let replaced = |function: &snapshot::Function| match function {
        snapshot::Function::Element(index) => slots.contains(index),
        snapshot::Function::Main(_)
        | snapshot::Function::JavaScript { .. }
        | snapshot::Function::Instance(..) => false,
    };
    let numbered = (0..).zip(&state.functions);
    numbered.filter(|(_, function)| replaced(function)).map(|(number, _)| number).collect()
}

fn restore(scope: &mut Scope<'_>, image: &Image) -> Result<(), Error> {
    let main = scope.linked()?.main;
    for (place, value) in &image.state.imported_globals {
        let global = global::imported(scope, *place as usize);
        global.ok_or_else(|| unfit("an imported global"))?.set(&mut scope.store, val(*value))?;
    }
    for snapshot::Global { export, value } in &image.state.globals {
        let global = main.get_global(&mut scope.store, export).ok_or_else(|| unfit(export))?;
        global.set(&mut scope.store, val(*value))?;
    }
    let table =
        main.get_table(&mut scope.store, FUNCTION_TABLE).ok_or_else(|| unfit(FUNCTION_TABLE))?;
    for known in &image.state.tags {
        let entity = restore_tag(scope, known)?;
        scope.state_mut().entities.tags.push(entity);
    }
    image.instances.make(scope, image)?;
    restore_tables(scope, image)?;
    restore_slots(scope, image, table)?;
    let mut handles = HashMap::new();
    for known in &image.state.reference_tables {
        restore_references(scope, main, known, &mut handles)?;
    }
    for (place, known) in image.state.instances.iter().enumerate() {
        restore_own_state(scope, place, known, &mut handles)?;
    }
    let hook =
        |name: &str| image.state.handles.get(name).map(|index| scope.state().released.own(*index));
    let (on_rejection, on_completion) = (hook("on_rejection"), hook("on_completion"));
    scope.state_mut().on_rejection = on_rejection;
    scope.state_mut().on_completion = on_completion;
    Ok(())
}

const FUNCTION_OF_TABLE: &str = "a function of the table";

fn set_slots(scope: &mut Scope<'_>, table: Table, slots: &[snapshot::Slot]) -> Result<(), Error> {
    for snapshot::Slot { index, function } in slots {
        let element = match function {
            None => None,
            Some(number) => {
                Some(function::at(scope, *number).ok_or_else(|| unfit(FUNCTION_OF_TABLE))?.0)
            }
        };
        table.set(&mut scope.store, (*index).into(), Ref::Func(element))?;
    }
    Ok(())
}

fn restore_slots(scope: &mut Scope<'_>, image: &Image, table: Table) -> Result<(), Error> {
    for number in &image.replaced {
        function::at(scope, *number).ok_or_else(|| unfit(FUNCTION_OF_TABLE))?;
    }
    set_slots(scope, table, &image.state.slots)?;
    let slots = image.state.slots.iter().map(|slot| (slot.index, slot.function));
    scope.state_mut().entities.elements = slots.collect();
    Ok(())
}

fn restore_tag(scope: &mut Scope<'_>, known: &snapshot::Tag) -> Result<TagEntity, Error> {
    let (tag, origin) = match known {
        snapshot::Tag::JavaScript => {
            (scope.state().exceptions.javascript_tag()?.tag, TagOrigin::JavaScript)
        }
        snapshot::Tag::Main(name) => {
            let main = scope.linked()?.main;
            let tag = main.get_tag(&mut scope.store, name).ok_or_else(|| unfit(name))?;
            (tag, TagOrigin::Main(name.clone()))
        }
        snapshot::Tag::Own(names) => {
            let engine = scope.state().program.engine.clone();
            let type_ = tag::type_of(&engine, names).map_err(|_| unfit("a tag"))?;
            (Tag::new(&mut scope.store, &type_)?, TagOrigin::Own(names.clone()))
        }
    };
    Ok(TagEntity { tag, origin })
}

/// The table that JavaScript knows by a number, once the instance that it belongs to is there.
fn table_at(scope: &mut Scope<'_>, image: &Image, number: u32) -> Option<TableEntity> {
    let (table, origin) = match image.state.tables.get(number as usize)? {
        snapshot::EntityTable::Main => {
            let main = scope.linked().ok()?.main;
            (main.get_table(&mut scope.store, FUNCTION_TABLE)?, TableOrigin::Main)
        }
        snapshot::EntityTable::Instance(place, name) => {
            let instance = *scope.state().entities.instances.get(*place as usize)?;
            let table = instance.get_table(&mut scope.store, name)?;
            (table, TableOrigin::Instance(*place, name.clone()))
        }
    };
    Some(TableEntity { table, origin })
}

fn restore_tables(scope: &mut Scope<'_>, image: &Image) -> Result<(), Error> {
    for number in (0..).take(image.state.tables.len()) {
        let entity = table_at(scope, image, number).ok_or_else(|| unfit("a table"))?;
        scope.state_mut().entities.tables.push(entity);
    }
    Ok(())
}

/// Sets what an instance has of its own.
fn restore_own_state(
    scope: &mut Scope<'_>,
    place: usize,
    known: &snapshot::Instance,
    handles: &mut HashMap<i32, Handle>,
) -> Result<(), Error> {
    let instance = scope.state().entities.instances.get(place).copied();
    let instance = instance.ok_or_else(|| unfit("an instance"))?;
    for snapshot::Global { export, value } in &known.globals {
        let global = instance.get_global(&mut scope.store, export).ok_or_else(|| unfit(export))?;
        global.set(&mut scope.store, val(*value))?;
    }
    for snapshot::FunctionTable { export, length, slots } in &known.function_tables {
        let table = instance.get_table(&mut scope.store, export).ok_or_else(|| unfit(export))?;
        let missing = u64::from(*length).saturating_sub(table.size(&scope.store));
        table.grow(&mut scope.store, missing, Ref::Func(None))?;
        set_slots(scope, table, slots)?;
    }
    for references in &known.reference_tables {
        restore_references(scope, instance, references, handles)?;
    }
    Ok(())
}

/// Fills a table of references. Two references with one handle share it, as before: the last one dropped frees it.
fn restore_references(
    scope: &mut Scope<'_>,
    instance: Instance,
    known: &snapshot::ReferenceTable,
    handles: &mut HashMap<i32, Handle>,
) -> Result<(), Error> {
    let table =
        instance.get_table(&mut scope.store, &known.export).ok_or_else(|| unfit(&known.export))?;
    let length = known.elements.len() as u64;
    let missing = length.saturating_sub(table.size(&scope.store));
    table.grow(&mut scope.store, missing, Ref::Extern(None))?;
    for (index, element) in (0..).zip(&known.elements) {
        let reference = match *element {
            snapshot::Reference::Null => continue,
            snapshot::Reference::Small(bits) => {
                let any = AnyRef::from_i31(&mut scope.store, I31::wrapping_u32(bits));
                ExternRef::convert_any(&mut scope.store, any)?
            }
            snapshot::Reference::Handle(index) => {
                let own = || scope.state().released.own(index);
                let handle = handles.entry(index).or_insert_with(own).clone();
                ExternRef::new(&mut scope.store, handle)?
            }
        };
        table.set(&mut scope.store, index, Ref::Extern(Some(reference)))?;
    }
    Ok(())
}

fn unfit(what: &str) -> Error {
    Error::Snapshot { what: what.into() }
}

fn val(value: snapshot::Value) -> Val {
    match value {
        snapshot::Value::I32(value) => Val::I32(value),
        snapshot::Value::I64(value) => Val::I64(value),
        snapshot::Value::F32(bits) => Val::F32(bits),
        snapshot::Value::F64(bits) => Val::F64(bits),
    }
}

fn origin(program: &Program, function: &snapshot::Function) -> Result<Origin, Error> {
    Ok(match function {
        snapshot::Function::Main(name) => Origin::Main(name.clone()),
        snapshot::Function::Element(index) => Origin::Element(*index),
        snapshot::Function::JavaScript { handle, type_ } => {
            Origin::JavaScript { handle: *handle, type_: function_type(program, type_)? }
        }
        snapshot::Function::Instance(place, name) => Origin::Instance(*place, name.clone()),
    })
}

fn global_origin(known: &snapshot::EntityGlobal) -> GlobalOrigin {
    match known {
        snapshot::EntityGlobal::Import(place) => GlobalOrigin::Import(*place),
        snapshot::EntityGlobal::Main(name) => GlobalOrigin::Main(name.clone()),
        snapshot::EntityGlobal::Instance(place, name) => {
            GlobalOrigin::Instance(*place, name.clone())
        }
        snapshot::EntityGlobal::Own { value, mutable } => {
            let type_ = match value {
                snapshot::Value::I32(_) => ValType::I32,
                snapshot::Value::I64(_) => ValType::I64,
                snapshot::Value::F32(_) => ValType::F32,
                snapshot::Value::F64(_) => ValType::F64,
            };
            let mutability = if *mutable { Mutability::Var } else { Mutability::Const };
            GlobalOrigin::Own(GlobalType::new(type_, mutability), global::to_bits(&val(*value)))
        }
    }
}

fn module(
    program: &Program,
    own: &HashMap<Digest, &CompiledModule>,
    known: &snapshot::Module,
) -> Result<ModuleEntity, Error> {
    Ok(match known {
        snapshot::Module::Main => ModuleEntity::Main,
        snapshot::Module::Empty => ModuleEntity::Empty,
        snapshot::Module::Wrapper(type_) => ModuleEntity::Wrapper(function_type(program, type_)?),
        snapshot::Module::Compiled(digest) => {
            let compiled = program.modules.get(digest).or_else(|| own.get(digest).copied());
            let what = "a module that was compiled at set-up";
            ModuleEntity::Compiled(compiled.cloned().ok_or_else(|| unfit(what))?)
        }
    })
}

fn function_type(program: &Program, type_: &snapshot::FunctionType) -> Result<FuncType, Error> {
    let types =
        |bytes: &[u8]| bytes.iter().map(|byte| value_type(*byte)).collect::<Result<Vec<_>, _>>();
    Ok(FuncType::new(&program.engine, types(&type_.parameters)?, types(&type_.results)?))
}

fn value_type(byte: u8) -> Result<ValType, Error> {
    Ok(match byte {
        0x7f => ValType::I32,
        0x7e => ValType::I64,
        0x7d => ValType::F32,
        0x7c => ValType::F64,
        0x6f => ValType::EXTERNREF,
        0x70 => ValType::FUNCREF,
        _ => return Err(unfit("a value type")),
    })
}
