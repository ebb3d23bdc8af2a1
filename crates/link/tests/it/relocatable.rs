//! A main module that can be relocated: what it imports becomes its own, and its start function constants.

use taipan_link::{ImportKind, Options, Variant, hidden_state, imports, link};
use wasmparser::{ElementKind, Parser, Payload, Validator, WasmFeatures};
use wasmtime::{Config, Engine, Func, Instance, Module, Store};

/// As `wasm-ld` makes one: addresses are computed by the start function, and what lies in the memory may be
/// relative to `__memory_base`.
const MAIN: &str = r#"
    (module
      (type $tag (func (param i32)))
      (import "env" "memory" (memory 1 100))
      (import "env" "__indirect_function_table" (table 1 funcref))
      (import "env" "__cpp_exception" (tag (type $tag)))
      (import "env" "twice" (func $twice (param i32) (result i32)))
      (import "env" "__stack_pointer" (global $stack (mut i32)))
      (import "env" "__memory_base" (global $memory_base i32))
      (import "env" "__table_base" (global $table_base i32))
      (import "GOT.mem" "__heap_base" (global $heap (mut i32)))
      (global $text (mut i32) i32.const 0)
      (global $function (mut i32) i32.const 0)
      (global $counter (mut i32) i32.const 5)
      (func $start
        global.get $memory_base i32.const 8 i32.add global.set $text
        global.get $table_base i32.const 0 i32.add global.set $function
        global.get $memory_base i32.const 100 i32.add i32.const 0 i32.const 50 memory.fill)
      (func $seven (result i32) i32.const 7)
      (func (export "sum") (result i32)
        (global.set $counter (i32.add (global.get $counter) (i32.const 1)))
        (i32.add (i32.load (global.get $text))
          (i32.add (call_indirect (result i32) (global.get $function))
            (i32.add (call $twice (global.get $heap)) (global.get $counter)))))
      (func (export "heap") (result i32) global.get $heap)
      (start $start)
      (elem (global.get $table_base) func $seven)
      (data (global.get $memory_base) "........\2a\00\00\00"))"#;

fn known() -> Vec<(String, i32)> {
    let known = [
        ("__memory_base", 1024),
        ("__table_base", 1),
        ("__stack_pointer", 4096),
        ("__heap_base", 8192),
    ];
    known.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

fn relocated(variant: Variant, own_globals: bool) -> Options {
    let known_globals = known();
    Options { own_memory: true, own_globals, known_globals, ..variant.into() }
}

fn linked(text: &str, options: Options) -> Vec<u8> {
    let wasm = link(&wat::parse_str(text).expect("text"), options).expect("linked");
    Validator::new_with_features(WasmFeatures::WASM3).validate_all(&wasm).expect("valid");
    wasm
}

#[test]
fn code_runs_with_all_of_its_own() {
    let wasm = linked(MAIN, relocated(Variant::Boot, true));
    let mut config = Config::new();
    config.wasm_exceptions(true).wasm_function_references(true).wasm_gc(true);
    let engine = Engine::new(&config).expect("engine");
    let module = Module::new(&engine, &wasm).expect("compiled");
    let mut store = Store::new(&engine, ());
    let twice = Func::wrap(&mut store, |value: i32| value * 2);
    let instance = Instance::new(&mut store, &module, &[twice.into()]).expect("instance");
    let sum = instance.get_typed_func::<(), i32>(&mut store, "sum").expect("exported");
    assert_eq!(sum.call(&mut store, ()).expect("no trap"), 42 + 7 + 2 * 8192 + 6);
    for name in ["memory", "__indirect_function_table", "__cpp_exception"] {
        assert!(instance.get_export(&mut store, name).is_some(), "{name}");
    }
}

#[test]
fn no_start_and_no_state_for_addresses() {
    let wasm = linked(MAIN, relocated(Variant::Resume, true));
    let state = hidden_state(&wasm).expect("readable");
    let globals: Vec<_> = state.globals.iter().map(|global| &*global.export).collect();
    assert_eq!(
        globals,
        [
            "taipan:import:env.__stack_pointer",
            "taipan:import:GOT.mem.__heap_base",
            "taipan:global:6"
        ]
    );
    assert_eq!(state.memories[0].export, "memory");
    let mut payloads = Parser::new(0).parse_all(&wasm);
    assert!(!payloads.any(|payload| matches!(payload, Ok(Payload::StartSection { .. }))));
}

#[test]
fn places_in_the_table_are_constants() {
    let wasm = linked(MAIN, relocated(Variant::Resume, true));
    let payloads = Parser::new(0).parse_all(&wasm);
    let elements = payloads.filter_map(|payload| match payload {
        Ok(Payload::ElementSection(section)) => Some(section),
        _ => None,
    });
    let places: Vec<_> = elements
        .flatten()
        .map(|element| match element.expect("readable").kind {
            ElementKind::Active { offset_expr, .. } => {
                format!("{:?}", offset_expr.get_operators_reader().read().expect("readable"))
            }
            _ => "elsewhere".to_owned(),
        })
        .collect();
    assert_eq!(places, ["I32Const { value: 1 }"]);
}

#[test]
fn what_javascript_binds_stays_imported_in_the_bytes() {
    let wasm = linked(MAIN, relocated(Variant::Boot, false));
    let imports = imports(&wasm).expect("readable");
    let names: Vec<_> = imports.iter().map(|import| (import.kind, &*import.name)).collect();
    assert_eq!(
        names,
        [
            (ImportKind::Function, "twice"),
            (ImportKind::Global, "__stack_pointer"),
            (ImportKind::Global, "__memory_base"),
            (ImportKind::Global, "__table_base"),
            (ImportKind::Global, "__heap_base"),
        ]
    );
    let exports: Vec<_> = hidden_state(&wasm).expect("readable").globals;
    assert_eq!(exports.len(), 1, "the counter alone: {exports:?}");
}

#[test]
fn a_module_with_its_own_memory_stays_as_it_is() {
    let text = "(module (memory 1) (global (mut i32) i32.const 1))";
    assert_eq!(linked(text, relocated(Variant::Boot, true)), linked(text, Variant::Boot.into()));
}

#[track_caller]
fn check_refused(start: &str, what: &str) {
    let text = format!(
        r#"(module (import "env" "memory" (memory 1)) (import "env" "__memory_base" (global $base i32))
            (import "env" "other" (global $other i32))
            (global $a (mut i32) i32.const 0) (func $start {start}) (start $start)
            (func (export "f") i32.const 1 global.set $a))"#
    );
    let wasm = wat::parse_str(text).expect("text");
    let error = link(&wasm, relocated(Variant::Boot, false)).expect_err("refused");
    let expected = format!("the start function does what is not known how to do before: {what}");
    assert_eq!(error.to_string(), expected);
    assert_eq!(error.hint().as_deref(), Some("link the module without known globals"));
}

#[test]
fn start_functions_that_do_more() {
    check_refused("global.get $other drop", "it reads a global");
    check_refused("i32.const 1 i32.const 2 i32.sub drop", "it does more than compute addresses");
    check_refused("i32.const 0 i32.const 1 i32.store", "it does more than compute addresses");
    check_refused("i32.const 0 i32.const 1 i32.const 2 memory.fill", "it writes into the memory");
    check_refused("global.get $base global.set $a", "what it sets is set elsewhere too");
}
