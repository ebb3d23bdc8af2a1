//! `WebAssembly.Table`.

use wasmtime::{Ref, RefType, Table, TableType, ValType};

use crate::function;
use crate::limits::ELEMENT_BYTES;
use crate::operation::{Call, Output, OutputValue, Throw};
use crate::state::entities::{Places, TableEntity, TableOrigin};
use crate::state::functions::Origin;
use crate::value::{Kind, RawValue};
use crate::webassembly::entity::{ENTITY_BYTES, add, count, entity, value_type};
use crate::webassembly::window;

/// Elements of a table, at most (JavaScript interface, "Limits").
const LENGTH_MAX: u32 = 10_000_000;

/// A table with the first elements of a new one: element, their number, that of all, maximum or -1, value.
pub(super) fn new(call: &mut Call<'_>) -> Result<Output, Throw> {
    let name = call.text(0)?;
    let ValType::Ref(element) = value_type(&name)? else {
        return Err(Throw::type_error(format!("a table cannot hold `{name}`")));
    };
    let (initial, length) = (call.unsigned(1)?, call.unsigned(2)?);
    let maximum = u32::try_from(call.integer(3)?).ok();
    let is_too_long = length > LENGTH_MAX || maximum.is_some_and(|maximum| maximum < length);
    if is_too_long || !has_room(call, length)? {
        return Err(Throw::range_error(format!("a table of {length} elements cannot be made")));
    }
    count(call, ENTITY_BYTES)?;
    let (value, _) = self::element(call, &element, 4)?;
    let table = Table::new(&mut call.scope.store, TableType::new(element, initial, maximum), value)
        .map_err(|error| Throw::range_error(format!("WebAssembly.Table: {error}")))?;
    let entity = TableEntity { table, origin: TableOrigin::Own };
    add(&mut call.scope.state_mut().entities.tables, entity).map(Output::from)
}

/// Whether there is room for so many elements, which are then made in slices.
fn has_room(call: &mut Call<'_>, elements: u32) -> Result<bool, Throw> {
    let bytes = (elements as usize).saturating_mul(ELEMENT_BYTES);
    if !call.scope.host_memory().has_room(bytes) {
        call.scope.collect()?;
    }
    Ok(call.scope.host_memory().has_room(bytes))
}

/// The table that the first argument names, and whether it is the main module's function table.
fn table(call: &mut Call<'_>) -> Result<(Table, bool), Throw> {
    let entity = entity(call, 0, |entities| &entities.tables, "table")?;
    Ok((entity.table, entity.is_main()))
}

/// `length`.
pub(super) fn length(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (table, _) = table(call)?;
    #[expect(clippy::cast_precision_loss, reason = "a length is far below 2^53")]
    let length = table.size(&call.scope.store) as f64;
    Ok(Output::Number(length))
}

/// `get(index)`.
pub(super) fn get(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (table, is_main) = table(call)?;
    let index = call.unsigned(1)?;
    let value = match table.get(&mut call.scope.store, index.into()) {
        Some(Ref::Func(Some(function))) => {
            let origin = if is_main { Origin::Element(index) } else { Origin::Unknown };
            function::to_javascript(&mut call.scope, function, origin)?
        }
        Some(Ref::Extern(reference)) => call.scope.from_externref(reference)?,
        Some(Ref::Func(None)) => RawValue::NULL,
        Some(_) => return Err(Throw::type_error("an element that JavaScript cannot take")),
        None => {
            return Err(Throw::range_error(format!("WebAssembly.Table.get(): no element {index}")));
        }
    };
    Ok(Output::Value(OutputValue(value)))
}

/// `wasm_table_find(table, function)`: the first element of the main module's table that is a function; `undefined` when
/// none is.
pub(super) fn find(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (table, is_main) = table(call)?;
    let value = call.raw(1)?;
    let found = function::from_javascript(&mut call.scope, value)?;
    let Some((_, function)) = found.filter(|_| is_main) else { return Ok(Output::Undefined) };
    let scope = &mut call.scope;
    let address = function.to_raw(&mut scope.store) as usize;
    let mut places = std::mem::take(&mut scope.state_mut().entities.places);
    let mut place = places.of.get(&address).copied();
    if let Some(known) = place {
        let element = table.get(&mut scope.store, known.into());
        if window::element(scope, element.as_ref()) != address {
            (places, place) = (Places::default(), None);
        }
    }
    let length = u32::try_from(table.size(&scope.store)).unwrap_or(u32::MAX);
    for index in places.seen..length {
        let element = table.get(&mut scope.store, index.into());
        let element = window::element(scope, element.as_ref());
        if element != 0 {
            places.of.entry(element).or_insert(index);
        }
    }
    places.seen = length;
    place = place.or_else(|| places.of.get(&address).copied());
    scope.state_mut().entities.places = places;
    Ok(place.map_or(Output::Undefined, Output::from))
}

/// `set(index, value)`.
pub(super) fn set(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (table, is_main) = table(call)?;
    let index = call.unsigned(1)?;
    let type_ = table.ty(&call.scope.store).element().clone();
    let (element, function) = element(call, &type_, 2)?;
    if is_main {
        function::find_known(&mut call.scope);
    }
    table
        .set(&mut call.scope.store, index.into(), element)
        .map_err(|_| Throw::range_error(format!("WebAssembly.Table.set(): no element {index}")))?;
    if is_main {
        let entities = &mut call.scope.state_mut().entities;
        entities.elements.insert(index, function);
        entities.places.seen = entities.places.seen.min(index);
    }
    Ok(Output::Undefined)
}

/// A slice of `grow(delta, value)`, where so many are left with it: table, elements, those left, value. The length before.
pub(super) fn grow(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (table, is_main) = table(call)?;
    let (delta, left) = (call.unsigned(1)?, call.unsigned(2)?);
    let length = table.size(&call.scope.store).saturating_add(left.into());
    let type_ = table.ty(&call.scope.store);
    let maximum = type_.maximum().unwrap_or(u64::MAX).min(LENGTH_MAX.into());
    if length > maximum || !has_room(call, left)? {
        return Err(Throw::range_error(format!(
            "WebAssembly.Table.grow(): {left} elements more are too many"
        )));
    }
    let (element, function) = element(call, type_.element(), 3)?;
    let before = table
        .grow(&mut call.scope.store, delta.into(), element)
        .map_err(|error| Throw::range_error(format!("WebAssembly.Table.grow(): {error}")))?;
    let before = u32::try_from(before).unwrap_or(u32::MAX);
    if let (true, Some(function)) = (is_main, function) {
        let grown = (before..before + delta).map(|index| (index, Some(function)));
        call.scope.state_mut().entities.elements.extend(grown);
    }
    Ok(before.into())
}

/// An argument as an element of a table, with the function's index if it is one.
fn element(
    call: &mut Call<'_>,
    type_: &RefType,
    argument: u32,
) -> Result<(Ref, Option<u32>), Throw> {
    let value = call.raw(argument)?;
    if RefType::eq(type_, &RefType::EXTERNREF) {
        let value = call.scope.retain(value)?;
        return Ok((Ref::Extern(call.scope.to_externref(value)?), None));
    }
    if argument >= call.count() || matches!(value.kind(), Kind::Null) {
        return Ok((Ref::Func(None), None));
    }
    match function::from_javascript(&mut call.scope, value)? {
        Some((index, function)) => Ok((Ref::Func(Some(function)), Some(index))),
        None => Err(Throw::type_error("WebAssembly.Table: not a WebAssembly function")),
    }
}
