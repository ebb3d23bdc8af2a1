//! What is read from a module and not changed: `dylink.0`, imports, wrappers.

use taipan_link::{
    DylinkFlags, ImportKind, ServedBy, WrapperType, classify, dylink, imports, wrapper_signature,
};

/// The modules that Pyodide 314.0.7 carries as bytes and compiles while it
/// runs: CPython's call trampoline (`getWasmTrampolineModule` in
/// `pyodide.asm.mjs`) and the error marker (`getJsvErrorImport` in
/// `pyodide.mjs`).
const TRAMPOLINE: &[u8] = include_bytes!("runtime_modules/trampoline.wasm");
const ERROR_MARKER: &[u8] = include_bytes!("runtime_modules/error_marker.wasm");

fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("text")
}

#[test]
fn dylink_section() {
    let found = dylink(&wasm(
        r#"(module
             (@dylink.0
               (mem-info (memory 1024 4) (table 12 2))
               (needed "liba.so" "libb.so")
               (export-info "counter" tls)
               (import-info "env" "maybe" binding-weak)
               (runtime-path "$ORIGIN/../lib")))"#,
    ));
    let found = found.expect("readable").expect("present");
    assert_eq!((found.memory_bytes, found.memory_alignment_log2), (1024, 4));
    assert_eq!((found.table_elements, found.table_alignment_log2), (12, 2));
    assert_eq!(found.needed, ["liba.so", "libb.so"]);
    assert_eq!(found.runtime_paths, ["$ORIGIN/../lib"]);
    let [export] = &found.exports[..] else { panic!("{:?}", found.exports) };
    assert_eq!((&*export.name, export.flags.is_thread_local()), ("counter", true));
    let [import] = &found.imports[..] else { panic!("{:?}", found.imports) };
    assert_eq!((&*import.module, &*import.name), ("env", "maybe"));
    assert_eq!((import.flags.is_weak(), import.flags.is_thread_local()), (true, false));
}

#[test]
fn local_binding_is_not_weak() {
    // `WASM_SYM_BINDING_MASK` has two bits; weak is one of them.
    assert!(!DylinkFlags(3).is_weak());
}

#[test]
fn no_dylink_section() {
    assert_eq!(dylink(&wasm("(module)")).expect("readable"), None);
}

#[test]
fn imports_and_who_serves_them() {
    let found = imports(&wasm(
        r#"(module
             (import "env" "now" (func (result f64)))
             (import "env" "write" (func (param i32 i64) (result i32)))
             (import "env" "pair" (func (result i32 externref)))
             (import "env" "table" (table 5 10 funcref))
             (import "env" "memory" (memory 480))
             (import "GOT.mem" "data" (global (mut i32)))
             (import "env" "base" (global i32))
             (import "env" "tag" (tag (param i32))))"#,
    ));
    let served = classify(found.expect("readable"), |import| match (import.kind, &*import.name) {
        (ImportKind::Function, "now") => ServedBy::Rust,
        (ImportKind::Function, "write") => ServedBy::Stub,
        (ImportKind::Function, _) => ServedBy::Nobody,
        _ => ServedBy::JavaScript,
    });
    let lines: Vec<_> = served
        .iter()
        .map(|served| {
            let import = &served.import;
            format!(
                "{} {}.{}: {} by {}",
                import.kind, import.module, import.name, import.signature, served.by
            )
        })
        .collect();
    assert_eq!(
        lines.join("\n"),
        "function env.now: () -> f64 by Rust\n\
         function env.write: (i32, i64) -> i32 by stub\n\
         function env.pair: () -> (i32, externref) by nobody\n\
         table env.table: funcref, 5 to 10 by JavaScript\n\
         memory env.memory: 480 or more pages by JavaScript\n\
         global GOT.mem.data: mut i32 by JavaScript\n\
         global env.base: i32 by JavaScript\n\
         tag env.tag: (i32) by JavaScript"
    );
}

#[test]
fn long_signatures_are_cut() {
    let text = format!(r#"(module (import "a" "b" (func (param {}))))"#, "i32 ".repeat(1000));
    let found = imports(&wasm(&text)).expect("readable");
    assert_eq!(found[0].signature, format!("({}…)", "i32, ".repeat(32)));
}

#[test]
fn wrappers() {
    use WrapperType::{ExternRef, F32, F64, I32, I64};
    check("0061736d0100000001860001608000800002070101650166000007050101660000", &[], &[]);
    check(
        "0061736d01000000018d00016086007f7e7d7c6f7f81007f02070101650166000007050101660000",
        &[I32, I64, F32, F64, ExternRef, I32],
        &[I32],
    );
}

/// `hex` is what `convertJsFunctionToWasm` writes for a signature.
#[track_caller]
fn check(hex: &str, parameters: &[WrapperType], results: &[WrapperType]) {
    let wrapper = wrapper_signature(&bytes(hex)).expect("a wrapper");
    assert_eq!((&*wrapper.parameters, &*wrapper.results), (parameters, results));
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    let byte = |pair: &[u32]| u8::try_from(pair[0] * 16 + pair[1]).expect("two digits");
    digits.chunks(2).map(byte).collect()
}

#[test]
fn no_wrappers() {
    for text in [
        "(module)",
        r#"(module (import "e" "f" (func)))"#,
        r#"(module (import "e" "g" (func)) (export "f" (func 0)))"#,
        r#"(module (import "e" "f" (func)) (export "g" (func 0)))"#,
        r#"(module (import "e" "f" (func)) (export "f" (func 0)) (export "g" (func 0)))"#,
        r#"(module (import "e" "f" (func)) (import "e" "f" (func)) (export "f" (func 0)))"#,
        r#"(module (import "e" "f" (func (param v128))) (export "f" (func 0)))"#,
        r#"(module (import "e" "f" (func (param funcref))) (export "f" (func 0)))"#,
        r#"(module (import "e" "f" (func)) (export "f" (func 0)) (memory 1))"#,
        r#"(module (import "e" "f" (global i32)) (export "f" (global 0)))"#,
        r#"(module (func (export "f")))"#,
    ] {
        assert_eq!(wrapper_signature(&wasm(text)), None, "{text}");
    }
    assert_eq!(wrapper_signature(TRAMPOLINE), None);
    assert_eq!(wrapper_signature(ERROR_MARKER), None);
    assert_eq!(wrapper_signature(b""), None);
}

#[test]
fn other_modules_that_pyodide_compiles_are_valid() {
    let mut config = wasmtime::Config::new();
    config.wasm_function_references(true).wasm_gc(true);
    let engine = wasmtime::Engine::new(&config).expect("engine");
    for module in [TRAMPOLINE, ERROR_MARKER] {
        assert_eq!(taipan_link::translate_exceptions(module).expect("readable"), module);
        wasmtime::Module::validate(&engine, module).expect("valid");
    }
}
