//! Linking and describing a module: no input makes it panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use taipan_link::{Options, Variant, dylink, hidden_state, imports, link, wrapper_signature};

fuzz_target!(|wasm: &[u8]| {
    for variant in [Variant::Boot, Variant::Resume] {
        let options = Options {
            memory_pages_max: Some(100),
            names: false,
            own_globals: true,
            own_memory: true,
            known_globals: vec![("__memory_base".into(), 1024), ("__table_base".into(), 1)],
            ..variant.into()
        };
        if let Ok(linked) = link(wasm, options) {
            hidden_state(&linked).expect("what was linked can be read");
        }
    }
    let _ = (dylink(wasm), imports(wasm), hidden_state(wasm), wrapper_signature(wasm));
});
