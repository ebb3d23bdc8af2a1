//! Imported globals that become the module's own.

use taipan_link::{Hidden, ImportName, Options, Variant, hidden_state, imports, link};
use wasmparser::{Validator, WasmFeatures};
use wasmtime::{Engine, Extern, Global, GlobalType, Instance, Module, Mutability, Store, Val};

/// A main module that imports globals between functions, exports one of them
/// itself, and has constant and mutable globals of its own.
const MAIN: &str = r#"
    (module
      (import "GOT.mem" "x" (global $x (mut i32)))
      (import "env" "double" (func $double (param i32) (result i32)))
      (import "GOT.func" "f.llvm.1" (global $f (mut i32)))
      (import "env" "wide" (global $wide (mut f64)))
      (memory (export "memory") 1)
      (global $constant i32 i32.const 100)
      (global $own (mut i32) i32.const 1000)
      (export "shown" (global $wide))
      (func (export "step") (param i32) (result i32)
        (global.set $wide (f64.add (global.get $wide) (f64.convert_i32_s (global.get $own))))
        (global.set $own (i32.add (global.get $own) (global.get $constant)))
        (global.set $x (call $double (i32.add (global.get $x) (local.get 0))))
        (i32.add (global.get $x) (i32.add (global.get $f) (global.get $own)))))"#;

/// What the imported globals begin with, in the module's order.
const INITIAL: [Val; 3] = [Val::I32(7), Val::I32(-3), Val::F64(0x3ff8_0000_0000_0000)];

fn owning(variant: Variant) -> Options {
    Options { own_globals: true, ..variant.into() }
}

fn linked(text: &str, options: Options) -> Vec<u8> {
    let wasm = link(&wat::parse_str(text).expect("text"), options).expect("linked");
    Validator::new_with_features(WasmFeatures::WASM3).validate_all(&wasm).expect("valid");
    wasm
}

fn show(values: &[Val]) -> String {
    let value = |value: &Val| match value {
        Val::I32(value) => value.to_string(),
        Val::F64(bits) => format!("{:?}", f64::from_bits(*bits)),
        other => panic!("no {other:?} expected"),
    };
    values.iter().map(value).collect::<Vec<_>>().join(" ")
}

/// Sets the globals of `MAIN` to `INITIAL`, calls it, and returns what came back
/// and what the globals are in the end.
fn run(options: Options) -> String {
    let wasm = linked(MAIN, options);
    let engine = Engine::default();
    let module = Module::new(&engine, &wasm).expect("compiled");
    let mut store = Store::new(&engine, ());
    let double = wasmtime::Func::wrap(&mut store, |value: i32| value.wrapping_mul(2));
    let mut globals = Vec::new();
    let mut externs: Vec<Extern> = Vec::new();
    for import in module.imports() {
        let Some(global) = import.ty().global().cloned() else {
            externs.push(double.into());
            continue;
        };
        let content = GlobalType::new(global.content().clone(), Mutability::Var);
        let zero = Val::default_for_ty(content.content()).expect("a default");
        globals.push(Global::new(&mut store, content, zero).expect("a global"));
        externs.push(globals[globals.len() - 1].into());
    }
    let instance = Instance::new(&mut store, &module, &externs).expect("instance");
    for hidden in hidden_state(&wasm).expect("readable").globals {
        if hidden.import.is_some() {
            globals.push(instance.get_global(&mut store, &hidden.export).expect("exported"));
        }
    }
    assert_eq!(globals.len(), INITIAL.len());
    for (global, value) in globals.iter().zip(INITIAL) {
        assert_eq!(show(&[global.get(&mut store)]).trim_end_matches(".0"), "0");
        global.set(&mut store, value).expect("mutable");
    }
    let step = instance.get_typed_func::<i32, i32>(&mut store, "step").expect("exported");
    let mut values = Vec::new();
    for argument in [1, -20, 300] {
        values.push(Val::I32(step.call(&mut store, argument).expect("no trap")));
    }
    values.extend(globals.iter().map(|global| global.get(&mut store)));
    show(&values)
}

#[test]
fn owned_or_imported_is_the_same_to_code() {
    let imported = run(Variant::Boot.into());
    assert_eq!(imported, "1113 1189 1881 584 -3 3301.5");
    for variant in [Variant::Boot, Variant::Resume] {
        assert_eq!(run(owning(variant)), imported);
    }
}

#[test]
fn owned_globals_are_listed_with_their_imports() {
    let wasm = linked(MAIN, owning(Variant::Boot));
    let describe = |Hidden { index, export, import }: &Hidden| match import {
        Some(ImportName { module, name }) => format!("{index} as {export}, was {name} of {module}"),
        None => format!("{index} as {export}"),
    };
    let globals = hidden_state(&wasm).expect("readable").globals;
    assert_eq!(
        globals.iter().map(describe).collect::<Vec<_>>(),
        [
            "0 as taipan:import:GOT.mem.x, was x of GOT.mem",
            "1 as taipan:import:GOT.func.f.llvm.1, was f.llvm.1 of GOT.func",
            "2 as shown, was wide of env",
            "4 as taipan:global:4",
        ]
    );
    let exports = Module::new(&Engine::default(), &wasm).expect("compiled");
    let exports: Vec<_> = exports.exports().map(|export| export.name().to_owned()).collect();
    assert!(exports.contains(&"taipan:import:env.wide".to_owned()), "{exports:?}");
    let imports = imports(&wasm).expect("readable");
    assert_eq!(imports.iter().map(|import| &*import.name).collect::<Vec<_>>(), ["double"]);
}

#[test]
fn every_sort_of_global_has_a_zero() {
    let text = r#"
        (module
          (import "a" "i64" (global (mut i64))) (import "a" "f32" (global (mut f32)))
          (import "a" "v128" (global (mut v128))) (import "a" "any" (global (mut externref)))
          (import "a" "func" (global (mut funcref)))
          (memory 1))"#;
    let wasm = linked(text, owning(Variant::Boot));
    let module = Module::new(&Engine::default(), &wasm).expect("compiled");
    assert_eq!((module.imports().len(), module.exports().len()), (0, 6));
}

#[test]
fn side_modules_keep_their_imports() {
    let text =
        r#"(module (import "env" "memory" (memory 1)) (import "GOT.mem" "x" (global (mut i32))))"#;
    assert_eq!(linked(text, owning(Variant::Boot)), linked(text, Variant::Boot.into()));
}

#[track_caller]
fn check_refused(import: &str, message: &str) {
    let wasm = wat::parse_str(format!("(module {import} (memory 1))")).expect("text");
    let error = link(&wasm, owning(Variant::Boot)).expect_err("refused");
    assert_eq!(error.to_string(), message);
    assert_eq!(
        error.hint().as_deref(),
        Some("link the module without owning its imported globals")
    );
    link(&wasm, Variant::Boot).expect("linked without owning");
}

#[test]
fn constant_global_is_refused() {
    check_refused(
        r#"(import "env" "__memory_base" (global i32))"#,
        "imported global `__memory_base` of `env` is constant or has no zero value",
    );
}

#[test]
fn global_without_zero_is_refused() {
    check_refused(
        r#"(import "env" "f" (global (mut (ref func))))"#,
        "imported global `f` of `env` is constant or has no zero value",
    );
}

#[test]
fn global_imported_twice_is_refused() {
    let import = r#"(import "GOT.mem" "x" (global (mut i32)))"#;
    check_refused(
        &import.repeat(2),
        "the global to be exported as `taipan:import:GOT.mem.x` is imported more than once",
    );
}

#[test]
fn module_with_a_dot_is_refused() {
    check_refused(
        r#"(import "a.b" "c" (global (mut i32)))"#,
        "imported global `c` of `a.b` cannot be named in an export",
    );
}
