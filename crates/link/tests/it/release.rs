//! A Pyodide release, linked.
//!
//! The release is the unpacked npm package `pyodide`, in the directory that
//! `$TAIPAN_TEST_RELEASE` names.

use std::path::PathBuf;

use taipan_link::{
    HiddenState, Import, ImportKind, ImportName, Options, Variant, dylink, hidden_state, imports,
    link,
};
use wasmparser::{Validator, WasmFeatures};

#[expect(clippy::disallowed_methods, reason = "tests are told by the environment")]
fn main_module() -> Vec<u8> {
    let release = std::env::var_os("TAIPAN_TEST_RELEASE");
    let path = release.map_or_else(cached, PathBuf::from).join("pyodide.asm.wasm");
    fs_err::read(&path).unwrap_or_else(|error| {
        panic!("{error}; set TAIPAN_TEST_RELEASE to the unpacked npm package pyodide")
    })
}

#[test]
fn main_module_is_linked() {
    let original = main_module();
    let engine = {
        let mut config = wasmtime::Config::new();
        config.wasm_exceptions(true).wasm_function_references(true).wasm_gc(true);
        wasmtime::Engine::new(&config).expect("engine")
    };
    for (variant, bytes_max) in [(Variant::Boot, 10_000_000), (Variant::Resume, 7_000_000)] {
        let linked = link(&original, variant).expect("linked");
        Validator::new_with_features(WasmFeatures::WASM3).validate_all(&linked).expect("valid");
        wasmtime::Module::validate(&engine, &linked).expect("valid for wasmtime");
        assert!(linked.len() < bytes_max, "{variant:?} has {} bytes", linked.len());
        assert_eq!(
            dylink(&linked).expect("readable"),
            dylink(&original).expect("readable"),
            "{variant:?} keeps its dylink.0"
        );
        assert_eq!(
            names(&hidden_state(&linked).expect("readable")),
            "memory; \
             __indirect_function_table, taipan:table:1, taipan:table:2; \
             __stack_pointer, taipan:global:281, taipan:global:282, taipan:global:283"
        );
    }
}

#[test]
fn main_module_owns_its_globals() {
    let original = main_module();
    for variant in [Variant::Boot, Variant::Resume] {
        let linked = link(&original, Options { own_globals: true, ..variant.into() });
        let linked = linked.expect("linked");
        Validator::new_with_features(WasmFeatures::WASM3).validate_all(&linked).expect("valid");
        let owned = hidden_state(&linked).expect("readable").globals;
        let owned: Vec<_> = owned.into_iter().filter_map(|global| global.import).collect();
        let global = |import: &Import| import.kind == ImportKind::Global;
        let (globals, others): (Vec<_>, Vec<_>) =
            imports(&original).expect("readable").into_iter().partition(global);
        let names =
            globals.into_iter().map(|Import { module, name, .. }| ImportName { module, name });
        assert_eq!(owned, names.collect::<Vec<_>>());
        assert_eq!(imports(&linked).expect("readable"), others);
    }
}

#[test]
fn main_module_is_described() {
    let original = main_module();
    assert!(dylink(&original).expect("readable").is_some());
    let imports = imports(&original).expect("readable");
    let count = |kind| imports.iter().filter(|import| import.kind == kind).count();
    assert_eq!(
        [
            count(ImportKind::Function),
            count(ImportKind::Table),
            count(ImportKind::Memory),
            count(ImportKind::Global),
            count(ImportKind::Tag),
        ],
        [268, 0, 0, 280, 0]
    );
}

fn names(state: &HiddenState) -> String {
    let lists = [&state.memories, &state.tables, &state.globals];
    let names =
        lists.map(|list| list.iter().map(|hidden| &*hidden.export).collect::<Vec<_>>().join(", "));
    names.join("; ")
}

/// The release in the command's cache, which `cargo xtask test` fills first.
#[expect(clippy::disallowed_methods, reason = "tests are told by the environment")]
fn cached() -> PathBuf {
    let cache = std::env::var_os("TAIPAN_CACHE").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/taipan"),
        PathBuf::from,
    );
    let entries = std::fs::read_dir(cache.join("entries/npm")).into_iter().flatten().flatten();
    let mut found =
        entries.filter(|it| it.file_name().to_string_lossy().starts_with("pyodide-314"));
    found.next().map_or_else(|| cache.join("entries/npm/pyodide"), |entry| entry.path())
}
