//! `WebAssembly.Tag`.

use wasmtime::{FuncType, Tag, TagType};

use crate::operation::{Call, Output, Throw};
use crate::webassembly::{add, value_type};

/// `new Tag(type)`: the parameters' types, with commas between.
pub(super) fn new(call: &mut Call<'_>) -> Result<Output, Throw> {
    let names = call.text(0)?;
    let parameters = names
        .split(',')
        .filter(|name| !name.is_empty())
        .map(value_type)
        .collect::<Result<Vec<_>, _>>()?;
    let engine = call.scope.state().program.engine.clone();
    let type_ = TagType::new(FuncType::new(&engine, parameters, []));
    let tag = Tag::new(&mut call.scope.store, &type_)?;
    add(&mut call.scope.state_mut().entities.tags, tag).map(Output::from)
}

/// `WebAssembly.JSTag`.
pub(super) fn javascript(call: &mut Call<'_>) -> Result<Output, Throw> {
    let tag = call.scope.state().exceptions.javascript_tag()?.tag;
    add(&mut call.scope.state_mut().entities.tags, tag).map(Output::from)
}
