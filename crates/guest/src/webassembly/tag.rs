//! `WebAssembly.Tag`.

use wasmtime::{Engine, FuncType, Tag, TagType};

use crate::operation::{Call, Output, Throw};
use crate::state::entities::{TagEntity, TagOrigin};
use crate::webassembly::entity::{ENTITY_BYTES, add, count, value_type};

/// `new Tag(type)`: the parameters' types, with commas between.
pub(super) fn new(call: &mut Call<'_>) -> Result<Output, Throw> {
    let names = call.text(0)?;
    let engine = call.scope.state().program.engine.clone();
    count(call, ENTITY_BYTES + names.len())?;
    let type_ = type_of(&engine, &names)?;
    let tag = Tag::new(&mut call.scope.store, &type_)?;
    let entity = TagEntity { tag, origin: TagOrigin::Own(names) };
    add(&mut call.scope.state_mut().entities.tags, entity).map(Output::from)
}

/// `WebAssembly.JSTag`.
pub(super) fn javascript(call: &mut Call<'_>) -> Result<Output, Throw> {
    let tag = call.scope.state().exceptions.javascript_tag()?.tag;
    let entity = TagEntity { tag, origin: TagOrigin::JavaScript };
    add(&mut call.scope.state_mut().entities.tags, entity).map(Output::from)
}

/// The type of a tag with these parameters, with commas between.
pub(crate) fn type_of(engine: &Engine, names: &str) -> Result<TagType, Throw> {
    let parameters = names
        .split(',')
        .filter(|name| !name.is_empty())
        .map(value_type)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(TagType::new(FuncType::new(engine, parameters, [])))
}
