//! How much memory and table a side module asks for, and whether what it puts there stays within.
//!
//! The dynamic linker computes with these numbers in 32 bits, and takes room that wrapped for room that it got. What lies
//! beyond would be written over Python's heap and over other modules' functions.

use std::ops::Range;

use wasmparser::{
    ConstExpr, DataKind, DataSectionReader, ElementItems, ElementKind, ElementSectionReader,
    Operator, Parser, Payload, TypeRef,
};

use crate::dylink::Dylink;
use crate::error::Error;
use crate::module::FEATURES;
use crate::symbols::{FUNCTIONS, MEMORY_BASE, TABLE_BASE};

/// The most memory, in bytes: the largest library of Pyodide's distribution asks for 2.7 MB.
const MEMORY_BYTES_MAX: u32 = 1 << 30;

/// The largest alignment, as an exponent of two: a page of WebAssembly. Compilers ask for 7.
const ALIGNMENT_LOG2_MAX: u32 = 16;

/// The most elements of a table that engines accept (WebAssembly JavaScript interface, "Implementation-defined Limits").
const TABLE_ELEMENTS_MAX: u32 = 10_000_000;

/// Checks that the room that a module asks for can be given.
pub(crate) fn check_room(dylink: &Dylink) -> Result<(), Error> {
    for (what, found, max) in [
        ("bytes of memory", dylink.memory_bytes, MEMORY_BYTES_MAX),
        (
            "as the exponent of its memory's alignment",
            dylink.memory_alignment_log2,
            ALIGNMENT_LOG2_MAX,
        ),
        ("elements of the table", dylink.table_elements, TABLE_ELEMENTS_MAX),
        (
            "as the exponent of its elements' alignment",
            dylink.table_alignment_log2,
            ALIGNMENT_LOG2_MAX,
        ),
    ] {
        if found > max {
            return Err(Error::Room { what, found, max });
        }
    }
    Ok(())
}

/// Checks that the data and the elements of the module are within the room that it asks for.
pub(crate) fn check_placement(wasm: &[u8], dylink: &Dylink) -> Result<(), Error> {
    let mut parser = Parser::new(0);
    parser.set_features(FEATURES);
    let (mut bases, mut tables) = (Bases::default(), 0);
    for payload in parser.parse_all(wasm) {
        match payload? {
            Payload::ImportSection(section) => {
                let mut globals = 0;
                for import in section.into_imports() {
                    let import = import?;
                    match import.ty {
                        TypeRef::Global(_) => {
                            if import.module == FUNCTIONS {
                                bases.add(import.name, globals);
                            }
                            globals += 1;
                        }
                        TypeRef::Table(_) => tables += 1,
                        _ => {}
                    }
                }
            }
            Payload::ElementSection(section) => {
                check_elements(section, &bases, tables, dylink.table_elements)?;
            }
            Payload::DataSection(section) => check_data(section, &bases, dylink.memory_bytes)?,
            _ => {}
        }
    }
    Ok(())
}

/// The imported globals that say where a module is placed, by their indices.
#[derive(Default)]
struct Bases {
    memory: Option<u32>,
    table: Option<u32>,
}

impl Bases {
    fn add(&mut self, name: &str, index: u32) {
        match name {
            MEMORY_BASE => self.memory = Some(index),
            TABLE_BASE => self.table = Some(index),
            _ => {}
        }
    }
}

fn check_elements(
    section: ElementSectionReader<'_>,
    bases: &Bases,
    tables_imported: u32,
    room: u32,
) -> Result<(), Error> {
    for element in section {
        let element = element?;
        let count = match &element.items {
            ElementItems::Functions(functions) => functions.count(),
            ElementItems::Expressions(_, expressions) => expressions.count(),
        };
        // A table of its own is nobody else's.
        if let ElementKind::Active { table_index, offset_expr } = &element.kind
            && table_index.unwrap_or(0) < tables_imported
        {
            check_range("elements", offset_expr, bases.table, count.into(), room)?;
        }
    }
    Ok(())
}

fn check_data(section: DataSectionReader<'_>, bases: &Bases, room: u32) -> Result<(), Error> {
    for segment in section {
        let segment = segment?;
        if let DataKind::Active { offset_expr, .. } = &segment.kind {
            let bytes = segment.data.len() as u64;
            check_range("data", offset_expr, bases.memory, bytes, room)?;
        }
    }
    Ok(())
}

fn check_range(
    what: &'static str,
    offset: &ConstExpr<'_>,
    base: Option<u32>,
    length: u64,
    room: u32,
) -> Result<(), Error> {
    let Some(begin) = offset_from(offset, base)? else {
        return Err(Error::NotSideModule {
            what: "it has data or elements at a fixed place, not where it is loaded",
        });
    };
    let Range { start, end } = u64::from(begin)..u64::from(begin) + length;
    if end > u64::from(room) {
        return Err(Error::OutsideRoom { what, start, end, room });
    }
    Ok(())
}

/// How far behind the global `base` a place is, if it is given so.
fn offset_from(place: &ConstExpr<'_>, base: Option<u32>) -> Result<Option<u32>, Error> {
    let operators = place.get_operators_reader().into_iter().collect::<Result<Vec<_>, _>>()?;
    let (global, offset) = match operators[..] {
        [Operator::GlobalGet { global_index }, Operator::End] => (global_index, 0),
        [
            Operator::GlobalGet { global_index },
            Operator::I32Const { value },
            Operator::I32Add,
            Operator::End,
        ]
        | [
            Operator::I32Const { value },
            Operator::GlobalGet { global_index },
            Operator::I32Add,
            Operator::End,
        ] => (global_index, value),
        _ => return Ok(None),
    };
    Ok((Some(global) == base).then_some(offset.cast_unsigned()))
}
