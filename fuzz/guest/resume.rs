//! Isolates resumed from states that were tampered with. The memory is as it was.
//!
//! It needs the bundle that `taipan bundle build` makes.

#![no_main]

mod captured;
#[path = "../../crates/guest/tests/it/fixture.rs"]
#[allow(dead_code, reason = "shared with the tests of the crate `guest`, which use more of it")]
mod fixture;
#[path = "../../crates/guest/tests/it/forging.rs"]
mod forging;

use std::sync::OnceLock;

use captured::Captured;
use libfuzzer_sys::fuzz_target;

/// Bytes of one run: a hundred changes.
const INPUT_BYTES_MAX: usize = 400;

/// What every run begins with, and its state as bytes.
fn captured() -> &'static (Captured, Vec<u8>) {
    static CAPTURED: OnceLock<(Captured, Vec<u8>)> = OnceLock::new();
    CAPTURED.get_or_init(|| {
        let captured = Captured::new(fixture::program(), "");
        let state = postcard::to_stdvec(&captured.state).expect("a state can be encoded");
        (captured, state)
    })
}

fuzz_target!(|input: &[u8]| {
    let (captured, state) = captured();
    let Some(state) = forging::forge(state, &input[..input.len().min(INPUT_BYTES_MAX)]) else {
        return;
    };
    // What comes of it is the guest's: anything but a panic.
    let _ran = captured.run(state, "[1, 2, 3].map(String).join();");
});
