//! The engine's imports: what `c/engine.c` declares as `host`.

use wasmtime::{AsContextMut, Caller, Func, Store};

use crate::error::Error;
use crate::operation::{Call, Throw};
use crate::scope::Scope;
use crate::state::State;
use crate::trampoline;

/// The function that serves an import of the engine.
pub(crate) fn function(store: &mut Store<State>, name: &str) -> Option<Func> {
    let store = store.as_context_mut();
    Some(match name {
        "wall_clock" => {
            Func::wrap(store, |mut caller: Caller<'_, State>| caller.data_mut().host.wall_clock())
        }
        "monotonic_clock" => Func::wrap(store, |mut caller: Caller<'_, State>| {
            caller.data_mut().host.monotonic_clock()
        }),
        "call" => Func::wrap(
            store,
            |mut caller: Caller<'_, State>, index: u32, count: u32, arguments: u32, result: u32| {
                trampoline::call_wasm(&mut Scope::of(&mut caller), index, count, arguments, result)
            },
        ),
        "operation" => Func::wrap(
            store,
            |mut caller: Caller<'_, State>, index: u32, count: u32, arguments: u32, result: u32| {
                operation(&mut Scope::of(&mut caller), index, count, arguments, result)
            },
        ),
        "rejection" => Func::wrap(
            store,
            |mut caller: Caller<'_, State>, promise: u32, reason: u32, handled: i32| {
                rejection(&mut Scope::of(&mut caller), promise, reason, handled != 0)
            },
        ),
        "resolve" => Func::wrap(
            store,
            |mut caller: Caller<'_, State>,
             referrer: u32,
             length: u32,
             specifier: u32,
             size: u32| {
                resolve(&mut Scope::of(&mut caller), (referrer, length), (specifier, size))
            },
        ),
        "module" => Func::wrap(
            store,
            |mut caller: Caller<'_, State>, name: u32, name_length: u32, code: u32, length: u32| {
                load(&mut Scope::of(&mut caller), (name, name_length), code, length)
            },
        ),
        "relieve" => {
            Func::wrap(store, |mut caller: Caller<'_, State>| Scope::of(&mut caller).release_dead())
        }
        "owner" => Func::wrap(store, |mut caller: Caller<'_, State>, owner: u32| {
            Ok::<_, wasmtime::Error>(Scope::of(&mut caller).runs_as(owner)?)
        }),
        "crowded" => {
            Func::wrap(store, |mut caller: Caller<'_, State>| Scope::of(&mut caller).is_crowded())
        }
        "relieve_main" => {
            Func::wrap(store, |mut caller: Caller<'_, State>| Scope::of(&mut caller).relieve_main())
        }
        "collect" => Func::wrap(store, |mut caller: Caller<'_, State>| {
            Scope::of(&mut caller).collect_as_asked()
        }),
        "release" => Func::wrap(store, |mut caller: Caller<'_, State>, _kind: i32, index: u32| {
            caller.data_mut().exceptions.release(index as usize);
        }),
        _ => return None,
    })
}

/// Calls a host operation; negative when it threw.
fn operation(
    scope: &mut Scope<'_>,
    index: u32,
    count: u32,
    address: u32,
    result: u32,
) -> wasmtime::Result<i32> {
    scope.collect_now_and_then()?;
    let operation = scope.state().program.operations.get(index as usize).copied();
    let operation = operation
        .ok_or_else(|| wasmtime::Error::msg(format!("no operation has the index {index}")))?;
    let outcome = (operation.call)(&mut Call { scope: scope.reborrow(), address, count });
    let outcome = outcome.and_then(|output| {
        let value = output.into_value(scope)?;
        Ok(scope.write_value(result, value)?)
    });
    match outcome {
        Ok(()) => Ok(0),
        Err(throw) => {
            scope.raise(throw)?;
            Ok(-1)
        }
    }
}

/// Tells the hook of a rejected promise, or of one whose rejection found a handler after all.
fn rejection(
    scope: &mut Scope<'_>,
    promise: u32,
    reason: u32,
    handled: bool,
) -> wasmtime::Result<()> {
    let Some(hook) = scope.state().on_rejection.as_ref().map(|hook| hook.index()) else {
        return Ok(());
    };
    let mut arguments = Vec::new();
    for address in [promise, reason] {
        let value = scope.read_value(address)?;
        let value = scope.retain(value)?;
        arguments.push(scope.new_handle(value)?);
    }
    let [promise, reason] = &arguments[..] else { return Ok(()) };
    match scope.invoke_index(hook, &[promise.into(), reason.into(), handled.into()]) {
        // This error is dropped: the exception that is on its way already says that the stack is used up.
        Err(Error::Exception(error)) if error.is_of_stack() => Ok(()),
        told => Ok(told?),
    }
}

/// The address of the name that a specifier means, with a zero byte behind it; 0 when an exception is pending.
fn resolve(
    scope: &mut Scope<'_>,
    referrer: (u32, u32),
    specifier: (u32, u32),
) -> wasmtime::Result<u32> {
    let modules = scope.state().modules.clone();
    let text = |(address, length)| {
        Ok::<_, wasmtime::Error>(str::from_utf8(scope.bytes(address, length)?).unwrap_or_default())
    };
    match modules.resolve(text(referrer)?, text(specifier)?) {
        Ok(name) => Ok(scope.allocate(&[name.as_bytes(), &[0]].concat())?),
        Err(reason) => {
            scope.raise(Throw::error("Error", reason))?;
            Ok(0)
        }
    }
}

/// What the module of a name is, whose code and its length are written; 0 when there is no such module.
fn load(
    scope: &mut Scope<'_>,
    (name, name_length): (u32, u32),
    code: u32,
    length: u32,
) -> wasmtime::Result<i32> {
    let modules = scope.state().modules.clone();
    let name = str::from_utf8(scope.bytes(name, name_length)?).unwrap_or_default();
    let Some(record) = modules.load(name) else { return Ok(0) };
    let (kind, bytes) = record.parts();
    // The engine's parser reads on until it finds a zero byte.
    let address = scope.allocate(&[bytes, &[0]].concat())?;
    scope.write(code, &address.to_le_bytes())?;
    scope.write(length, &u32::try_from(bytes.len())?.to_le_bytes())?;
    Ok(kind)
}
