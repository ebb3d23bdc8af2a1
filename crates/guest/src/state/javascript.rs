//! The JavaScript engine's exports, and where it has what the host looks at.

use wasmtime::{AsContextMut, Global, Instance, TypedFunc};

use crate::Error;

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
            pub(crate) fn new(
                store: &mut impl AsContextMut,
                instance: Instance,
                parts: Parts,
            ) -> Result<Javascript, Error> {
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

/// What of the engine is not among its exports.
pub(crate) struct Parts {
    pub(crate) stack_pointer: Global,
    pub(crate) stack_low: u32,
    pub(crate) memory_base: u32,
    pub(crate) table_base: u32,
    pub(crate) malloc: TypedFunc<u32, u32>,
    pub(crate) mfree: TypedFunc<u32, ()>,
}

fn missing(name: &str, error: &wasmtime::Error) -> Error {
    Error::Link { module: "the JavaScript engine", what: format!("`{name}`: {error}") }
}
