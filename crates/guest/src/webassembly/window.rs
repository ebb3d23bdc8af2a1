//! Modules of a worker, whose memory is a window of the isolate's (`link/src/window.rs`): what the host does for them.

use taipan_link::{WINDOW_DATA_PREFIX, WINDOW_MODULE, WINDOW_START};
use wasmparser::{Parser, Payload};
use wasmtime::{Extern, Instance, Ref, Val};

use crate::compiled::CompiledModule;
use crate::exception::throw_into_javascript;
use crate::operation::{Call, Output, OutputValue, Throw};
use crate::scope::Scope;
use crate::state::entities::Element;

/// `wasm_window(buffer, length)`: a buffer for a window; in the place of `buffer`, if there is one.
pub(super) fn buffer(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (buffer, length) = (call.raw(0)?, call.unsigned(1)?);
    let javascript = call.scope.javascript()?;
    let value = call.scope.with_frame::<_, Throw>(2, |scope, frame| {
        scope.write_value(frame.address, buffer)?;
        let made = javascript.window.call(&mut scope.store, (frame.address, length, frame.slot(1)));
        if made? < 0 {
            return Err(Throw::Pending);
        }
        Ok(scope.read_value(frame.slot(1))?)
    })?;
    Ok(Output::Value(OutputValue(value)))
}

/// `wasm_address(buffer)`: where its bytes are.
pub(super) fn address(call: &mut Call<'_>) -> Result<Output, Throw> {
    Ok(call.byte_range(0)?.0.into())
}

/// Writes the data of a module into the window of an instance, and calls its start function ("instantiate a module",
/// core specification, 4.7.2, its last steps). Does nothing for other modules.
pub(super) fn initialise(
    scope: &mut Scope<'_>,
    compiled: &CompiledModule,
    instance: Instance,
    imports: &[Extern],
) -> Result<(), Throw> {
    for (number, data) in (0_u32..).zip(segments(&compiled.bytes)) {
        let name = format!("{WINDOW_DATA_PREFIX}{number}");
        let Some(place) = instance.get_func(&mut scope.store, &name) else { continue };
        let place = place.typed::<(), u32>(&scope.store)?.call(&mut scope.store, ());
        let place = place.map_err(|error| throw_into_javascript(scope, error))?;
        let (Some(base), Some(length)) = (
            number_of(scope, compiled, imports, "base:"),
            number_of(scope, compiled, imports, "length"),
        ) else {
            continue;
        };
        if u64::from(place) + data.len() as u64 > length {
            return Err(Throw::error(
                "WebAssembly.RuntimeError",
                format!("data segment {number} is out of bounds of the memory"),
            ));
        }
        scope.write(u32::try_from(base).unwrap_or(u32::MAX).saturating_add(place), data)?;
    }
    let Some(start) = instance.get_func(&mut scope.store, WINDOW_START) else { return Ok(()) };
    start.call(&mut scope.store, &[], &mut []).map_err(|error| throw_into_javascript(scope, error))
}

/// The data segments of a module.
fn segments(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let section = Parser::new(0).parse_all(bytes).find_map(|payload| match payload {
        Ok(Payload::DataSection(section)) => Some(section),
        _ => None,
    });
    section.into_iter().flatten().filter_map(|segment| Some(segment.ok()?.data))
}

/// What an imported global of the window holds, whose name begins so.
fn number_of(
    scope: &mut Scope<'_>,
    compiled: &CompiledModule,
    imports: &[Extern],
    name: &str,
) -> Option<u64> {
    let is_it = |import: &wasmtime::ImportType<'_>| {
        import.module() == WINDOW_MODULE && import.name().starts_with(name)
    };
    let place = compiled.module.imports().position(|import| is_it(&import))?;
    match imports.get(place)?.clone().into_global()?.get(&mut scope.store) {
        Val::I32(value) => Some(value.cast_unsigned().into()),
        Val::I64(value) => Some(value.cast_unsigned()),
        _ => None,
    }
}

/// What is in the tables that a new instance has of its own, by their exports; nothing of those of references.
pub(crate) fn elements<'a>(
    scope: &mut Scope<'_>,
    instance: Instance,
    exports: impl Iterator<Item = &'a str>,
) -> Vec<(String, Vec<Element>)> {
    let mut tables = Vec::new();
    for export in exports {
        let Some(table) = instance.get_table(&mut scope.store, export) else { continue };
        let mut elements = Vec::new();
        if table.ty(&scope.store).element().heap_type().is_func() {
            for index in 0..table.size(&scope.store) {
                let reference = table.get(&mut scope.store, index);
                elements.push(element(scope, reference.as_ref()));
            }
        }
        tables.push((export.to_owned(), elements));
    }
    tables
}

/// What is in an element of a table of functions.
pub(crate) fn element(scope: &mut Scope<'_>, reference: Option<&Ref>) -> Element {
    match reference {
        Some(Ref::Func(Some(function))) => function.to_raw(&mut scope.store) as usize,
        _ => 0,
    }
}
