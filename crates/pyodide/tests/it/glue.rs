//! The patches match the release that they were made for.

use taipan_pyodide::modules;
use taipan_pyodide::patches::{self, PATCHES};

use crate::release;

#[test]
fn patches_apply_once() {
    let glue = String::from_utf8(release::file("pyodide.asm.mjs")).unwrap();
    let patched = patches::apply(&glue).unwrap();
    for patch in PATCHES {
        assert_eq!(patched.matches(patch.find).count(), 0, "{}", patch.name);
    }
}

#[test]
fn trampoline_module() {
    let glue = String::from_utf8(release::file("pyodide.asm.mjs")).unwrap();
    let modules = modules::of_glue(&patches::apply(&glue).unwrap()).unwrap();
    let starts: Vec<_> = modules.iter().map(|module| (&module[..4], module.len())).collect();
    assert_eq!(starts, [(&b"\0asm"[..], 493)]);
}
