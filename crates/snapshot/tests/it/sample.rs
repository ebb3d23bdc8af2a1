//! Snapshots to test with: a small one with a value of every sort.

use std::collections::BTreeMap;

use taipan_snapshot::{
    Digest, Engine, EntityGlobal, EntityTable, Function, FunctionTable, FunctionType, Global,
    Import, Instance, Kind, Memory, Module, PAGE_BYTES, Provenance, Reference, ReferenceTable,
    Slot, State, Tag, Value, encode,
};

/// Bytes of a page of WebAssembly memory.
pub(crate) const MEMORY_PAGE_BYTES: usize = 65_536;

/// A memory of three WebAssembly pages with a byte set in each of these pages.
pub(crate) fn memory(pages: &[(usize, u8)]) -> Vec<u8> {
    let mut memory = vec![0; 3 * MEMORY_PAGE_BYTES];
    for (page, byte) in pages {
        memory[page * PAGE_BYTES + 100] = *byte;
    }
    memory
}

/// The memory of the sample: two runs.
pub(crate) fn sample_memory() -> Vec<u8> {
    memory(&[(1, 1), (30, 30)])
}

pub(crate) fn provenance(kind: Kind) -> Provenance {
    let inputs = [("packages", 2), ("source", 3)];
    let inputs = inputs.map(|(name, byte)| (name.to_owned(), Digest([byte; 32])));
    Provenance { bundle: Digest([1; 32]), kind, inputs: BTreeMap::from(inputs) }
}

pub(crate) fn state() -> State {
    let global = |export: &str, value| Global { export: export.to_owned(), value };
    let type_ = |parameters: &[u8], results: &[u8]| FunctionType {
        parameters: parameters.to_vec(),
        results: results.to_vec(),
    };
    State {
        globals: vec![global("__stack_pointer", Value::I32(-1)), global("g", Value::I64(i64::MIN))],
        imported_globals: vec![(1, Value::F32(1))],
        modules: vec![
            Module::Main,
            Module::Compiled([7; 32]),
            Module::Wrapper(type_(&[0x7e, 0x7d], &[0x7c])),
            Module::Empty,
        ],
        instances: vec![Instance {
            module: 1,
            imports: imports(),
            globals: vec![global("taipan:global:3", Value::I64(7))],
            function_tables: vec![FunctionTable {
                export: "t".to_owned(),
                length: 3,
                slots: vec![Slot { index: 2, function: Some(0) }],
            }],
            reference_tables: vec![ReferenceTable {
                export: "taipan:table:2".to_owned(),
                elements: vec![Reference::Null],
            }],
        }],
        entity_globals: vec![
            EntityGlobal::Import(1),
            EntityGlobal::Main("m".to_owned()),
            EntityGlobal::Own { value: Value::F64(u64::MAX), mutable: true },
            EntityGlobal::Instance(0, "v".to_owned()),
        ],
        tables: vec![EntityTable::Main, EntityTable::Instance(0, "t".to_owned())],
        tags: vec![Tag::JavaScript, Tag::Main("t".to_owned()), Tag::Own("i32,f64".to_owned())],
        table_length: 300,
        slots: vec![Slot { index: 299, function: None }, Slot { index: 7, function: Some(3) }],
        reference_tables: vec![ReferenceTable {
            export: "taipan:table:1".to_owned(),
            elements: vec![Reference::Null, Reference::Small(5), Reference::Handle(-2)],
        }],
        functions: vec![
            Function::Main("main".to_owned()),
            Function::Element(298),
            Function::JavaScript { handle: 9, type_: type_(&[0x7f], &[]) },
            Function::Instance(0, "f".to_owned()),
        ],
        imports: vec![-1, 300],
        handles: BTreeMap::from([("glue".to_owned(), 12)]),
        engine: Engine { stack_low: 1, stack_pointer: 2, memory_base: 3, table_base: 4 },
        sections: BTreeMap::from([("layers".to_owned(), vec![0, 255])]),
    }
}

/// The imports of the one instance: one of each kind, the last that there is.
fn imports() -> Vec<Import> {
    vec![Import::Function(3), Import::Global(3), Import::Table(1), Import::Tag(2), Import::Memory]
}

/// The sample as a file.
pub(crate) fn file() -> Vec<u8> {
    let memory = sample_memory();
    let memory = Memory { bytes: &memory, baseline: None };
    encode(&memory, &state(), &provenance(Kind::Baseline)).expect("encoded").to_vec()
}
