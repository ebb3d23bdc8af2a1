//! What a snapshot says of a worker's handles, clock, log and bindings: no input makes reading it panic.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = taipan_runtime::check_saved(bytes);
    let _ = taipan_runtime::saved_bindings(bytes);
});
