//! `WebAssembly.Global`.

use wasmtime::{Global, GlobalType, Mutability, Ref, Val, ValType};

use crate::function;
use crate::operation::{Call, Output, OutputValue, Throw};
use crate::scope::Scope;
use crate::state::entities::GlobalOrigin;
use crate::state::functions::Origin;
use crate::value::RawValue;
use crate::webassembly::entity::{ENTITIES_MAX, count, value_type};

/// Bytes of the host that a global takes for as long as the isolate lives, about.
const GLOBAL_BYTES: usize = 512;

/// `new Global(descriptor, value)`: value type, mutable, value.
pub(super) fn new(call: &mut Call<'_>) -> Result<Output, Throw> {
    let name = call.text(0)?;
    let type_ = value_type(&name)?;
    let mutability = if call.boolean(1)? { Mutability::Var } else { Mutability::Const };
    count(call, GLOBAL_BYTES)?;
    let value = to_val(call, 2, &type_)?;
    let type_ = GlobalType::new(type_, mutability);
    let global = Global::new(&mut call.scope.store, type_.clone(), value)?;
    add(&mut call.scope, global, GlobalOrigin::Own(type_, None)).map(Output::from)
}

fn global(call: &mut Call<'_>) -> Result<Global, Throw> {
    argument(call, 0).map(|(_, global)| global)
}

/// The global that an argument names, and its number.
pub(super) fn argument(call: &mut Call<'_>, index: u32) -> Result<(u32, Global), Throw> {
    let number = call.unsigned(index)?;
    let found = at(&mut call.scope, number);
    found
        .map(|global| (number, global))
        .ok_or_else(|| Throw::type_error(format!("no global has the number {number}")))
}

/// Adds a global; its number.
pub(super) fn add(
    scope: &mut Scope<'_>,
    global: Global,
    origin: GlobalOrigin,
) -> Result<u32, Throw> {
    let globals = &mut scope.state_mut().entities.globals;
    let number = globals.known.len() + globals.added.len();
    if number >= ENTITIES_MAX {
        return Err(Throw::range_error(format!(
            "an isolate has {ENTITIES_MAX} WebAssembly entities of a kind at most"
        )));
    }
    globals.added.push(origin);
    let number = u32::try_from(number).map_err(|_| Throw::range_error("too many globals"))?;
    globals.found.insert(number, global);
    Ok(number)
}

/// The global with a number.
pub(crate) fn at(scope: &mut Scope<'_>, number: u32) -> Option<Global> {
    let globals = &scope.state().entities.globals;
    if let Some(global) = globals.found.get(&number) {
        return Some(*global);
    }
    let origin = globals.known.get(number as usize)?.clone();
    let global = match origin {
        GlobalOrigin::Import(place) => imported(scope, place as usize)?,
        GlobalOrigin::Main(name) => {
            let main = scope.linked().ok()?.main;
            main.get_global(&mut scope.store, &name)?
        }
        GlobalOrigin::Instance(place, name) => {
            let instance = *scope.state().entities.instances.get(place as usize)?;
            instance.get_global(&mut scope.store, &name)?
        }
        GlobalOrigin::Own(type_, bits) => {
            let value = from_bits(type_.content(), bits.unwrap_or_default())?;
            Global::new(&mut scope.store, type_, value).ok()?
        }
    };
    scope.state_mut().entities.globals.found.insert(number, global);
    Some(global)
}

/// The global that the main module has in place of one that it imports.
pub(crate) fn imported(scope: &mut Scope<'_>, place: usize) -> Option<Global> {
    let export = scope.state().program.imports.get(place)?.global?;
    let main = scope.linked().ok()?.main;
    main.get_module_export(&mut scope.store, &export)?.into_global()
}

/// A number of a type from its bits.
pub(crate) fn from_bits(type_: &ValType, bits: u64) -> Option<Val> {
    let [low, _] = [(bits & 0xffff_ffff), bits >> 32];
    let low = u32::try_from(low).ok()?;
    match type_ {
        ValType::I32 => Some(Val::I32(low.cast_signed())),
        ValType::I64 => Some(Val::I64(bits.cast_signed())),
        ValType::F32 => Some(Val::F32(low)),
        ValType::F64 => Some(Val::F64(bits)),
        _ => None,
    }
}

/// The bits of a number.
pub(crate) fn to_bits(value: &Val) -> Option<u64> {
    match value {
        Val::I32(value) => Some(value.cast_unsigned().into()),
        Val::I64(value) => Some(value.cast_unsigned()),
        Val::F32(bits) => Some((*bits).into()),
        Val::F64(bits) => Some(*bits),
        _ => None,
    }
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
        Val::FuncRef(Some(function)) => function::to_javascript(scope, function, Origin::Unknown)?,
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
                Some((_, function)) => Val::FuncRef(Some(function)),
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
