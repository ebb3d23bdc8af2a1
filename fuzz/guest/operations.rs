//! Host operations with arbitrary arguments: the operation, then its arguments, by the bytes.
//!
//! The isolate of one run is new, the program is the process's. It needs the
//! bundle that `taipan bundle build` makes.

#![no_main]

#[path = "../../crates/guest/tests/it/fixture.rs"]
#[allow(dead_code, reason = "shared with the tests of the crate `guest`, which use more of it")]
mod fixture;

use std::sync::{Arc, OnceLock};

use libfuzzer_sys::fuzz_target;
use taipan_guest::{Error, Program};

/// Makes calls from bytes: which operation, how many arguments, and each of them.
const CALLER: &str = include_str!("caller.js");

/// Bytes of one run; more only take longer.
const INPUT_BYTES_MAX: usize = 4096;

fn program() -> &'static Arc<Program> {
    static PROGRAM: OnceLock<Arc<Program>> = OnceLock::new();
    PROGRAM.get_or_init(|| fixture::program_with(&[taipan_webapi::OPERATIONS, taipan_pyodide::OPERATIONS].concat()))
}

fuzz_target!(|input: &[u8]| {
    let input = &input[..input.len().min(INPUT_BYTES_MAX)];
    let source = format!("const input = {input:?};\n{CALLER}");
    let outcome = fixture::with_isolate(program(), |isolate| fixture::run(isolate, &source));
    // An exception of JavaScript, or the end of the isolate: anything but a panic.
    match outcome {
        Ok(()) | Err(Error::Exception(_) | Error::Wasm(_) | Error::Engine(_)) => {}
        Err(error) => assert!(matches!(error, Error::OutOfBounds { .. } | Error::OutOfMemory { .. }), "{error}"),
    }
});
