//! Data segments: what a linker would have a module write into the memory when it starts.
//!
//! A module is compiled without its data, so that the same code serves an
//! isolate that boots and one that is resumed, whose memory has the data
//! already: written again, the data would undo what has changed. Booting writes it.

use wasmparser::{
    BinaryReaderError, ConstExpr, DataKind, ImportSectionReader, Operator, Parser, Payload, TypeRef,
};

use crate::Error;

/// Where segments lie that are relative.
struct Base {
    /// The index of the global `__memory_base`, if the module imports it.
    global: Option<u32>,
    /// Its value.
    address: u32,
}

/// Writes the active data segments of `module`; those that are relative go to `memory_base`.
pub(crate) fn write(module: &[u8], memory: &mut [u8], memory_base: u32) -> Result<(), Error> {
    let size = memory.len();
    each(module, memory_base, |address, data| {
        let room = memory.get_mut(address as usize..).and_then(|rest| rest.get_mut(..data.len()));
        let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
        room.ok_or(Error::OutOfBounds { address, length, size })?.copy_from_slice(data);
        Ok(())
    })
}

/// Gives `write` the active data segments of `module`, each with its address.
pub(crate) fn each(
    module: &[u8],
    memory_base: u32,
    mut write: impl FnMut(u32, &[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut base = Base { global: None, address: memory_base };
    for payload in Parser::new(0).parse_all(module) {
        let segments = match payload.map_err(|error| wrong(&error))? {
            Payload::ImportSection(imports) => {
                base.global = memory_base_global(imports).map_err(|error| wrong(&error))?;
                continue;
            }
            Payload::DataSection(segments) => segments,
            _ => continue,
        };
        for segment in segments {
            let segment = segment.map_err(|error| wrong(&error))?;
            let DataKind::Active { offset_expr, .. } = segment.kind else { continue };
            write(offset(&offset_expr, &base)?, segment.data)?;
        }
    }
    Ok(())
}

/// The address of a segment: constants, sums of them, and the one global, `__memory_base`.
fn offset(expression: &ConstExpr<'_>, base: &Base) -> Result<u32, Error> {
    let mut stack: Vec<u32> = Vec::new();
    for operator in expression.get_operators_reader() {
        match operator.map_err(|error| wrong(&error))? {
            Operator::I32Const { value } => stack.push(value.cast_unsigned()),
            Operator::GlobalGet { global_index } if Some(global_index) == base.global => {
                stack.push(base.address);
            }
            Operator::I32Add => {
                let (right, left) = (pop(&mut stack)?, pop(&mut stack)?);
                stack.push(left.wrapping_add(right));
            }
            Operator::End => {}
            other => return Err(link(format!("a segment lies at {other:?}"))),
        }
    }
    pop(&mut stack)
}

fn pop(stack: &mut Vec<u32>) -> Result<u32, Error> {
    stack.pop().ok_or_else(|| link("a segment lies nowhere".into()))
}

/// The index of the imported global `__memory_base`.
fn memory_base_global(imports: ImportSectionReader<'_>) -> Result<Option<u32>, BinaryReaderError> {
    let mut index = 0;
    for import in imports.into_imports() {
        let import = import?;
        if let TypeRef::Global(_) = import.ty {
            if (import.module, import.name) == ("env", "__memory_base") {
                return Ok(Some(index));
            }
            index += 1;
        }
    }
    Ok(None)
}

fn wrong(error: &BinaryReaderError) -> Error {
    link(error.to_string())
}

fn link(what: String) -> Error {
    Error::Link { module: "a module", what }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a memory of 16 bytes holds, dots for zeros, after a module with these fields has written its data.
    fn written(fields: &str) -> String {
        let module = wat::parse_str(format!("(module {fields})")).unwrap();
        let mut memory = [b'.'; 16];
        match write(&module, &mut memory, 4) {
            Ok(()) => String::from_utf8(memory.to_vec()).unwrap(),
            Err(error) => error.to_string(),
        }
    }

    #[track_caller]
    fn check(fields: &str, expected: &str) {
        assert_eq!(written(fields), expected);
    }

    const BASE: &str = r#"(import "env" "memory" (memory 1)) (import "env" "g" (global i32))
        (import "env" "__memory_base" (global i32))"#;

    #[test]
    fn segments_are_written_in_order() {
        check("(memory 1)", "................");
        check(r#"(memory 1) (data (i32.const 2) "ab")"#, "..ab............");
        check(
            r#"(memory 1) (data (i32.const 2) "abc") (data (i32.const 3) "x")"#,
            "..axc...........",
        );
        check(r#"(memory 1) (data "passive") (data (i32.const 15) "z")"#, "...............z");
    }

    #[test]
    fn offsets_are_sums() {
        let at = |offset: &str| format!(r#"{BASE} (data (offset {offset}) "ab")"#);
        check(&at("global.get 1"), "....ab..........");
        check(&at("global.get 1 i32.const 3 i32.add"), ".......ab.......");
        check(&at("i32.const -1 global.get 1 i32.add"), "...ab...........");
        check(
            &at("global.get 0"),
            "a module does not link: a segment lies at GlobalGet { global_index: 0 }",
        );
        check(
            &at("i32.const 1 i32.const 1 i32.mul"),
            "a module does not link: a segment lies at I32Mul",
        );
        check(&at("i32.const 1 i32.add"), "a module does not link: a segment lies nowhere");
        check(&at(""), "a module does not link: a segment lies nowhere");
    }

    #[test]
    fn segments_out_of_bounds() {
        let at = |offset: &str| format!(r#"(memory 1) (data (i32.const {offset}) "ab")"#);
        let outside = |address: u32| {
            format!("2 bytes at address {address} are outside of the guest's memory of 16 bytes")
        };
        check(&at("14"), "..............ab");
        check(&at("15"), &outside(15));
        check(&at("17"), &outside(17));
        check(&at("-1"), &outside(u32::MAX));
    }

    #[test]
    fn no_module() {
        let mut memory = [0; 16];
        assert!(matches!(write(b"\0asm", &mut memory, 0), Err(Error::Link { .. })));
    }
}
