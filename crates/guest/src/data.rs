//! Data segments: what a linker would have a module write into the memory when it starts.
//!
//! A module is compiled without its data, so that the same code serves an
//! isolate that boots and one that is resumed, whose memory has the data
//! already (DESIGN.md, section 3, fact 13). Booting writes it.

use wasmparser::{ConstExpr, DataKind, Operator, Parser, Payload};

use crate::Error;

/// Writes the active data segments of `module`; those that are relative go to `memory_base`.
pub(crate) fn write(module: &[u8], memory: &mut [u8], memory_base: u32) -> Result<(), Error> {
    for payload in Parser::new(0).parse_all(module) {
        let Payload::DataSection(segments) = payload.map_err(|error| wrong(&error))? else {
            continue;
        };
        for segment in segments {
            let segment = segment.map_err(|error| wrong(&error))?;
            let DataKind::Active { offset_expr, .. } = segment.kind else { continue };
            let address = offset(&offset_expr, memory_base)?;
            let size = memory.len();
            let room = memory
                .get_mut(address as usize..)
                .and_then(|rest| rest.get_mut(..segment.data.len()));
            let length = u32::try_from(segment.data.len()).unwrap_or(u32::MAX);
            room.ok_or(Error::OutOfBounds { address, length, size })?.copy_from_slice(segment.data);
        }
    }
    Ok(())
}

/// The address of a segment: constants, sums of them, and the one global, `__memory_base`.
fn offset(expression: &ConstExpr<'_>, memory_base: u32) -> Result<u32, Error> {
    let mut stack: Vec<u32> = Vec::new();
    for operator in expression.get_operators_reader() {
        match operator.map_err(|error| wrong(&error))? {
            Operator::I32Const { value } => stack.push(value.cast_unsigned()),
            Operator::GlobalGet { .. } => stack.push(memory_base),
            Operator::I32Add => {
                let (right, left) =
                    (stack.pop().unwrap_or_default(), stack.pop().unwrap_or_default());
                stack.push(left.wrapping_add(right));
            }
            Operator::End => {}
            other => {
                return Err(Error::Link {
                    module: "a module",
                    what: format!("a segment lies at {other:?}"),
                });
            }
        }
    }
    stack
        .pop()
        .ok_or_else(|| Error::Link { module: "a module", what: "a segment lies nowhere".into() })
}

fn wrong(error: &wasmparser::BinaryReaderError) -> Error {
    Error::Link { module: "a module", what: error.to_string() }
}
