//! Native modules that mean harm, beside a worker that goes on: each is an `ImportError` or a limit, by name.

use crate::fixture::{Place, Serving};

const ENTRY: &str = "\
import importlib
from js import URL, Response

async def on_fetch(request):
    name = URL.new(request.url).pathname[1:]
    if not name:
        return Response.new('here')
    try:
        importlib.import_module(name)
    except Exception as error:
        return Response.new(f'{type(error).__name__}: {error}')
    return Response.new('imported')
";

const CONFIGURATION: &str = r#"{
  "name": "worker", "main": "entry.py", "compatibility_date": "2026-11-01", "limits": { "cpu_ms": 300 }
}"#;

/// What every module imports.
const IMPORTS: &str = r#"
  (import "env" "memory" (memory 1))
  (import "env" "__indirect_function_table" (table 1 funcref))
  (import "env" "__memory_base" (global $memory i32))
  (import "env" "__table_base" (global $table i32))"#;

/// A module: what its `dylink.0` says, and what it has besides.
fn module(dylink: &str, rest: &str) -> Vec<u8> {
    wat::parse_str(format!("(module (@dylink.0 {dylink}) {IMPORTS} {rest})")).unwrap()
}

/// A module whose function of initialisation is this.
fn initialised(name: &str, body: &str) -> Vec<u8> {
    module("(mem-info)", &format!("(func (export \"PyInit_{name}\") (result i32) {body})"))
}

/// A loop without an end. It touches memory, since that is what stops a guest (`guest/src/control.rs`).
const LOOP: &str = "(loop (i32.store (i32.const 0) (i32.load (i32.const 0))) (br 0))";

const BIGGEST: u32 = u32::MAX;

/// The modules: name, file, and how the answer to an import begins.
fn modules() -> Vec<(&'static str, Vec<u8>, String)> {
    let whole = initialised("cut", "unreachable");
    let constructor = format!("(func (export \"__wasm_call_ctors\") {LOOP})");
    let data = "(data (i32.const -8) \"0123456789abcdef\")";
    let imports = "(import \"env\" \"nobody_has_this\" (func))";
    let no_function = |name| {
        format!(
            "ImportError: dynamic module does not define module export function (PyInit_{name})"
        )
    };
    let not_loaded = |name, why| {
        let path = format!("/session/metadata/python_modules/{name}.so");
        format!("ImportError: could not load dynamic lib: {path}\n{why}").replace("PATH", &path)
    };
    let damaged = "CompileError: PATH cannot be used: not a readable WebAssembly module";
    let ended = || "the worker ended while it was answering".to_owned();
    let exceeded = || "the worker exceeded its limit of CPU time".to_owned();
    let table = format!("(mem-info (table {BIGGEST} 0))");
    vec![
        ("trap", initialised("trap", "unreachable"), ended()),
        ("loop", initialised("loop", &format!("{LOOP} (i32.const 0)")), exceeded()),
        ("constructor", module("(mem-info)", &constructor), exceeded()),
        (
            "nothing",
            initialised("nothing", "(i32.const 0)"),
            "SystemError: initialization of nothing failed".to_owned(),
        ),
        ("nobody", module("(mem-info)", imports), no_function("nobody")),
        ("memory", module(&format!("(mem-info (memory {BIGGEST} 0))"), ""), no_function("memory")),
        ("aligned", module("(mem-info (memory 16 31))", ""), no_function("aligned")),
        ("empty", module("(mem-info)", ""), no_function("empty")),
        ("table", module(&table, ""), not_loaded("table", "RangeError: WebAssembly.Table.grow()")),
        ("itself", module("(mem-info) (needed \"itself.so\")", ""), not_loaded("itself", "")),
        ("needy", module("(mem-info) (needed \"nowhere.so\")", ""), not_loaded("needy", "")),
        ("cut", whole[..whole.len() - 4].to_vec(), not_loaded("cut", damaged)),
        ("text", b"#!/bin/sh\nexit 1\n".to_vec(), not_loaded("text", damaged)),
        (
            "outside",
            module("(mem-info (memory 16 0))", data),
            not_loaded("outside", "RangeError: 16 bytes at address 4294967288 are outside"),
        ),
    ]
}

#[test]
fn a_hostile_module_harms_its_own_request() {
    let place = Place::new(&[("entry.py", ENTRY), ("wrangler.jsonc", CONFIGURATION)]);
    let modules = modules();
    for (name, bytes, _) in &modules {
        let path = place.path().join(format!("python_modules/{name}.so"));
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, bytes).unwrap();
    }
    let serving = place.serve(&["serve", "--port", "0"]);
    for (name, _, expect) in &modules {
        // The second time it is no other than the first.
        for _ in 0..2 {
            let found = answer(&serving, name);
            assert!(found.starts_with(expect), "{name}: {found}\n--- instead of:\n{expect}");
            assert_eq!(answer(&serving, ""), "here");
        }
    }
}

/// The body.
fn answer(serving: &Serving, name: &str) -> String {
    let text = serving.get(&format!("/{name}"), "");
    text.split_once("\n\n").map(|(_, body)| body.trim_end().to_owned()).unwrap_or(text)
}
