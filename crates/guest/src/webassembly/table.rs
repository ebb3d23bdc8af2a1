//! `WebAssembly.Table`.

use wasmtime::{Func, Ref, RefType, Table, TableType, ValType};

use crate::function;
use crate::operation::{Call, Output, OutputValue, Throw};
use crate::value::{Kind, RawValue};
use crate::webassembly::{add, entity, value_type};

/// Elements of a table, at most (JavaScript interface, "Limits").
const LENGTH_MAX: u32 = 10_000_000;

/// `new Table(descriptor, value)`: element, initial, maximum or -1, value.
pub(super) fn new(call: &mut Call<'_>) -> Result<Output, Throw> {
    let name = call.text(0)?;
    let ValType::Ref(element) = value_type(&name)? else {
        return Err(Throw::type_error(format!("a table cannot hold `{name}`")));
    };
    let initial = call.unsigned(1)?;
    let maximum = u32::try_from(call.integer(2)?).ok();
    if initial > LENGTH_MAX || maximum.is_some_and(|maximum| maximum < initial) {
        return Err(Throw::range_error(format!("a table of {initial} elements cannot be made")));
    }
    let value = self::element(call, &element, 3)?;
    let table = Table::new(&mut call.scope.store, TableType::new(element, initial, maximum), value)
        .map_err(|error| Throw::range_error(format!("WebAssembly.Table: {error}")))?;
    add(&mut call.scope.state_mut().entities.tables, table).map(Output::from)
}

fn table(call: &mut Call<'_>) -> Result<Table, Throw> {
    entity(call, 0, |entities| &entities.tables, "table")
}

/// `length`.
pub(super) fn length(call: &mut Call<'_>) -> Result<Output, Throw> {
    let table = table(call)?;
    #[expect(clippy::cast_precision_loss, reason = "a length is far below 2^53")]
    let length = table.size(&call.scope.store) as f64;
    Ok(Output::Number(length))
}

/// `get(index)`.
pub(super) fn get(call: &mut Call<'_>) -> Result<Output, Throw> {
    let table = table(call)?;
    let index = call.unsigned(1)?;
    let value = match table.get(&mut call.scope.store, index.into()) {
        Some(Ref::Func(Some(function))) => function::to_javascript(&mut call.scope, function)?,
        Some(Ref::Extern(reference)) => call.scope.from_externref(reference)?,
        Some(Ref::Func(None)) => RawValue::NULL,
        Some(_) => return Err(Throw::type_error("an element that JavaScript cannot take")),
        None => {
            return Err(Throw::range_error(format!("WebAssembly.Table.get(): no element {index}")));
        }
    };
    Ok(Output::Value(OutputValue(value)))
}

/// `set(index, value)`.
pub(super) fn set(call: &mut Call<'_>) -> Result<Output, Throw> {
    let table = table(call)?;
    let index = call.unsigned(1)?;
    let type_ = table.ty(&call.scope.store).element().clone();
    let element = element(call, &type_, 2)?;
    table
        .set(&mut call.scope.store, index.into(), element)
        .map_err(|_| Throw::range_error(format!("WebAssembly.Table.set(): no element {index}")))?;
    Ok(Output::Undefined)
}

/// `grow(delta, value)`; the length before.
pub(super) fn grow(call: &mut Call<'_>) -> Result<Output, Throw> {
    let table = table(call)?;
    let delta = call.unsigned(1)?;
    let length = table.size(&call.scope.store);
    if length.saturating_add(delta.into()) > LENGTH_MAX.into() {
        return Err(Throw::range_error(format!(
            "WebAssembly.Table.grow(): {delta} elements more are too many"
        )));
    }
    let type_ = table.ty(&call.scope.store).element().clone();
    let element = element(call, &type_, 2)?;
    let before = table
        .grow(&mut call.scope.store, delta.into(), element)
        .map_err(|error| Throw::range_error(format!("WebAssembly.Table.grow(): {error}")))?;
    Ok(u32::try_from(before).unwrap_or(u32::MAX).into())
}

/// An argument as an element of a table.
fn element(call: &mut Call<'_>, type_: &RefType, argument: u32) -> Result<Ref, Throw> {
    let value = call.raw(argument)?;
    if RefType::eq(type_, &RefType::EXTERNREF) {
        let value = call.scope.retain(value)?;
        return Ok(Ref::Extern(call.scope.to_externref(value)?));
    }
    if argument >= call.count() || matches!(value.kind(), Kind::Null) {
        return Ok(Ref::Func(None));
    }
    let function: Option<Func> = function::from_javascript(&mut call.scope, value)?;
    match function {
        Some(function) => Ok(Ref::Func(Some(function))),
        None => Err(Throw::type_error("WebAssembly.Table: not a WebAssembly function")),
    }
}
