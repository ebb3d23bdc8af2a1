//! One isolate: store, memory mapping, calls across, the WebAssembly JavaScript interface.
