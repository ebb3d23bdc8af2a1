//! Translating exceptions: no input makes it panic, and what is valid with
//! legacy exceptions is valid without them afterwards.

#![no_main]

use libfuzzer_sys::fuzz_target;
use taipan_link::translate_exceptions;
use wasmparser::{Validator, WasmFeatures};

fuzz_target!(|wasm: &[u8]| {
    let translated = translate_exceptions(wasm);
    let legacy = WasmFeatures::WASM3 | WasmFeatures::LEGACY_EXCEPTIONS;
    if Validator::new_with_features(legacy).validate_all(wasm).is_err() {
        return;
    }
    // A valid module may be refused, but for its size only or because a
    // function has both forms of exceptions.
    if let Ok(translated) = translated {
        Validator::new_with_features(WasmFeatures::WASM3)
            .validate_all(&translated)
            .expect("still valid");
    }
});
