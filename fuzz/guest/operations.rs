//! Host operations with arbitrary arguments: the operation, then its arguments, by the bytes.
//!
//! The isolate of one run is its own, the program is the process's. It needs the
//! bundle that `taipan bundle build` makes.

#![no_main]

mod captured;
#[path = "../../crates/guest/tests/it/fixture.rs"]
#[allow(dead_code, reason = "shared with the tests of the crate `guest`, which use more of it")]
mod fixture;

use std::sync::OnceLock;

use captured::Captured;
use libfuzzer_sys::fuzz_target;
use taipan_guest::Error;

/// Makes calls from bytes: which operation, how many arguments, and each of them.
const CALLER: &str = include_str!("caller.js");

/// Bytes of one run; more only take longer.
const INPUT_BYTES_MAX: usize = 4096;

fn captured() -> &'static Captured {
    static CAPTURED: OnceLock<Captured> = OnceLock::new();
    CAPTURED.get_or_init(|| {
        let operations = [&taipan_webapi::OPERATIONS.concat(), taipan_pyodide::OPERATIONS].concat();
        Captured::new(&fixture::program_with(&operations), CALLER)
    })
}

fuzz_target!(|input: &[u8]| {
    let input = &input[..input.len().min(INPUT_BYTES_MAX)];
    let captured = captured();
    // An exception of JavaScript, or the end of the isolate: anything but a panic.
    match captured.run(captured.state.clone(), &format!("play({input:?})")) {
        Ok(()) | Err(Error::Exception(_) | Error::Wasm(_) | Error::Engine(_)) => {}
        Err(error) => assert!(
            matches!(error, Error::OutOfBounds { .. } | Error::OutOfMemory { .. }),
            "{error}"
        ),
    }
});
