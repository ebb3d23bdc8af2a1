//! The engine's side module: placed in the main module's memory, linked and started.
//!
//! The module is laid out by the dynamic-linking ABI
//! (WebAssembly tool-conventions, `DynamicLinking.md`), as any extension module
//! of Python; only its stack is its own. The glue moves the main module's stack pointer
//! from outside (`stackAlloc`, `stackRestore`), and frames of the engine would undo that.

use wasmtime::{
    Extern, ExternType, Func, Global, GlobalType, Instance, Memory, Module, Mutability, Ref, Store,
    Table, Trap, TypedFunc, Val, ValType,
};

use crate::state::State;
use crate::state::javascript::{Javascript, Parts};
use crate::{Error, data, engine_imports};

/// Bytes of the engine's own stack. At about 400 bytes a call, JavaScript
/// recurses some 10,000 deep, as in V8.
const STACK_BYTES: u32 = 4 << 20;

/// Bytes of the stack that are left to the engine's C functions when
/// JavaScript has reached its limit.
const STACK_RESERVE_BYTES: u32 = 256 << 10;

/// Bytes of new objects after which the engine looks for cycles.
const COLLECT_THRESHOLD_BYTES: u32 = 16 << 20;

/// Alignment of what is placed in the memory.
const ALIGNMENT: u32 = 64;

/// Where the engine lies.
pub(crate) struct Place {
    pub(crate) memory: Memory,
    pub(crate) table: Table,
    pub(crate) memory_base: u32,
    pub(crate) table_base: u32,
    pub(crate) stack_low: u32,
    pub(crate) stack_pointer: u32,
}

/// Links the engine into the memory of `main` and starts it.
pub(crate) fn link(
    store: &mut Store<State>,
    main: Instance,
    engine: &Module,
) -> Result<Javascript, Error> {
    let dylink =
        taipan_link::dylink(taipan_quickjs::ENGINE).map_err(Error::Dylink)?.ok_or_else(|| {
            Error::Link { module: "the JavaScript engine", what: "no dylink.0 section".into() }
        })?;
    let memory = main.get_memory(&mut *store, "memory").ok_or_else(|| absent("memory"))?;
    let table = main
        .get_table(&mut *store, "__indirect_function_table")
        .ok_or_else(|| absent("__indirect_function_table"))?;
    let malloc = main.get_typed_func::<u32, u32>(&mut *store, "malloc")?;

    let stack_low = allocate(store, &malloc, STACK_BYTES)?;
    let memory_bytes = dylink.memory_bytes;
    let memory_base = allocate(store, &malloc, memory_bytes)?;
    zero(store, memory, memory_base, memory_bytes)?;
    let table_base = table.grow(&mut *store, dylink.table_elements.into(), Ref::Func(None))?;
    let place = Place {
        memory,
        table,
        memory_base,
        table_base: u32::try_from(table_base).map_err(|_| absent("table"))?,
        stack_low,
        stack_pointer: stack_low + STACK_BYTES,
    };
    data::write(taipan_quickjs::ENGINE, memory.data_mut(&mut *store), memory_base)?;
    let (mut javascript, instance) = instantiate(store, main, engine, &place)?;
    for initializer in ["__wasm_apply_data_relocs", "__wasm_call_ctors"] {
        if let Some(function) = instance.get_func(&mut *store, initializer) {
            function.call(&mut *store, &[], &mut [])?;
        }
    }
    let status = javascript
        .start
        .call(&mut *store, (STACK_BYTES - STACK_RESERVE_BYTES, COLLECT_THRESHOLD_BYTES))?;
    if status < 0 || javascript.start_host_module.call(&mut *store, ())? < 0 {
        return Err(Error::OutOfMemory { what: "the JavaScript engine" });
    }
    locate(store, &mut javascript)?;
    Ok(javascript)
}

/// Links the engine where it lies already, in a memory that has its data and its heap.
pub(crate) fn link_again(
    store: &mut Store<State>,
    main: Instance,
    engine: &Module,
    place: &Place,
) -> Result<Javascript, Error> {
    let (mut javascript, _) = instantiate(store, main, engine, place)?;
    locate(store, &mut javascript)?;
    Ok(javascript)
}

fn locate(store: &mut Store<State>, javascript: &mut Javascript) -> Result<(), Error> {
    javascript.handles = javascript.handles_address.call(&mut *store, ())?;
    javascript.owner = javascript.owner_address.call(&mut *store, ())?;
    javascript.count_offset = javascript.count_distance.call(&mut *store, ())?;
    javascript.runtime = javascript.runtime_address.call(&mut *store, ())?;
    javascript.heap_bytes = javascript.heap_counter.call(&mut *store, ())?;
    javascript.targets = javascript.targets_counter.call(&mut *store, ())?;
    javascript.blocks = javascript.blocks_counter.call(&mut *store, ())?;
    javascript.allocators = javascript.allocators_address.call(&mut *store, ())?;
    Ok(())
}

fn instantiate(
    store: &mut Store<State>,
    main: Instance,
    engine: &Module,
    place: &Place,
) -> Result<(Javascript, Instance), Error> {
    let stack_pointer = global(store, Mutability::Var, place.stack_pointer)?;
    let imports = engine
        .imports()
        .map(|import| {
            resolve(
                store,
                main,
                place,
                stack_pointer,
                (import.module(), import.name(), &import.ty()),
            )
        })
        .collect::<Result<Vec<_>, _>>()?;
    let instance = Instance::new(&mut *store, engine, &imports)?;
    let parts = Parts {
        stack_pointer,
        stack_low: place.stack_low,
        memory_base: place.memory_base,
        table_base: place.table_base,
        malloc: main.get_typed_func(&mut *store, "malloc")?,
        mfree: main.get_typed_func(&mut *store, "free")?,
    };
    Ok((Javascript::new(store, instance, parts)?, instance))
}

fn absent(name: &str) -> Error {
    Error::Link { module: "the main module", what: format!("it does not export `{name}`") }
}

/// Aligned bytes from the guest's own `malloc`.
fn allocate(
    store: &mut Store<State>,
    malloc: &TypedFunc<u32, u32>,
    bytes: u32,
) -> Result<u32, Error> {
    match malloc.call(&mut *store, bytes + ALIGNMENT)? {
        0 => Err(Error::OutOfMemory { what: "the JavaScript engine" }),
        address => Ok(address.next_multiple_of(ALIGNMENT)),
    }
}

fn zero(store: &mut Store<State>, memory: Memory, address: u32, length: u32) -> Result<(), Error> {
    let data = memory.data_mut(store);
    let size = data.len();
    let range = address as usize..address as usize + length as usize;
    data.get_mut(range).ok_or(Error::OutOfBounds { address, length, size })?.fill(0);
    Ok(())
}

fn global(store: &mut Store<State>, mutability: Mutability, value: u32) -> Result<Global, Error> {
    let value = Val::I32(value.cast_signed());
    Ok(Global::new(store, GlobalType::new(ValType::I32, mutability), value)?)
}

fn resolve(
    store: &mut Store<State>,
    main: Instance,
    place: &Place,
    stack_pointer: Global,
    (module, name, type_): (&str, &str, &ExternType),
) -> Result<Extern, Error> {
    Ok(match (module, name) {
        ("env", "memory") => place.memory.into(),
        ("env", "__indirect_function_table") => place.table.into(),
        ("env", "__stack_pointer") => stack_pointer.into(),
        ("env", "__memory_base") => global(store, Mutability::Const, place.memory_base)?.into(),
        ("env", "__table_base") => global(store, Mutability::Const, place.table_base)?.into(),
        ("host", name) => engine_imports::function(store, name)
            .ok_or_else(|| Error::Link {
                module: "the JavaScript engine",
                what: format!("host.{name} is unknown"),
            })?
            .into(),
        // An import of main modules up to Pyodide 0.27, where it is JavaScript's.
        ("env", "abort") => match main.get_func(&mut *store, "abort") {
            Some(function) => function.into(),
            None => Func::wrap(&mut *store, || -> wasmtime::Result<()> {
                Err(Trap::UnreachableCodeReached.into())
            })
            .into(),
        },
        ("env", name) => {
            let function: Func = main.get_func(&mut *store, name).ok_or_else(|| absent(name))?;
            match type_ {
                ExternType::Func(_) => function.into(),
                other => return Err(absent(&format!("{name} of type {other:?}"))),
            }
        }
        (module, name) => {
            let what = format!("the import {module}.{name} is served by nothing");
            return Err(Error::Link { module: "the JavaScript engine", what });
        }
    })
}
