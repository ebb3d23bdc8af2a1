//! What the entities of all kinds have in common: how many there may be, their numbers, the names of types.

use wasmtime::{RefType, ValType};

use crate::operation::{Call, Throw};
use crate::state::entities::Entities;

/// Entities of one kind that an isolate may have.
pub(super) const ENTITIES_MAX: usize = 1 << 20;

/// Bytes of the host that a table or a tag takes for as long as the isolate lives, about: wasmtime makes an instance
/// for each.
pub(super) const ENTITY_BYTES: usize = 2 << 10;

/// Counts the bytes of a new table, global or tag.
pub(super) fn count(call: &mut Call<'_>, bytes: usize) -> Result<(), Throw> {
    Ok(call.scope.hold_for_good(bytes, "a WebAssembly entity")?)
}

/// Adds an entity and returns its place.
pub(super) fn add<T>(entities: &mut Vec<T>, entity: T) -> Result<u32, Throw> {
    if entities.len() >= ENTITIES_MAX {
        return Err(Throw::range_error(format!(
            "an isolate has {ENTITIES_MAX} WebAssembly entities of a kind at most"
        )));
    }
    entities.push(entity);
    u32::try_from(entities.len() - 1)
        .map_err(|_| Throw::range_error("too many WebAssembly entities"))
}

/// The place of an argument that names an entity.
pub(super) fn entity<T: Clone>(
    call: &mut Call<'_>,
    index: u32,
    of: fn(&Entities) -> &[T],
    kind: &str,
) -> Result<T, Throw> {
    let place = call.unsigned(index)?;
    let found = of(&call.scope.state().entities).get(place as usize).cloned();
    found.ok_or_else(|| Throw::type_error(format!("no {kind} has the number {place}")))
}

/// A type by its name in the standard (`ValueType`, `TableKind`).
pub(super) fn value_type(name: &str) -> Result<ValType, Throw> {
    Ok(match name {
        "i32" => ValType::I32,
        "i64" => ValType::I64,
        "f32" => ValType::F32,
        "f64" => ValType::F64,
        "externref" => ValType::Ref(RefType::EXTERNREF),
        "anyfunc" | "funcref" => ValType::Ref(RefType::FUNCREF),
        name => {
            return Err(Throw::type_error(format!("WebAssembly has no value type `{name}` here")));
        }
    })
}
