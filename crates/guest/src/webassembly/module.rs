//! `WebAssembly.Module`: modules that were compiled at set-up, and the glue's tiny wrappers.

use std::fmt::Write as _;

use taipan_link::{Wrapper, WrapperType};
use wasmtime::{ExternType, FuncType, Module, ValType};

use crate::compiled::{CompiledModule, digest};
use crate::operation::{Call, Output, Throw};
use crate::program::{MainImport, Program};
use crate::state::entities::ModuleEntity;
use crate::webassembly::entity::{add, entity};

/// The error for an unknown module that is longer does not say its digest: that takes a millisecond for each of these.
const SHOWN_BYTES_MAX: usize = 1 << 20;

const EMPTY: [u8; 8] = *b"\0asm\x01\0\0\0";

/// "compile a WebAssembly module": no code is generated, the module must be known.
pub(super) fn compile(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (address, length) = call.byte_range(0)?;
    let bytes = call.scope.bytes(address, length)?;
    let Some(module) = find(call, bytes) else {
        let digest = if bytes.len() > SHOWN_BYTES_MAX {
            String::new()
        } else {
            format!(" (sha256 {})", hex(&digest(bytes)))
        };
        let message = format!(
            "a module of {length} bytes that was not compiled at set-up{digest}: \
             an isolate generates no code at run time"
        );
        return Err(Throw::error("WebAssembly.CompileError", message));
    };
    let place = add(&mut call.scope.state_mut().entities.modules, module)?;
    Ok(place.into())
}

/// A module of the worker's, by the name under which it is imported.
pub(super) fn named(call: &mut Call<'_>) -> Result<Output, Throw> {
    let name = call.text(0)?;
    let modules = call.scope.state().modules.clone();
    let compiled = modules.compiled(&name).ok_or_else(|| {
        let why = "was not compiled at set-up: an isolate generates no code at run time";
        Throw::error("WebAssembly.CompileError", format!("{name} {why}"))
    })?;
    let compiled = compiled.map_err(|why| Throw::error("WebAssembly.CompileError", why))?;
    let modules = &mut call.scope.state_mut().entities.modules;
    add(modules, ModuleEntity::Compiled(compiled)).map(Output::from)
}

/// Whether [`compile`] would succeed.
pub(super) fn validate(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (address, length) = call.byte_range(0)?;
    let bytes = call.scope.bytes(address, length)?;
    Ok(Output::Boolean(find(call, bytes).is_some()))
}

fn find(call: &Call<'_>, bytes: &[u8]) -> Option<ModuleEntity> {
    let program = &call.scope.state().program;
    if bytes == EMPTY {
        return Some(ModuleEntity::Empty);
    }
    if let Some(Wrapper { parameters, results }) = taipan_link::wrapper_signature(bytes) {
        let (parameters, results) =
            (parameters.into_iter().map(value_type), results.into_iter().map(value_type));
        return Some(ModuleEntity::Wrapper(FuncType::new(&program.engine, parameters, results)));
    }
    // The length first: nothing can stop the host while it computes a digest.
    let known = program.modules.values().any(|module| module.bytes.len() == bytes.len());
    let module = known.then(|| program.modules.get(&digest(bytes)))?;
    module.cloned().map(ModuleEntity::Compiled)
}

fn value_type(type_: WrapperType) -> ValType {
    match type_ {
        WrapperType::I32 => ValType::I32,
        WrapperType::I64 => ValType::I64,
        WrapperType::F32 => ValType::F32,
        WrapperType::F64 => ValType::F64,
        WrapperType::ExternRef => ValType::EXTERNREF,
    }
}

/// The contents of the custom sections with a name.
fn custom_sections<'a>(bytes: &'a [u8], name: &str) -> impl Iterator<Item = &'a [u8]> {
    wasmparser::Parser::new(0).parse_all(bytes).filter_map(move |payload| match payload {
        Ok(wasmparser::Payload::CustomSection(section)) if section.name() == name => {
            Some(section.data())
        }
        _ => None,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub(super) fn kind(type_: &ExternType) -> &'static str {
    match type_ {
        ExternType::Func(_) => "function",
        ExternType::Global(_) => "global",
        ExternType::Table(_) => "table",
        ExternType::Memory(_) => "memory",
        ExternType::Tag(_) => "tag",
    }
}

/// Text as a JSON string.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(character);
            }
            control if control < ' ' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

fn list(module: &Module, of: impl Fn(&Module) -> Vec<String>) -> Output {
    Output::Text(format!("[{}]", of(module).join(",")))
}

/// `Module.imports(module)` as JSON.
pub(super) fn imports(call: &mut Call<'_>) -> Result<Output, Throw> {
    if call.unsigned(0)? == 0 {
        return Ok(Output::Text(main_imports(&call.scope.state().program)));
    }
    Ok(match module(call)? {
        ModuleEntity::Compiled(CompiledModule { module, .. }) => list(&module, |module| {
            let entry = |import: wasmtime::ImportType<'_>| {
                let (from, name, kind) =
                    (quoted(import.module()), quoted(import.name()), kind(&import.ty()));
                format!(r#"{{"module":{from},"name":{name},"kind":"{kind}"}}"#)
            };
            module.imports().map(entry).collect()
        }),
        ModuleEntity::Wrapper(_) => {
            Output::Text(r#"[{"module":"e","name":"f","kind":"function"}]"#.into())
        }
        ModuleEntity::Main | ModuleEntity::Empty => Output::Text("[]".into()),
    })
}

/// The imports of the main module, as its bytes have them.
fn main_imports(program: &Program) -> String {
    let entry = |import: &MainImport| {
        let (from, name) = (quoted(&import.module), quoted(&import.name));
        let kind = if import.global.is_some() { "global" } else { "function" };
        format!(r#"{{"module":{from},"name":{name},"kind":"{kind}"}}"#)
    };
    format!("[{}]", program.imports.iter().map(entry).collect::<Vec<_>>().join(","))
}

/// `Module.exports(module)` as JSON.
pub(super) fn exports(call: &mut Call<'_>) -> Result<Output, Throw> {
    Ok(match module(call)? {
        ModuleEntity::Compiled(CompiledModule { module, .. }) => list(&module, |module| {
            let entry = |export: wasmtime::ExportType<'_>| {
                format!(r#"{{"name":{},"kind":"{}"}}"#, quoted(export.name()), kind(&export.ty()))
            };
            let seen = |export: &wasmtime::ExportType<'_>| {
                !export.name().starts_with(taipan_link::RESERVED_PREFIX)
            };
            module.exports().filter(seen).map(entry).collect()
        }),
        ModuleEntity::Wrapper(_) => Output::Text(r#"[{"name":"f","kind":"function"}]"#.into()),
        ModuleEntity::Main | ModuleEntity::Empty => Output::Text("[]".into()),
    })
}

/// The `place`th custom section of a name, or `undefined`.
pub(super) fn section(call: &mut Call<'_>) -> Result<Output, Throw> {
    let bytes = match module(call)? {
        ModuleEntity::Compiled(CompiledModule { bytes, .. }) => bytes,
        ModuleEntity::Main | ModuleEntity::Wrapper(_) | ModuleEntity::Empty => {
            return Ok(Output::Undefined);
        }
    };
    let name = call.text(1)?;
    let place = call.unsigned(2)? as usize;
    Ok(match custom_sections(&bytes, &name).nth(place) {
        Some(section) => Output::Bytes(section.to_vec()),
        None => Output::Undefined,
    })
}

/// The module that the first argument names.
pub(super) fn module(call: &mut Call<'_>) -> Result<ModuleEntity, Throw> {
    Ok(match entity(call, 0, |entities| &entities.modules, "module")? {
        ModuleEntity::Main => ModuleEntity::Compiled(call.scope.state().program.main.clone()),
        other => other,
    })
}
