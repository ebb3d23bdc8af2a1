// The interrupt buffer: how JavaScript tells Python of a signal, by a number in a typed array.
//
// CPython asks its embedder now and then (`Python/emscripten_signal.c`), which is Rust here, for the
// limit of CPU time and for signals of a script; when that has nothing to tell, it asks this.

let module;

/// `emscripten` is the module object of the glue, which keeps the buffer.
export function connect(emscripten) {
  module = emscripten;
}

/// That no signal is to be taken now.
const HELD = -1;
let held = 0;

/// Does `work`, which no signal disturbs: what of Python's state is half changed must not run a handler.
export function undisturbed(work) {
  held += 1;
  try {
    return work();
  } finally {
    held -= 1;
  }
}

/// The number of a signal that has come, 0, or -1 while none is to be taken.
export function take() {
  const buffer = module?.Py_EmscriptenSignalBuffer;
  if (buffer) {
    // The host has just told CPython not to ask again.
    module.HEAP8[module._Py_EMSCRIPTEN_SIGNAL_HANDLING] = 1;
  }
  if (held > 0) return HELD;
  if (!buffer) return 0;
  const signal = Number(buffer[0]);
  buffer[0] = 0;
  return signal;
}
