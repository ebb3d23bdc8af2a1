//! Side modules: what one asks of itself is resolved, what it asks of others is not, and making an instance writes nothing.

#![expect(clippy::unwrap_used, reason = "a test may end where it stands")]

use taipan_link::{
    Exceptions, SideModule, WINDOW_START, check_exceptions, check_stoppable, dylink, hidden_state,
    side_module,
};
use wasmtime::{
    Engine, Extern, ExternType, Func, Global, Instance, Memory, MemoryType, Module, Ref, RefType,
    Store, Table, TableType, Val,
};

const MEMORY_BASE: i32 = 4096;
const TABLE_BASE: i32 = 5;

/// A module that imports and defines symbols.
const SYMBOLS: &str = r#"(module
    (@dylink.0 (mem-info (memory 64 4) (table 1 0)))
    (import "env" "memory" (memory 1))
    (import "env" "__indirect_function_table" (table 1 funcref))
    (import "env" "other" (func $other (result i32)))
    (import "env" "own" (func $own_import (result i32)))
    (import "GOT.func" "other" (global $other_address (mut i32)))
    (import "env" "__memory_base" (global $memory_base i32))
    (import "GOT.func" "own" (global $own_address (mut i32)))
    (import "env" "__table_base" (global $table_base i32))
    (import "GOT.func" "listed" (global $listed_address (mut i32)))
    (import "GOT.mem" "data" (global $data_address (mut i32)))
    (import "GOT.mem" "_ZTI1E" (global $type_address (mut i32)))
    (type $number (func (result i32)))
    (global $written (mut i32) (i32.const 7))
    (global $data_offset i32 (i32.const 16))
    (global $type_offset i32 (i32.const 32))
    (elem (global.get $table_base) func $listed)
    (func $own (result i32) (i32.const 11))
    (func $listed (result i32) (i32.const 22))
    (func $start (global.set $written (i32.const 9)))
    (func $call (result i32) (call $own_import))
    (func $call_other (result i32) (call $other))
    (func $through_table (result i32) (call_indirect (type $number) (global.get $own_address)))
    (func $address_of_own (result i32) (global.get $own_address))
    (func $address_of_listed (result i32) (global.get $listed_address))
    (func $address_of_other (result i32) (global.get $other_address))
    (func $address_of_data (result i32) (global.get $data_address))
    (func $address_of_type (result i32) (global.get $type_address))
    (func $started (result i32) (global.get $written))
    (start $start)
    (export "own" (func $own)) (export "listed" (func $listed))
    (export "data" (global $data_offset)) (export "_ZTI1E" (global $type_offset))
    (export "call" (func $call)) (export "call_other" (func $call_other))
    (export "through_table" (func $through_table)) (export "address_of_own" (func $address_of_own))
    (export "address_of_listed" (func $address_of_listed)) (export "address_of_other" (func $address_of_other))
    (export "address_of_data" (func $address_of_data)) (export "address_of_type" (func $address_of_type))
    (export "started" (func $started))
    (data (global.get $memory_base) "data"))"#;

/// An instance of a linked module, with the names of what it imported.
struct Running {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
    imported: Vec<String>,
}

impl Running {
    fn new(module: &SideModule) -> Self {
        check_stoppable(&module.code).unwrap();
        let engine = Engine::default();
        let compiled = Module::new(&engine, &module.code).unwrap();
        let mut store = Store::new(&engine, ());
        let memory = Memory::new(&mut store, MemoryType::new(1, None)).unwrap();
        let table = TableType::new(RefType::FUNCREF, 16, None);
        let table = Table::new(&mut store, table, Ref::Func(None)).unwrap();
        let mut imports: Vec<Extern> = Vec::new();
        for import in compiled.imports() {
            let value = match import.name() {
                "__memory_base" => MEMORY_BASE,
                "__table_base" => TABLE_BASE,
                _ => 1000,
            };
            imports.push(match import.ty() {
                ExternType::Memory(_) => memory.into(),
                ExternType::Table(_) => table.into(),
                ExternType::Func(_) => Func::wrap(&mut store, || 33_i32).into(),
                ExternType::Global(type_) => {
                    Global::new(&mut store, type_, Val::I32(value)).unwrap().into()
                }
                ExternType::Tag(_) => unreachable!("the module has none"),
            });
        }
        let imported = compiled.imports().map(|it| format!("{}.{}", it.module(), it.name()));
        let imported = imported.filter(|name| !name.contains(".__")).collect();
        let instance = Instance::new(&mut store, &compiled, &imports).unwrap();
        Self { store, instance, memory, imported }
    }

    fn call(&mut self, name: &str) -> i32 {
        let function = self.instance.get_typed_func::<(), i32>(&mut self.store, name).unwrap();
        function.call(&mut self.store, ()).unwrap()
    }
}

fn linked(text: &str) -> SideModule {
    side_module(&wat::parse_str(text).unwrap()).unwrap()
}

#[test]
fn own_symbols_are_resolved() {
    let module = linked(SYMBOLS);
    let mut running = Running::new(&module);
    assert_eq!(running.imported, ["env.memory", "env.other", "GOT.func.other", "GOT.mem._ZTI1E"]);
    assert_eq!(running.call("call"), 11);
    assert_eq!(running.call("call_other"), 33);
    // It has a place of its own now, behind the one element that there was.
    assert_eq!(running.call("address_of_own"), TABLE_BASE + 1);
    assert_eq!(running.call("through_table"), 11);
    assert_eq!(running.call("address_of_listed"), TABLE_BASE);
    assert_eq!(running.call("address_of_data"), MEMORY_BASE + 16);
    assert_eq!(running.call("address_of_other"), 1000);
    assert_eq!(running.call("address_of_type"), 1000);
    let room = dylink(&module.wasm).unwrap().unwrap();
    assert_eq!((room.memory_bytes, room.table_elements), (64, 2));
}

#[test]
fn making_an_instance_writes_nothing() {
    let module = linked(SYMBOLS);
    let mut running = Running::new(&module);
    assert!(running.memory.data(&running.store).iter().all(|byte| *byte == 0));
    assert_eq!(running.call("started"), 7);
    let start = running.instance.get_typed_func::<(), ()>(&mut running.store, WINDOW_START);
    start.unwrap().call(&mut running.store, ()).unwrap();
    assert_eq!(running.call("started"), 9);
    assert_eq!(hidden_state(&module.code).unwrap().globals.len(), 1);
}

#[test]
fn a_global_of_another_type_stays() {
    let module = linked(
        r#"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0))) (import "env" "memory" (memory 1))
            (import "GOT.mem" "data" (global $address (mut i32))) (import "env" "__memory_base" (global i32))
            (global $changes (mut i32) (i32.const 1)) (export "data" (global $changes))
            (func (export "address") (result i32) (global.get $address)))"#,
    );
    assert_eq!(Running::new(&module).imported, ["env.memory", "GOT.mem.data"]);
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    let error = side_module(&wat::parse_str(text).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn what_is_no_side_module() {
    const ROOM: &str = "(@dylink.0 (mem-info (memory 0 0) (table 0 0)))";
    refused("(module)", "not a side module of Emscripten: it has no `dylink.0` section");
    let alone = "not a side module of Emscripten: it does not share the memory of Python";
    refused(&format!("(module {ROOM})"), alone);
    refused(&format!("(module {ROOM} (memory 1))"), alone);
    refused(
        &format!(
            r#"(module {ROOM} (import "env" "memory" (memory 1)) (export "taipan:start" (func 0)) (func))"#
        ),
        "export `taipan:start` has a name that the link step reserves",
    );
    refused(
        &format!(
            r#"(module {ROOM} (import "env" "memory" (memory 1)) (import "GOT.mem" "x" (global $x (mut i32)))
                (import "env" "__memory_base" (global i32)) (global $own i32 (i32.const 1))
                (export "x" (global $own)) (func (global.set $x (i32.const 1))))"#
        ),
        "not a side module of Emscripten: it changes the address of a symbol of its own",
    );
    let not_valid = wat::parse_str(format!(
        r#"(module {ROOM} (import "env" "memory" (memory 1)) (func (result i32)))"#
    ));
    assert!(side_module(&not_valid.unwrap()).is_err());
}

#[test]
fn names_that_nobody_can_look_up_or_show() {
    let library = |name: &str, expected: &str| {
        let text = format!(
            r#"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0)) (needed "{name}"))
                (import "env" "memory" (memory 1)))"#
        );
        refused(&text, &format!("the name {expected}"));
    };
    library("", r#""" of a shared library that it needs is no name"#);
    library("..", r#"".." of a shared library that it needs is a folder"#);
    library("../a.so", r#""../a.so" of a shared library that it needs is a path, not a name"#);
    let control = "of a shared library that it needs has a control character";
    library("a\\00b", &format!(r#""a\0b" {control}"#));
    library("\\1b[2J", &format!(r#""\u{{1b}}[2J" {control}"#));
    library("\\u{202e}", &format!(r#""\u{{202e}}" {control}"#));
    library(&"\\07".repeat(300), &format!(r#""{}…" {control}"#, "\\u{7}".repeat(200)));
    let symbol = |of: &str, expected: &str| {
        let text = format!(
            r#"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0))) (import "env" "memory" (memory 1)) {of})"#
        );
        refused(&text, &format!("the name {expected} has a control character"));
    };
    symbol(r#"(import "env" "a\0db" (func))"#, r#""a\rb" of an import"#);
    symbol(r#"(import "e\7f" "a" (func))"#, r#""e\u{7f}" of an import"#);
    symbol(r#"(func (export "\0a"))"#, r#""\n" of an export"#);
    // Subsection 5, the places.
    let place =
        r#"(module (@custom "dylink.0" "\05\05\01\03a\1bb") (import "env" "memory" (memory 1)))"#;
    let expected =
        r#""a\u{1b}b" of a place of the libraries that it needs has a control character"#;
    refused(place, &format!("the name {expected}"));
}

/// The error of a module whose `dylink.0` says this of its room, and which puts there what `rest` says.
#[track_caller]
fn refused_room(room: &str, rest: &str, expected: &str) {
    let text = format!(
        r#"(module (@dylink.0 (mem-info {room})) (import "env" "memory" (memory 1))
            (import "env" "__indirect_function_table" (table 1 funcref))
            (import "env" "__memory_base" (global $memory i32)) (import "env" "__table_base" (global $table i32))
            (func $f) {rest})"#
    );
    refused(&text, expected);
}

#[test]
fn room_that_nobody_can_give() {
    let asks = |what: &str| format!("its `dylink.0` section asks for {what} is possible");
    for bytes in [u32::MAX, 1 << 31, (1 << 30) + 1] {
        let expected = asks(&format!("{bytes} bytes of memory, and at most 1073741824"));
        refused_room(&format!("(memory {bytes} 0)"), "", &expected);
    }
    for exponent in [17, 28, 30, 31, 32, u32::MAX] {
        let of = |what| {
            asks(&format!("{exponent} as the exponent of its {what}' alignment, and at most 16"))
        };
        let memory = of("memory").replace("memory'", "memory's");
        refused_room(&format!("(memory 16 {exponent})"), "", &memory);
        // Without memory the glue computes nothing with it.
        refused_room(&format!("(memory 0 {exponent})"), "", &memory);
        refused_room(&format!("(table 1 {exponent})"), "", &of("elements"));
    }
    for elements in [u32::MAX, 1 << 31, 10_000_001] {
        let expected = asks(&format!("{elements} elements of the table, and at most 10000000"));
        refused_room(&format!("(table {elements} 0)"), "", &expected);
    }
}

#[test]
fn what_is_outside_of_its_room() {
    let outside = |what: &str| format!("its {what} that its `dylink.0` section asks for");
    let room = "(memory 16 0) (table 2 0)";
    let data = "(data (offset (i32.add (global.get $memory) (i32.const 14))) \"long\")";
    refused_room(room, data, &outside("data from 14 to 18 would be outside of the 16"));
    let before = "(data (offset (i32.add (i32.const -8) (global.get $memory))) \"long\")";
    let expected = outside("data from 4294967288 to 4294967292 would be outside of the 16");
    refused_room(room, before, &expected);
    let elements = "(elem (offset (global.get $table)) func $f $f $f)";
    refused_room(room, elements, &outside("elements from 0 to 3 would be outside of the 2"));
    let fixed = "not a side module of Emscripten: it has data or elements at a fixed place, not where it is loaded";
    refused_room(room, "(data (i32.const 1024) \"long\")", fixed);
    refused_room(room, "(elem (i32.const 1) func $f)", fixed);
    refused_room(room, "(data (global.get $table) \"long\")", fixed);
}

#[test]
fn all_of_its_room() {
    linked(
        r#"(module (@dylink.0 (mem-info (memory 16 16) (table 2 0))) (import "env" "memory" (memory 1))
            (import "env" "__indirect_function_table" (table 1 funcref))
            (import "env" "__memory_base" (global $memory i32)) (import "env" "__table_base" (global $table i32))
            (table $own 3 funcref)
            (func $f) (elem (offset (global.get $table)) func $f $f) (elem (table $own) (i32.const 1) func $f)
            (data (offset (i32.add (global.get $memory) (i32.const 12))) "long"))"#,
    );
}

/// Each prefix and each flipped byte of a module is refused, or linked, without a panic.
#[test]
fn damage() {
    let wasm = wat::parse_str(SYMBOLS).unwrap();
    for length in 0..wasm.len() {
        let _ = side_module(&wasm[..length]);
    }
    for place in 0..wasm.len() {
        let mut wasm = wasm.clone();
        for bits in [0x01, 0x80, 0xff] {
            wasm[place] ^= bits;
            if let Ok(module) = side_module(&wasm) {
                let _ = Module::new(&Engine::default(), &module.code);
            }
            wasm[place] ^= bits;
        }
    }
}

#[test]
fn exceptions_of_the_other_kind() {
    let check = |text: &str, main, expect: &str| {
        let checked = check_exceptions(&wat::parse_str(text).unwrap(), main);
        assert_eq!(checked.err().map(|error| error.to_string()).unwrap_or_default(), expect);
    };
    let (ours, of_javascript) = (Exceptions::WebAssembly, Exceptions::JavaScript);
    let tag = "(module (import \"env\" \"memory\" (memory 1)) (import \"env\" \"__cpp_exception\" (tag (param i32))))";
    let invoke = "(module (import \"env\" \"invoke_vi\" (func (param i32 i32))))";
    for (text, own) in [(tag, ours), (invoke, of_javascript), ("(module)", ours)] {
        check(text, own, "");
    }
    let expect = "it has exceptions of WebAssembly (it imports `__cpp_exception`), and this Pyodide has those of JavaScript";
    check(tag, of_javascript, expect);
    let expect = "it has exceptions of JavaScript (it imports `invoke_vi`), and this Pyodide has those of WebAssembly";
    check(invoke, ours, expect);
}

/// What never touches memory could not be stopped.
#[test]
fn loops_and_calls_store_a_word() {
    let module = linked(
        r#"(module (@dylink.0 (mem-info (memory 0 0) (table 0 0))) (import "env" "memory" (memory 1))
            (func (loop (br 0)))
            (func $recursive (call $recursive))
            (func (loop (i32.store (i32.const 8) (i32.const 1)) (br 0)))
            (func (result i32) (i32.const 1)))"#,
    );
    let mut stores = Vec::new();
    for payload in wasmparser::Parser::new(0).parse_all(&module.code) {
        if let wasmparser::Payload::CodeSectionEntry(body) = payload.unwrap() {
            let operators = body.get_operators_reader().unwrap().into_iter();
            let is_store = |operator: &wasmparser::Operator<'_>| {
                matches!(operator, wasmparser::Operator::I32Store { .. })
            };
            stores.push(operators.map(Result::unwrap).filter(is_store).count());
        }
    }
    assert_eq!(stores, [1, 1, 1, 0]);
}
