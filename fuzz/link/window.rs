//! Windows: no input makes the rewriting panic, and what it makes is valid and can be stopped.

#![no_main]

use libfuzzer_sys::fuzz_target;
use taipan_link::{check_stoppable, window};
use wasmparser::{Validator, WasmFeatures};

fuzz_target!(|wasm: &[u8]| {
    if let Ok(rewritten) = window(wasm) {
        Validator::new_with_features(WasmFeatures::WASM3)
            .validate_all(&rewritten)
            .expect("still valid");
        check_stoppable(&rewritten).expect("no bulk instructions");
    }
});
