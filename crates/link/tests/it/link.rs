//! Linking: what is exported, what is dropped, what a linked module does.

use taipan_link::{Hidden, Options, Variant, hidden_state, link};
use wasmparser::{Parser, Payload, Validator, WasmFeatures};
use wasmtime::{Config, Engine, Instance, Memory, Module, Store};

/// A module with every sort of state, some of it exported.
const STATE: &str = r#"
    (module
      (import "env" "table" (table 1 funcref))
      (import "env" "global" (global (mut i32)))
      (table $own 1 externref)
      (table $shown (export "shown") 1 funcref)
      (memory 1 10)
      (global $constant i32 i32.const 1)
      (global $hidden (mut i32) i32.const 2)
      (global $seen (mut i64) i64.const 3)
      (export "seen" (global $seen))
      (export "seen again" (global $seen)))"#;

/// A module with data, passive data, and a start function.
const DATA: &str = r#"
    (module
      (type $bytes (array i8))
      (memory (export "memory") 1 10)
      (data $active (i32.const 8) "active")
      (data $passive "passive")
      (func $start i32.const 0 i32.const 1 i32.store8)
      (start $start)
      (func (export "init") (param i32) (local i32)
        loop
          (i32.store8 (i32.add (local.get 0) (local.get 1))
            (array.get_u $bytes
              (array.new_data $bytes $passive (i32.const 0) (i32.const 7)) (local.get 1)))
          (local.tee 1 (i32.add (local.get 1) (i32.const 1)))
          (br_if 0 (i32.lt_u (i32.const 7)))
        end)
      (func (export "drop") data.drop $active data.drop $passive))"#;

fn linked(text: &str, options: impl Into<Options>) -> Vec<u8> {
    let wasm = link(&wat::parse_str(text).expect("text"), options).expect("linked");
    Validator::new_with_features(WasmFeatures::WASM3).validate_all(&wasm).expect("valid");
    wasm
}

/// The sections of a module, custom ones by name.
fn sections(wasm: &[u8]) -> String {
    let mut names = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.expect("readable");
        match (&payload, payload.as_section()) {
            (Payload::CustomSection(section), _) => names.push(section.name().to_owned()),
            (_, Some((id, _))) => names.push(id.to_string()),
            _ => {}
        }
    }
    names.join(" ")
}

fn list(hidden: &[Hidden]) -> String {
    let list = hidden.iter().map(|hidden| format!("{} as {}", hidden.index, hidden.export));
    list.collect::<Vec<_>>().join(", ")
}

#[test]
fn hidden_state_is_exported() {
    let wasm = linked(STATE, Variant::Boot);
    let state = hidden_state(&wasm).expect("readable");
    assert_eq!(list(&state.memories), "0 as taipan:memory:0");
    assert_eq!(list(&state.tables), "1 as taipan:table:1, 2 as shown");
    assert_eq!(list(&state.globals), "2 as taipan:global:2, 3 as seen");
    let module = Module::new(&Engine::default(), wasm).expect("compiled");
    let exports: Vec<_> = module.exports().map(|export| export.name()).collect();
    assert_eq!(
        exports.join(", "),
        "shown, seen, seen again, taipan:table:1, taipan:memory:0, taipan:global:2"
    );
}

#[test]
fn a_module_without_exports_gets_some() {
    let wasm = linked("(module (memory 1) (func nop))", Variant::Boot);
    assert_eq!(list(&hidden_state(&wasm).expect("readable").memories), "0 as taipan:memory:0");
    assert_eq!(sections(&wasm), "1 3 5 7 10");
}

#[test]
fn a_module_without_state_stays_as_it_is() {
    let wasm = wat::parse_str(r#"(module $name (func (export "f") nop))"#).expect("text");
    assert_eq!(link(&wasm, Variant::Boot).expect("linked"), wasm);
}

#[test]
fn boot_keeps_data_and_start() {
    assert_eq!(sections(&linked(DATA, Variant::Boot)), "1 3 5 7 8 12 10 11 name");
    assert_eq!(memory_after(DATA, Variant::Boot, &[]), (1, *b"active", *b"\0\0\0\0\0\0\0"));
}

#[test]
fn resume_drops_data_and_start() {
    assert_eq!(sections(&linked(DATA, Variant::Resume)), "1 3 5 7 12 10 11 name");
    assert_eq!(memory_after(DATA, Variant::Resume, &[]), (0, [0; 6], [0; 7]));
}

#[test]
fn resume_keeps_passive_data() {
    let (_, active, passive) = memory_after(DATA, Variant::Resume, &["init", "drop"]);
    assert_eq!((active, passive), ([0; 6], *b"passive"));
}

#[test]
fn resume_keeps_no_section_that_nothing_uses() {
    let text = r#"(module (memory 1) (data (i32.const 0) "a") (data (i32.const 9) "b"))"#;
    assert_eq!(sections(&linked(text, Variant::Boot)), "5 7 11");
    assert_eq!(sections(&linked(text, Variant::Resume)), "5 7");
}

#[test]
fn resume_keeps_segments_that_code_names() {
    let text = r#"(module (memory 1) (data (i32.const 0) "a") (func data.drop 0))"#;
    assert_eq!(sections(&linked(text, Variant::Resume)), "1 3 5 7 12 10 11");
}

#[test]
fn memory_is_limited() {
    let maximum = |text, pages| {
        let options = Options { memory_pages_max: Some(pages), ..Variant::Boot.into() };
        let module = Module::new(&Engine::default(), linked(text, options)).expect("compiled");
        let export = module.exports().next().expect("an export").ty();
        export.memory().expect("a memory").maximum()
    };
    assert_eq!(maximum("(module (memory 2 10))", 5), Some(5));
    assert_eq!(maximum("(module (memory 2 10))", 20), Some(10));
    assert_eq!(maximum("(module (memory 2))", 20), Some(20));
}

#[test]
fn names_are_dropped_if_asked() {
    let options = Options { names: false, ..Variant::Boot.into() };
    assert_eq!(sections(&linked(DATA, options)), "1 3 5 7 8 12 10 11");
}

#[test]
fn dylink_stays_first() {
    let text = r#"
        (module
          (@dylink.0 (mem-info (memory 8 2)))
          (tag $e)
          (func try throw $e catch_all end))"#;
    assert_eq!(sections(&linked(text, Variant::Boot)), "dylink.0 1 3 13 10 name");
}

#[test]
fn sections_about_places_in_code_go_when_code_moves() {
    let custom = r#"(@custom "metadata.code.branch_hint" (before code) "\00")
                    (@custom ".debug_line" "") (@custom "producers" "\00")"#;
    let moved = format!("(module {custom} (tag $e) (func try throw $e catch_all end))");
    assert_eq!(sections(&linked(&moved, Variant::Boot)), "1 3 13 10 producers name");
    let unmoved = format!("(module {custom} (func nop))");
    assert_eq!(
        sections(&linked(&unmoved, Variant::Boot)),
        "1 3 metadata.code.branch_hint 10 .debug_line producers"
    );
}

/// What `DATA` has in memory after its instantiation and these calls: the byte
/// that its start function writes, its active and its passive segment.
fn memory_after(text: &str, variant: Variant, calls: &[&str]) -> (u8, [u8; 6], [u8; 7]) {
    let mut config = Config::new();
    config.wasm_function_references(true).wasm_gc(true);
    let engine = Engine::new(&config).expect("engine");
    let module = Module::new(&engine, linked(text, variant)).expect("compiled");
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("instance");
    for call in calls {
        let function = instance.get_func(&mut store, call).expect("exported");
        let parameters = function.ty(&store).params().len();
        let arguments = vec![wasmtime::Val::I32(64); parameters];
        function.call(&mut store, &arguments, &mut []).expect("no trap");
    }
    let memory: Memory = instance.get_memory(&mut store, "memory").expect("exported");
    let bytes = memory.data(&store);
    (
        bytes[0],
        bytes[8..14].try_into().expect("six bytes"),
        bytes[64..71].try_into().expect("seven bytes"),
    )
}
