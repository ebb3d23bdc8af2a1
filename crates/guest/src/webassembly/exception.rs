//! `WebAssembly.Exception`.

use std::sync::Arc;

use wasmtime::{ExnRef, ExnRefPre, ExnType, OwnedRooted, Tag, Val};

use crate::exception::to_javascript;
use crate::function;
use crate::operation::{Call, Output, OutputValue, Throw};
use crate::scope::HostObject;
use crate::state::functions::Origin;
use crate::value::RawValue;
use crate::webassembly::entity::entity;
use crate::webassembly::global;

/// Takes the prototype that all exceptions share.
pub(super) fn prototype(call: &mut Call<'_>) -> Result<Output, Throw> {
    let value = call.raw(0)?;
    let javascript = call.scope.javascript()?;
    call.scope.with_frame::<_, Throw>(1, |scope, frame| {
        scope.write_value(frame.address, value)?;
        Ok(javascript.host_object_prototype.call(&mut scope.store, frame.address)?)
    })?;
    Ok(Output::Undefined)
}

/// `new Exception(tag, payload)`.
pub(super) fn new(call: &mut Call<'_>) -> Result<Output, Throw> {
    let tag = entity(call, 0, |entities| &entities.tags, "tag")?.tag;
    let type_ = tag.ty(&call.scope.store);
    let (given, parameters) = (call.count().saturating_sub(1) as usize, type_.ty().params().len());
    if given != parameters {
        return Err(Throw::type_error(format!(
            "the payload has {given} values, the tag has {parameters} parameters"
        )));
    }
    let mut payload = Vec::new();
    for (argument, parameter) in (1..).zip(type_.ty().params()) {
        payload.push(global::to_val(call, argument, &parameter)?);
    }
    let store = &mut call.scope.store;
    let allocator = Arc::new(ExnRefPre::new(&mut *store, ExnType::from_tag_type(&type_)?));
    let exception =
        ExnRef::new(&mut *store, &allocator, &tag, &payload)?.to_owned_rooted(&mut *store)?;
    let value = to_javascript(&mut call.scope, exception)?;
    Ok(Output::Value(OutputValue(value)))
}

fn exception(call: &mut Call<'_>) -> Result<OwnedRooted<ExnRef>, Throw> {
    let value = call.raw(0)?;
    let index = call.scope.host_object_index(HostObject::Exception, value)?;
    index
        .and_then(|index| call.scope.state().exceptions.held(index))
        .ok_or_else(|| Throw::type_error("not a WebAssembly.Exception"))
}

/// `exception.is(tag)`.
pub(super) fn is(call: &mut Call<'_>) -> Result<Output, Throw> {
    let exception = exception(call)?;
    let tag = entity(call, 1, |entities| &entities.tags, "tag")?.tag;
    let own = exception.to_rooted(&mut call.scope.store).tag(&mut call.scope.store)?;
    Ok(Output::Boolean(Tag::eq(&own, &tag, &call.scope.store)))
}

/// `exception.getArg(tag, index)`.
pub(super) fn argument(call: &mut Call<'_>) -> Result<Output, Throw> {
    let Output::Boolean(true) = is(call)? else {
        return Err(Throw::type_error("the exception has another tag"));
    };
    let exception = exception(call)?.to_rooted(&mut call.scope.store);
    let index = call.unsigned(2)? as usize;
    let scope = &mut call.scope;
    let field = exception.field(&mut scope.store, index);
    let value = match field
        .map_err(|_| Throw::range_error(format!("the exception has no argument {index}")))?
    {
        Val::I32(value) => RawValue::integer(value),
        Val::I64(value) => scope.new_bigint64(value)?,
        Val::F32(bits) => RawValue::number(f32::from_bits(bits).into()),
        Val::F64(bits) => RawValue::number(f64::from_bits(bits)),
        Val::ExternRef(reference) => scope.from_externref(reference)?,
        Val::FuncRef(Some(function)) => function::to_javascript(scope, function, Origin::Unknown)?,
        Val::FuncRef(None) => RawValue::NULL,
        _ => return Err(Throw::type_error("an argument that JavaScript cannot take")),
    };
    Ok(Output::Value(OutputValue(value)))
}
