//! One isolate, from the outside: the engine, calls across, exceptions, memory, hostile guests, the standard.

#![expect(clippy::unwrap_used, reason = "a test may end where it stands")]

mod conformance;
mod engine;
mod exceptions;
mod fixture;
mod forging;
mod garbage;
mod hostile;
mod memory;
mod modules;
mod origin;
mod references;
mod resume;
mod stopping;
mod windows;
