//! The patches match the release that they were made for.

use taipan_pyodide::{Family, modules, patches, placement};

use crate::release;

#[test]
fn patches_apply_once() {
    for folder in release::all() {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let version = name.split('-').nth(1).unwrap();
        let glue = ["pyodide.asm.mjs", "pyodide.asm.js"].map(|file| folder.join(file));
        let glue = glue.iter().find_map(|path| release::read(path)).unwrap();
        let glue = String::from_utf8(glue).unwrap();
        let patches = Family::of(version).unwrap().patches();
        let patched = patches::apply(&glue, &patches).unwrap();
        for patch in patches {
            assert!(patches::apply(&patched, &[patch]).is_err(), "{version}: {}", patch.name);
        }
        let is_relocated = !placement(&glue).unwrap().is_empty();
        assert_eq!(is_relocated, version.starts_with("0."), "{version}");
    }
}

#[test]
fn trampoline_module() {
    let glue = String::from_utf8(release::file("pyodide.asm.mjs")).unwrap();
    let modules = modules::of_glue(&glue);
    let starts: Vec<_> = modules.iter().map(|module| (&module[..4], module.len())).collect();
    assert_eq!(starts, [(&b"\0asm"[..], 493)]);
}
