//! Each import of the release is in the table.

use taipan_pyodide::import_table;
use wasmparser::{Parser, Payload};

use crate::release;

#[test]
fn every_import_has_a_server() {
    let releases = release::all();
    assert!(!releases.is_empty(), "no release is in the cache");
    for folder in releases {
        let module = release::read(&folder.join("pyodide.asm.wasm")).unwrap();
        let mut unknown = Vec::new();
        let mut count = 0;
        for payload in Parser::new(0).parse_all(&module) {
            let Payload::ImportSection(section) = payload.unwrap() else { continue };
            for import in section.into_imports() {
                let import = import.unwrap();
                count += 1;
                if import_table::server(import.module, import.name).is_none() {
                    unknown.push(format!("{} {}", import.module, import.name));
                }
            }
        }
        assert!(count > 400 && unknown.is_empty(), "{}: {unknown:?}", folder.display());
    }
}
