//! The JavaScript engine as a position-independent WebAssembly side module.
//!
//! This crate has the bytes only: QuickJS-ng and `c/engine.c`, compiled by the
//! build script. What calls it is the crate `guest`.

/// The side module, with `dylink.0`; imports libc from the module that it is
/// linked into, and `host` from the embedder.
pub const ENGINE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/engine.wasm"));
