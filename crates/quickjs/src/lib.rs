//! The JavaScript engine as a position-independent WebAssembly side module.
