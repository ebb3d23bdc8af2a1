// The interrupt buffer: how JavaScript tells Python of a signal, by a number in a typed array.
//
// CPython asks its embedder now and then (`Python/emscripten_signal.c`), which is Rust here, for the
// limit of CPU time; when that has nothing to tell, it asks this.

let module;

/// `emscripten` is the module object of the glue, which keeps the buffer.
export function connect(emscripten) {
  module = emscripten;
}

/// The number of a signal that has come, or 0.
export function take() {
  const buffer = module?.Py_EmscriptenSignalBuffer;
  if (!buffer) return 0;
  // Whoever asked says that it need not ask again.
  module.HEAP8[module._Py_EMSCRIPTEN_SIGNAL_HANDLING] = 1;
  const signal = Number(buffer[0]);
  buffer[0] = 0;
  return signal;
}
