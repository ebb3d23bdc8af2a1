//! The link step: WebAssembly in, WebAssembly out; knows no engine.
