//! The patches match the release that they were made for.

use taipan_pyodide::{Family, modules, patches};

use crate::release;

#[test]
fn patches_apply_once() {
    let glue = String::from_utf8(release::file("pyodide.asm.mjs")).unwrap();
    let patches = Family::of("314.0.7").unwrap().patches();
    let patched = patches::apply(&glue, &patches).unwrap();
    for patch in patches {
        assert!(patches::apply(&patched, &[patch]).is_err(), "{}", patch.name);
    }
}

#[test]
fn trampoline_module() {
    let glue = String::from_utf8(release::file("pyodide.asm.mjs")).unwrap();
    let modules = modules::of_glue(&glue);
    let starts: Vec<_> = modules.iter().map(|module| (&module[..4], module.len())).collect();
    assert_eq!(starts, [(&b"\0asm"[..], 493)]);
}
