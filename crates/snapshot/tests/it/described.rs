//! `docs/internals/snapshot-format.md` says what is in a file: the sample is read by the page's tables alone.

use taipan_snapshot::{
    Digest, EntityGlobal, EntityTable, FORMAT, Function, HEADER_BYTES, Import, Kind, Memory,
    Module, Reference, Tag, Value, encode,
};

use crate::cases;
use crate::page::Page;
use crate::sample::{file, memory, provenance};

/// The metadata of a file.
fn metadata(file: &[u8]) -> &[u8] {
    let bytes = u32::from_le_bytes(file[12..16].try_into().expect("four bytes"));
    &file[HEADER_BYTES..][..usize::try_from(bytes).expect("small")]
}

/// Checks what the page makes of the metadata of a file.
#[track_caller]
fn check(file: &[u8], expected: &str) {
    let (text, left) = Page::open().read("metadata", metadata(file));
    assert_eq!(left, [0; 0], "it is not described to its end");
    assert_eq!(text, expected.trim());
}

#[test]
fn header() {
    let (page, file) = (Page::open(), file());
    let rows = page.rows("offset").iter().take_while(|row| row[1] != "–");
    let mut end = 0;
    let field = |row: &Vec<String>| {
        let [offset, size] = [0, 1].map(|column| row[column].parse::<usize>().expect("a number"));
        assert_eq!(offset, end, "{row:?}");
        end = offset + size;
        let bytes = file[offset..end].iter().map(|byte| format!(" {byte:02x}")).collect::<String>();
        let name = row[2].split([':', ',']).next().unwrap_or_default();
        format!("{name}:{bytes}")
    };
    let text = rows.map(field).collect::<Vec<_>>().join("\n");
    let expected = "
magic: 7f 74 61 69 70 61 6e 0a
format version: 02 00 00 00
size of the metadata in bytes: 96 01 00 00
checksum: be e9 76 69 ec fc c7 6e 39 2d b2 77 a7 b3 5a c7 5e 57 0d b7 d8 d2 5a 03 1f bb 2e f8 d6 c5 3e 61
";
    assert_eq!(text, expected.trim());
    assert_eq!(end, HEADER_BYTES);
    assert_eq!(page.rows("offset")[1][2], format!("format version: {FORMAT}"));
}

#[test]
fn metadata_of_a_baseline() {
    let expected = r#"
bundle: 0101010101010101010101010101010101010101010101010101010101010101
kind: baseline
inputs: [("packages", 0202020202020202020202020202020202020202020202020202020202020202), ("source", 0303030303030303030303030303030303030303030303030303030303030303)]
memory pages: 3
runs: [(1, 1), (28, 1)]
page digest: b5cf0248b2f6ee47635a1fcf588f836d0a1421d22f73085b50ebc5f690288527
state:
  globals: [("__stack_pointer", i32 -1), ("g", i64 -9223372036854775808)]
  imported globals: [(1, f32 1)]
  modules: [main, compiled 0707070707070707070707070707070707070707070707070707070707070707, wrapper {parameters: [126, 125], results: [124]}, empty]
  instances: [{module: 1, imports: [function 3, global 3, table 1, tag 2, memory], globals: [("taipan:global:3", i64 7)], function tables: [{export: "t", length: 3, slots: [(2, 0)]}], reference tables: [{export: "taipan:table:2", elements: [null]}]}]
  entity globals: [import 1, main "m", own f64 18446744073709551615 true, instance 0 "v"]
  tables: [main, instance 0 "t"]
  tags: [JavaScript, main "t", own "i32,f64"]
  table length: 300
  slots: [(299, none), (7, 3)]
  reference tables: [{export: "taipan:table:1", elements: [null, small 5, handle -2]}]
  functions: [main "main", element 298, JavaScript 9 {parameters: [127], results: []}, instance 0 "f"]
  imports: [-1, 300]
  handles: [("glue", 12)]
  engine:
    stack low: 1
    stack pointer: 2
    memory base: 3
    table base: 4
  sections: [("layers", [0, 255])]
"#;
    check(&file(), expected);
}

#[test]
fn metadata_of_a_worker() {
    let memory = memory(&[]);
    let kind = Kind::Worker { baseline: Digest([4; 32]) };
    let state = Default::default();
    let file =
        encode(&Memory { bytes: &memory, baseline: Some(&memory) }, &state, &provenance(kind));
    let expected = r#"
bundle: 0101010101010101010101010101010101010101010101010101010101010101
kind: worker 0404040404040404040404040404040404040404040404040404040404040404
inputs: [("packages", 0202020202020202020202020202020202020202020202020202020202020202), ("source", 0303030303030303030303030303030303030303030303030303030303030303)]
memory pages: 3
runs: []
page digest: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
state:
  globals: []
  imported globals: []
  modules: []
  instances: []
  entity globals: []
  tables: []
  tags: []
  table length: 0
  slots: []
  reference tables: []
  functions: []
  imports: []
  handles: []
  engine:
    stack low: 0
    stack pointer: 0
    memory base: 0
    table base: 0
  sections: []
"#;
    check(&file.expect("encoded").to_vec(), expected);
}

#[test]
fn cases_of_choices() {
    let page = Page::open();
    cases::check::<Kind>(&page, "kind");
    cases::check::<Value>(&page, "value");
    cases::check::<Module>(&page, "module");
    cases::check::<Import>(&page, "import");
    cases::check::<EntityGlobal>(&page, "entity global");
    cases::check::<EntityTable>(&page, "entity table");
    cases::check::<Tag>(&page, "tag");
    cases::check::<Reference>(&page, "reference");
    cases::check::<Function>(&page, "function");
}
