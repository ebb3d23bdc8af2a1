//! The engine's side module: placed in the main module's memory, and its exports.
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
use crate::{Error, data, natives};

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

macro_rules! exports {
    ($($(#[$doc:meta])* $name:ident: $params:ty, $results:ty;)*) => {
        /// The functions of `c/engine.c`.
        pub(crate) struct Javascript {
            pub(crate) stack_pointer: Global,
            pub(crate) stack_low: u32,
            pub(crate) memory_base: u32,
            pub(crate) table_base: u32,
            /// The address of the pointer to the table of handles.
            pub(crate) handles: u32,
            /// The address of the number in whose name JavaScript runs.
            pub(crate) owner: u32,
            /// How many bytes before the address in a value its count of references lies.
            pub(crate) count_offset: u32,
            /// The address of the address of the engine's runtime, and how far behind that one the number of bytes that
            /// its heap has is.
            pub(crate) runtime: u32,
            pub(crate) heap_bytes: u32,
            /// The address of the number of targets that its FinalizationRegistries have; behind it, that of the
            /// callbacks that are due and need not wait for the end of the turn.
            pub(crate) targets: u32,
            /// The address of the numbers of bytes that the main module has more in its blocks, and at which the host is
            /// told.
            pub(crate) blocks: u32,
            /// The address of the allocators that count these.
            pub(crate) allocators: u32,
            pub(crate) malloc: TypedFunc<u32, u32>,
            pub(crate) mfree: TypedFunc<u32, ()>,
            $($(#[$doc])* pub(crate) $name: TypedFunc<$params, $results>,)*
        }

        impl Javascript {
            fn new(store: &mut Store<State>, instance: Instance, parts: Parts) -> Result<Javascript, Error> {
                $(let $name = instance
                    .get_typed_func(&mut *store, concat!("engine_", stringify!($name)))
                    .map_err(|error| missing(concat!("engine_", stringify!($name)), &error))?;)*
                Ok(Javascript {
                    stack_pointer: parts.stack_pointer,
                    stack_low: parts.stack_low,
                    memory_base: parts.memory_base,
                    table_base: parts.table_base,
                    handles: 0,
                    owner: 0,
                    count_offset: 0,
                    runtime: 0,
                    heap_bytes: 0,
                    targets: 0,
                    blocks: 0,
                    allocators: 0,
                    malloc: parts.malloc,
                    mfree: parts.mfree,
                    $($name,)*
                })
            }
        }
    };
}

exports! {
    start: (u32, u32), i32;
    start_host_module: (), i32;
    add_operation: (i32, u32), i32;
    handles_address: (), u32;
    owner_address: (), u32;
    count_distance: (), u32;
    handle_new: u32, i32;
    handle_free: i32, ();
    free: u32, ();
    call: (i32, i32, u32, u32), i32;
    compile: (u32, u32, u32, i32, u32), u32;
    bytecode_free: u32, ();
    read: (u32, u32, u32), i32;
    load: (u32, u32), i32;
    run: (u32, u32), i32;
    module_namespace: (u32, u32), i32;
    run_jobs: i32, i32;
    collect: (), ();
    finalize: (), ();
    reseed: u64, ();
    stack: u32, i32;
    runtime_address: (), u32;
    heap_counter: (), u32;
    targets_counter: (), u32;
    blocks_counter: (), u32;
    allocators_address: (), u32;
    throw: u32, ();
    take_exception: u32, ();
    throw_error: (u32, u32, u32, u32), ();
    string: (u32, u32), u32;
    string_free: u32, ();
    new_string: (u32, u32, u32), i32;
    to_number: (u32, u32), i32;
    to_bigint64: (u32, u32), i32;
    new_bigint64: (i64, u32), i32;
    get_property: (u32, u32, u32), i32;
    promise_state: u32, i32;
    promise_result: (u32, u32), ();
    map_get: (u64, u64), i64;
    map_set: (u64, u64, i32), i32;
    map_delete: (u64, u64), i32;
    bytes: (u32, u32, u32), i32;
    new_bytes: (u32, u32, u32), i32;
    memory_buffer: (u32, u32), i32;
    window: (u32, u32, u32), i32;
    memory_grown: u32, ();
    wasm_function: (i32, i32, u32), i32;
    wasm_function_index: u32, i32;
    new_host_object: (i32, i32, u32), i32;
    host_object_index: (i32, u32), i32;
    host_object_prototype: u32, ();
}

struct Parts {
    stack_pointer: Global,
    stack_low: u32,
    memory_base: u32,
    table_base: u32,
    malloc: TypedFunc<u32, u32>,
    mfree: TypedFunc<u32, ()>,
}

/// Where the engine lies.
pub(crate) struct Place {
    pub(crate) memory: Memory,
    pub(crate) table: Table,
    pub(crate) memory_base: u32,
    pub(crate) table_base: u32,
    pub(crate) stack_low: u32,
    pub(crate) stack_pointer: u32,
}

fn missing(name: &str, error: &wasmtime::Error) -> Error {
    Error::Link { module: "the JavaScript engine", what: format!("`{name}`: {error}") }
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
        ("host", name) => natives::function(store, name)
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
            let what = format!("the import {module}.{name} has nobody who serves it");
            return Err(Error::Link { module: "the JavaScript engine", what });
        }
    })
}
