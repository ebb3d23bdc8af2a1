//! Calls between JavaScript and WebAssembly, in both directions.
//!
//! Follows the WebAssembly JavaScript Interface: "call an Exported Function",
//! "create a host function", `ToJSValue` and `ToWebAssemblyValue`. Arguments go
//! from registers into the engine's stack and back without a box in between.

#![expect(
    unsafe_code,
    reason = "raw calls: the only place that trusts a function type for the layout of its values"
)]

use std::mem::MaybeUninit;

use wasmtime::{AsContextMut, Caller, ExternRef, Func, FuncType, Linker, ValRaw};

use crate::exception::{throw_into_javascript, throw_into_wasm};
use crate::js_error::STACK_USED_UP;
use crate::operation::Throw;
use crate::scope::Scope;
use crate::state::functions::{Origin, PARAMETERS_MAX, Signature, ValueType};
use crate::state::{Served, State};
use crate::value::RawValue;
use crate::{Error, function};

/// Defines an import of the main module that JavaScript serves once it is bound.
pub(crate) fn define_import(
    linker: &mut Linker<State>,
    (module, name): (&str, &str),
    type_: FuncType,
    index: usize,
) -> Result<(), Error> {
    let signature = Signature::of(&type_);
    let label = format!("{module}.{name}");
    let call = move |mut caller: Caller<'_, State>, values: &mut [MaybeUninit<ValRaw>]| {
        let mut scope = Scope::of(&mut caller);
        match scope.state().imports.get(index).copied() {
            Some(Served::Function(handle)) => {
                // SAFETY: `signature` was made from `type_`, under which the linker calls this closure.
                unsafe { call_javascript(&mut scope, handle, &signature, values) }
            }
            Some(Served::Is(handle)) if signature.is_test() => {
                // SAFETY: as above, and that signature has an `externref` in the first place.
                unsafe { test_identity(&mut scope, handle, values) }
            }
            _ => Err(wasmtime::Error::msg(format!("the import {label} is served by nothing"))),
        }
    };
    // SAFETY: the closure reads and writes `values` by `type_` only.
    unsafe { linker.func_new_unchecked(module, name, type_, call) }?;
    Ok(())
}

/// A function of WebAssembly that calls a function of JavaScript.
pub(crate) fn host_function(scope: &mut Scope<'_>, handle: i32, type_: FuncType) -> Func {
    let signature = Signature::of(&type_);
    let call = move |mut caller: Caller<'_, State>, values: &mut [MaybeUninit<ValRaw>]| {
        let mut scope = Scope::of(&mut caller);
        // SAFETY: `signature` was made from `type_`, under which wasmtime calls this closure.
        unsafe { call_javascript(&mut scope, handle, &signature, values) }
    };
    // SAFETY: the closure reads and writes `values` by `type_` only.
    unsafe { Func::new_unchecked(&mut scope.store, type_, call) }
}

/// Answers whether the argument is the value of a handle.
///
/// # Safety
///
/// The first of `values` must hold an `externref`.
unsafe fn test_identity(
    scope: &mut Scope<'_>,
    handle: i32,
    values: &mut [MaybeUninit<ValRaw>],
) -> wasmtime::Result<()> {
    // SAFETY: by this function's contract the value is there; a `ValRaw` is plain bits.
    let raw = unsafe { values[0].assume_init() };
    let reference = ExternRef::from_raw(&mut scope.store, raw.get_externref());
    let same = scope.peek_externref(reference)? == scope.peek_handle(handle)?;
    values[0].write(ValRaw::i32(same.into()));
    Ok(())
}

/// Calls JavaScript from WebAssembly.
///
/// # Safety
///
/// `values` must hold values of the types in `signature.parameters`, and have room for its results.
unsafe fn call_javascript(
    scope: &mut Scope<'_>,
    handle: i32,
    signature: &Signature,
    values: &mut [MaybeUninit<ValRaw>],
) -> wasmtime::Result<()> {
    if !signature.crosses {
        scope.raise(Throw::type_error("a function of this type cannot call JavaScript"))?;
        return Err(throw_into_wasm(scope));
    }
    let javascript = scope.javascript()?;
    let count = u32::try_from(signature.parameters.len())?;
    let frame = scope.enter(count + 1)?;
    for (slot, type_) in (0..).zip(&signature.parameters) {
        // SAFETY: by this function's contract the value is there; a `ValRaw` is plain bits.
        let raw = unsafe { values[slot as usize].assume_init() };
        let value = to_js_value(scope, raw, *type_)?;
        scope.write_value(frame.slot(slot), value)?;
    }
    // The arguments are the engine's now: nothing of WebAssembly is in the host's hands.
    scope.collect_now_and_then()?;
    let result = frame.slot(count);
    let call = (handle, count.cast_signed(), frame.address, result);
    if javascript.call.call(&mut scope.store, call).map_err(Error::engine_stopped)? < 0 {
        scope.leave(frame)?;
        return Err(throw_into_wasm(scope));
    }
    let value = scope.read_value(result)?;
    match to_wasm_results(scope, value, &signature.results, values) {
        Ok(()) => scope.leave(frame),
        Err(throw) => {
            scope.raise(throw)?;
            scope.leave(frame)?;
            Err(throw_into_wasm(scope))
        }
    }
}

fn to_wasm_results(
    scope: &mut Scope<'_>,
    value: RawValue,
    results: &[ValueType],
    values: &mut [MaybeUninit<ValRaw>],
) -> Result<(), Throw> {
    match results {
        [] => scope.free(value)?,
        [ValueType::ExternRef] => {
            values[0].write(own_externref(scope, value)?);
        }
        [type_] => {
            let raw = to_wasm_value(scope, value, *type_);
            scope.free(value)?;
            values[0].write(raw?);
        }
        _ => {
            return Err(Throw::type_error(
                "a function with several results cannot be a JavaScript function",
            ));
        }
    }
    Ok(())
}

/// Calls the WebAssembly function `index` from JavaScript; negative when it threw.
pub(crate) fn call_wasm(
    scope: &mut Scope<'_>,
    index: u32,
    count: u32,
    arguments: u32,
    result: u32,
) -> wasmtime::Result<i32> {
    scope.collect_now_and_then()?;
    let outcome = if scope.state_mut().depth.enter() {
        let outcome = try_call_wasm(scope, index, count, arguments, result);
        scope.state_mut().depth.leave();
        outcome
    } else {
        Err(Throw::range_error(STACK_USED_UP))
    };
    match outcome {
        Ok(()) => Ok(0),
        Err(throw) => {
            scope.raise(throw)?;
            Ok(-1)
        }
    }
}

fn try_call_wasm(
    scope: &mut Scope<'_>,
    index: u32,
    count: u32,
    arguments: u32,
    result: u32,
) -> Result<(), Throw> {
    let Some((function, signature)) = function::at(scope, index) else {
        return Err(Throw::type_error(format!("no function has the index {index}")));
    };
    let width = signature.parameters.len().max(signature.results.len());
    if !signature.crosses {
        return Err(Throw::type_error("a function of this type cannot be called from JavaScript"));
    }
    let mut values = [ValRaw::i32(0); PARAMETERS_MAX];
    let mut references: Vec<(usize, wasmtime::Rooted<ExternRef>)> = Vec::new();
    for (place, type_) in signature.parameters.iter().enumerate() {
        let slot = u32::try_from(place).unwrap_or(u32::MAX);
        let value = if slot < count {
            scope.read_value(arguments.wrapping_add(slot * RawValue::BYTES))?
        } else {
            RawValue::UNDEFINED
        };
        if *type_ == ValueType::ExternRef {
            // Rooted until the call: making the next argument can collect.
            let value = scope.retain(value)?;
            match scope.to_externref(value)? {
                Some(reference) => references.push((place, reference)),
                None => values[place] = ValRaw::externref(0),
            }
        } else {
            values[place] = to_wasm_value(scope, value, *type_)?;
        }
    }
    for (place, reference) in references {
        values[place] = ValRaw::externref(reference.to_raw(&mut scope.store)?);
    }
    // SAFETY: `values` holds, by type, what the function's own signature asks for, and has room for its result;
    // the store is not on a fiber, because this workspace builds wasmtime without `async`.
    let outcome = unsafe {
        function.call_unchecked(scope.store.as_context_mut(), &raw mut values[..width.max(1)])
    };
    if let Err(error) = outcome {
        return Err(throw_into_javascript(scope, error));
    }
    if let [type_] = signature.results[..] {
        let value = to_js_value(scope, values[0], type_)?;
        scope.write_value(result, value)?;
    }
    Ok(())
}

/// `ToJSValue`: the value has a reference of its own.
fn to_js_value(scope: &mut Scope<'_>, raw: ValRaw, type_: ValueType) -> wasmtime::Result<RawValue> {
    Ok(match type_ {
        ValueType::I32 => RawValue::integer(raw.get_i32()),
        ValueType::I64 => scope.new_bigint64(raw.get_i64())?,
        ValueType::F32 => RawValue::number(f32::from_bits(raw.get_f32()).into()),
        ValueType::F64 => RawValue::number(f64::from_bits(raw.get_f64())),
        ValueType::ExternRef => {
            let reference = ExternRef::from_raw(&mut scope.store, raw.get_externref());
            scope.from_externref(reference)?
        }
        ValueType::FuncRef => {
            // SAFETY: the reference came out of this store's own WebAssembly just now.
            let function = unsafe { Func::from_raw(&mut scope.store, raw.get_funcref()) };
            match function {
                Some(function) => function::to_javascript(scope, function, Origin::Unknown)?,
                None => RawValue::NULL,
            }
        }
        ValueType::Opaque => {
            return Err(wasmtime::Error::msg("a value that JavaScript cannot take"));
        }
    })
}

/// `ToWebAssemblyValue` for types other than `externref`. Borrows the value.
fn to_wasm_value(
    scope: &mut Scope<'_>,
    value: RawValue,
    type_: ValueType,
) -> Result<ValRaw, Throw> {
    Ok(match type_ {
        ValueType::I32 => ValRaw::i32(scope.to_int32(value)?),
        ValueType::I64 => ValRaw::i64(scope.to_bigint64(value)?),
        #[expect(clippy::cast_possible_truncation, reason = "an f32 parameter rounds its argument")]
        ValueType::F32 => ValRaw::f32((scope.to_number(value)? as f32).to_bits()),
        ValueType::F64 => ValRaw::f64(scope.to_number(value)?.to_bits()),
        ValueType::FuncRef if value == RawValue::NULL => ValRaw::funcref(std::ptr::null_mut()),
        ValueType::FuncRef => match function::from_javascript(scope, value)? {
            Some((_, function)) => ValRaw::funcref(function.to_raw(&mut scope.store)),
            None => return Err(Throw::type_error("not a WebAssembly function")),
        },
        ValueType::ExternRef | ValueType::Opaque => {
            return Err(Throw::type_error("a value that JavaScript cannot give"));
        }
    })
}

/// Gives a value, which is taken over, to WebAssembly as a result.
fn own_externref(scope: &mut Scope<'_>, value: RawValue) -> Result<ValRaw, Throw> {
    let reference = scope.to_externref(value)?;
    Ok(ValRaw::externref(match reference {
        Some(reference) => reference.to_raw(&mut scope.store)?,
        None => 0,
    }))
}
