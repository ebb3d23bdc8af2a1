//! Native modules that mean harm, beside a worker that goes on: each is an `ImportError` or a limit, by name.

use crate::fixture::{Place, Serving};

const ENTRY: &str = "\
import importlib
from ctypes import CDLL
from importlib.util import find_spec
from js import URL, Response

async def on_fetch(request):
    name = URL.new(request.url).pathname[1:]
    if not name:
        return Response.new('here')
    if name.startswith('run/'):
        return Response.new(f'ran {CDLL(find_spec(name[4:]).origin).run()}')
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
pub(crate) fn module(dylink: &str, rest: &str) -> Vec<u8> {
    wat::parse_str(format!("(module (@dylink.0 {dylink}) {IMPORTS} {rest})")).unwrap()
}

/// A module whose function of initialisation is this.
fn initialised(name: &str, body: &str) -> Vec<u8> {
    module("(mem-info)", &format!("(func (export \"PyInit_{name}\") (result i32) {body})"))
}

/// A loop without an end. It touches memory, since that is what stops a guest (`guest/src/control.rs`).
const LOOP: &str = "(loop (i32.store (i32.const 0) (i32.load (i32.const 0))) (br 0))";

/// A module that asks for an address, beside what else it has.
fn asking(name: &str, rest: &str) -> Vec<u8> {
    module(
        "(mem-info (memory 16 0))",
        &format!("(import \"GOT.mem\" \"{name}\" (global (mut i32))) {rest}"),
    )
}

const BIGGEST: u32 = u32::MAX;

/// Bytes that the metadata may ask for, and that no isolate has.
const LARGE: u32 = 1 << 30;

/// How messages end that say what to do.
const REMEDY: &str =
    "install the package that has it, or a wheel that is built for this release of Pyodide";

/// A module: its name, its file, and how the answer to its import begins.
type Hostile = (&'static str, Vec<u8>, String);

fn not_loaded(name: &'static str, file: Vec<u8>, why: &str) -> Hostile {
    let path = format!("/session/metadata/python_modules/{name}.so");
    let begin = format!("ImportError: could not load dynamic lib: {path}\n{why}");
    (name, file, begin.replace("PATH", &path))
}

fn refused(name: &'static str, file: Vec<u8>, why: &str) -> Hostile {
    not_loaded(name, file, &format!("CompileError: PATH cannot be used: {why}"))
}

fn without_function(name: &'static str, file: Vec<u8>) -> Hostile {
    let begin = "ImportError: dynamic module does not define module export function (PyInit_";
    (name, file, format!("{begin}{name})"))
}

/// One that is loaded, and does nothing.
fn harmless(name: &'static str) -> Hostile {
    let begin = format!("SystemError: initialization of {name} failed");
    (name, initialised(name, "(i32.const 0)"), begin)
}

/// What they do.
fn doing() -> Vec<Hostile> {
    let constructor = format!("(func (export \"__wasm_call_ctors\") {LOOP})");
    let ended = || "the worker ended while it was answering".to_owned();
    let exceeded = || "the worker exceeded its limit of CPU time".to_owned();
    vec![
        ("trap", initialised("trap", "unreachable"), ended()),
        ("loop", initialised("loop", &format!("{LOOP} (i32.const 0)")), exceeded()),
        ("constructor", module("(mem-info)", &constructor), exceeded()),
        ("calls", calling("calls"), ended()),
        harmless("nothing"),
    ]
}

/// What they are, and what they say of themselves.
fn saying() -> Vec<Hostile> {
    let whole = initialised("cut", "unreachable");
    let damaged = "not a readable WebAssembly module";
    let room = |what: &str| module(&format!("(mem-info ({what}))"), "");
    let asks = |what: &str| format!("its `dylink.0` section asks for {what}, and at most");
    let placed = |offset: &str| {
        module("(mem-info (memory 16 0))", &format!("(data (offset {offset}) \"0123456789\")"))
    };
    let (memory, table) = (format!("memory {BIGGEST} 0"), format!("table {BIGGEST} 0"));
    let no_room =
        format!("RangeError: PATH asks for {LARGE} bytes of memory, and there is no room");
    vec![
        without_function("empty", module("(mem-info)", "")),
        refused("cut", whole[..whole.len() - 4].to_vec(), damaged),
        refused("text", b"#!/bin/sh\nexit 1\n".to_vec(), damaged),
        refused("memory", room(&memory), &asks(&format!("{BIGGEST} bytes of memory"))),
        refused("table", room(&table), &asks(&format!("{BIGGEST} elements of the table"))),
        refused(
            "aligned",
            room("memory 16 31"),
            &asks("31 as the exponent of its memory's alignment"),
        ),
        not_loaded("roomless", room(&format!("memory {LARGE} 0")), &no_room),
        refused(
            "path",
            needing("../../etc/x.so"),
            "the name \"../../etc/x.so\" of a shared library",
        ),
        refused(
            "nameless",
            needing(""),
            "the name \"\" of a shared library that it needs is no name",
        ),
        refused(
            "escape",
            needing("\\1b[2Jx.so"),
            "the name \"\\u{1b}[2Jx.so\" of a shared library",
        ),
        refused("zero", needing("x\\00.so"), "the name \"x\\0.so\" of a shared library"),
        refused(
            "import",
            module("(mem-info)", "(import \"env\" \"\\1b[2J\" (func))"),
            "the name \"\\u{1b}[2J\" of an import has a control character",
        ),
        refused(
            "outside",
            placed("(i32.add (global.get $memory) (i32.const -8))"),
            "its data from 4294967288 to 4294967298 would be outside of the 16",
        ),
        refused(
            "fixed",
            placed("(i32.const 1024)"),
            "not a side module of Emscripten: it has data or elements at a fixed place",
        ),
    ]
}

/// What they ask of others.
fn missing() -> Vec<Hostile> {
    let function = "(import \"env\" \"nobody_has_this\" (func))";
    let address = "(import \"GOT.func\" \"nobody_has_this\" (global (mut i32)))";
    let gift = "(global $gift i32 (i32.const 8)) (export \"_ZTI4gift\" (global $gift))";
    let gives = format!("(import \"GOT.mem\" \"_ZTI4gift\" (global (mut i32))) {gift}");
    let absent = |library| {
        format!("LinkError: the shared library {library}, which PATH needs, is not there: {REMEDY}")
    };
    let undefined = |names| {
        format!(
            "LinkError: PATH asks for the address of {names}, which no module defines: {REMEDY}"
        )
    };
    vec![
        not_loaded("itself", needing("itself.so"), &absent("itself.so")),
        not_loaded("needy", needing("nowhere.so"), &absent("nowhere.so")),
        without_function("nobody", module("(mem-info)", function)),
        not_loaded("address", asking("nobody_has_this", ""), &undefined("`nobody_has_this`")),
        not_loaded("two", asking("nor_this", address), &undefined("`nor_this`, `nobody_has_this`")),
        // What those asked for is in nobody's way.
        harmless("after"),
        // A module that is not loaded gives nothing.
        not_loaded("gives", asking("nobody_has_this", &gives), &undefined("`nobody_has_this`")),
        not_loaded("takes", asking("_ZTI4gift", ""), &undefined("`_ZTI4gift`")),
    ]
}

/// A module that needs a library.
fn needing(library: &str) -> Vec<u8> {
    module(&format!("(mem-info) (needed \"{library}\")"), "")
}

/// A module that imports a function that nobody has, and calls it late, or never.
const LATE: &str = "\
    (import \"env\" \"nobody_has_this\" (func $nobody (result i32))) \
    (func (export \"run\") (result i32) (call $nobody))";
const NEVER: &str = "\
    (import \"env\" \"nobody_has_this\" (func $nobody (result i32))) \
    (func $never (result i32) (call $nobody)) (func (export \"run\") (result i32) (i32.const 42))";

/// A module that calls a function that nobody has.
fn calling(name: &str) -> Vec<u8> {
    module(
        "(mem-info)",
        &format!(
            "(import \"env\" \"nobody_has_this\" (func $nobody)) \
             (func (export \"PyInit_{name}\") (result i32) (call $nobody) (i32.const 0))"
        ),
    )
}

#[test]
fn a_hostile_module_harms_its_own_request() {
    check(&[]);
}

#[test]
fn a_hostile_module_in_an_isolate_of_its_own() {
    check(&["--isolation", "fresh"]);
}

/// The dynamic linker of older releases is another.
#[test]
fn a_hostile_module_on_an_older_release() {
    check(&["--experimental", "--pyodide", "0.27.8"]);
}

#[track_caller]
fn check(release: &[&str]) {
    let place = Place::new(&[("entry.py", ENTRY), ("wrangler.jsonc", CONFIGURATION)]);
    let modules = [doing(), saying(), missing()].concat();
    let run = [("late", module("(mem-info)", LATE)), ("never", module("(mem-info)", NEVER))];
    let files = modules.iter().map(|(name, bytes, _)| (name, bytes));
    for (name, bytes) in files.chain(run.iter().map(|(name, bytes)| (name, bytes))) {
        let path = place.path().join(format!("python_modules/{name}.so"));
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, bytes).unwrap();
    }
    let serving = place.serve(&[&["serve", "--port", "0"], release].concat());
    for (name, _, expect) in &modules {
        // The second time it is no other than the first.
        for _ in 0..2 {
            let found = answer(&serving, name);
            let found = found.replace("Could not load", "could not load");
            assert!(found.starts_with(expect), "{name}: {found}\n--- instead of:\n{expect}");
            assert_eq!(answer(&serving, ""), "here");
        }
    }
    let says = |name: &str| {
        serving.line_with(&format!(
            "/session/metadata/python_modules/{name}.so calls the function `nobody_has_this`, which no module defines: \
             {REMEDY}"
        ));
    };
    says("calls");
    assert_eq!(answer(&serving, "run/never"), "ran 42");
    for _ in 0..2 {
        assert_eq!(answer(&serving, "run/late"), "the worker ended while it was answering");
        says("late");
        assert_eq!(answer(&serving, ""), "here");
    }
}

/// The body.
fn answer(serving: &Serving, name: &str) -> String {
    let text = serving.get(&format!("/{name}"), "");
    text.split_once("\n\n").map(|(_, body)| body.trim_end().to_owned()).unwrap_or(text)
}
