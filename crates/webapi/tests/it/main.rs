//! The web platform inside the real engine: its conformance cases, its operations in hostile hands, snapshots.

#![expect(clippy::unwrap_used, reason = "a test may end where it stands")]

#[path = "../../../guest/tests/it/fixture.rs"]
#[expect(dead_code, reason = "shared with the tests of the crate `guest`, which use more of it")]
mod fixture;
mod hostile;
mod limits;
mod platform;
mod unsaved;
