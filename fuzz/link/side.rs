//! Side modules: no input makes the linking panic, and what it makes is valid and can be stopped.

#![no_main]

use libfuzzer_sys::fuzz_target;
use taipan_link::{check_stoppable, side_module};
use wasmparser::{Validator, WasmFeatures};

fuzz_target!(|wasm: &[u8]| {
    if let Ok(linked) = side_module(wasm) {
        for module in [&linked.wasm, &linked.code] {
            Validator::new_with_features(WasmFeatures::WASM3)
                .validate_all(module)
                .expect("still valid");
            check_stoppable(module).expect("no bulk instructions");
        }
    }
});
