//! `WebAssembly.Global`.

use wasmtime::{Global, GlobalType, Mutability, Ref, Val, ValType};

use crate::function;
use crate::operation::{Call, Output, OutputValue, Throw};
use crate::value::RawValue;
use crate::webassembly::{add, entity, value_type};

/// `new Global(descriptor, value)`: value type, mutable, value.
pub(super) fn new(call: &mut Call<'_>) -> Result<Output, Throw> {
    let name = call.text(0)?;
    let type_ = value_type(&name)?;
    let mutability = if call.boolean(1)? { Mutability::Var } else { Mutability::Const };
    let value = to_val(call, 2, &type_)?;
    let global = Global::new(&mut call.scope.store, GlobalType::new(type_, mutability), value)?;
    add(&mut call.scope.state_mut().entities.globals, global).map(Output::from)
}

fn global(call: &mut Call<'_>) -> Result<Global, Throw> {
    entity(call, 0, |entities| &entities.globals, "global")
}

/// `value`.
pub(super) fn get(call: &mut Call<'_>) -> Result<Output, Throw> {
    let global = global(call)?;
    let scope = &mut call.scope;
    let value = match global.get(&mut scope.store) {
        Val::I32(value) => RawValue::integer(value),
        Val::I64(value) => scope.new_bigint64(value)?,
        Val::F32(bits) => RawValue::number(f32::from_bits(bits).into()),
        Val::F64(bits) => RawValue::number(f64::from_bits(bits)),
        Val::ExternRef(reference) => scope.from_externref(reference)?,
        Val::FuncRef(Some(function)) => function::to_javascript(scope, function)?,
        Val::FuncRef(None) => RawValue::NULL,
        _ => return Err(Throw::type_error("a global that JavaScript cannot read")),
    };
    Ok(Output::Value(OutputValue(value)))
}

/// `value = …`.
pub(super) fn set(call: &mut Call<'_>) -> Result<Output, Throw> {
    let global = global(call)?;
    let type_ = global.ty(&call.scope.store).content().clone();
    let value = to_val(call, 1, &type_)?;
    global
        .set(&mut call.scope.store, value)
        .map_err(|_| Throw::type_error("WebAssembly.Global: the global is immutable"))?;
    Ok(Output::Undefined)
}

/// `ToWebAssemblyValue` of an argument; a missing one is the type's default.
pub(super) fn to_val(call: &mut Call<'_>, argument: u32, type_: &ValType) -> Result<Val, Throw> {
    let raw = call.raw(argument)?;
    if raw == RawValue::UNDEFINED && !type_.is_ref() {
        return Ok(Val::default_for_ty(type_).unwrap_or(Val::I32(0)));
    }
    Ok(match type_ {
        ValType::I32 => Val::I32(call.integer(argument)?),
        ValType::I64 => Val::I64(call.scope.to_bigint64(raw)?),
        #[expect(clippy::cast_possible_truncation, reason = "an f32 rounds")]
        ValType::F32 => Val::F32((call.number(argument)? as f32).to_bits()),
        ValType::F64 => Val::F64(call.number(argument)?.to_bits()),
        ValType::Ref(reference) if reference.heap_type().is_extern() => {
            let value = call.scope.retain(raw)?;
            Val::ExternRef(call.scope.to_externref(value)?)
        }
        ValType::Ref(reference) if reference.heap_type().is_func() => {
            match function::from_javascript(&mut call.scope, raw)? {
                Some(function) => Val::FuncRef(Some(function)),
                None if raw == RawValue::NULL || argument >= call.count() => Ref::Func(None).into(),
                None => {
                    return Err(Throw::type_error(
                        "WebAssembly.Global: not a WebAssembly function",
                    ));
                }
            }
        }
        other => {
            return Err(Throw::type_error(format!(
                "JavaScript cannot give a value of type {other}"
            )));
        }
    })
}
