// What Python's objects mean to the web platform: the hook that `webapi/js/foreign.js` describes.
//
// Python itself says it (`_taipan/values.py`); here a refusal is thrown, and what was only borrowed is given back.

/// The hook, for `setForeignValues`.
export function pythonValues(pyodide) {
  const { PyProxy } = pyodide.ffi;
  const python = pyodide.pyimport("_taipan.values");
  // PyProxy has an `instanceof` of its own, which takes longer and is needed for functions only.
  const inherits = Function.prototype[Symbol.hasInstance];

  return {
    owns: (value) => inherits.call(PyProxy, value) || (typeof value === "function" && value instanceof PyProxy),
    text: (value, encoding) => given(python.text(value, encoding)),
    bytes: (value) => python.bytes_of(value) ?? null,
    borrow,
    body: (value, json) => given(python.body(value, json)),
    pairs: (value, encoding) => given(python.pairs(value, encoding)),
    items: (value) => given(python.items(value)),
    keep: (value) => value.copy(),
    members(value) {
      const proxies = [];
      // The caller converts them before anything else can run.
      queueMicrotask(() => proxies.forEach((proxy) => proxy.destroy()));
      return given(python.members(value, Object.fromEntries, proxies)) ?? value;
    },
    plain: (value) => given(python.plain(value, record)),
    json: (value) => given(python.as_json(value)),
    show: (value) => python.show(value),
  };
}

/// What a function of `_taipan/values.py` answered: a TypeError is thrown.
function given(answer) {
  if (answer instanceof TypeError) throw answer;
  return answer;
}

/// A mapping whose keys are all text is an object; any other a Map.
function record(pairs) {
  const entries = Array.from(pairs);
  return entries.every(([key]) => typeof key === "string") ? Object.fromEntries(entries) : new Map(entries);
}

function borrow(value, use) {
  if (typeof value.getBuffer !== "function") throw new TypeError(`a ${value.type} has no bytes to write to: give a bytearray`);
  const buffer = value.getBuffer();
  try {
    if (buffer.readonly) throw new TypeError(`a ${value.type} cannot be written to: give a bytearray`);
    if (!buffer.c_contiguous) throw new TypeError(`the bytes of the ${value.type} do not lie in one row`);
    return use(buffer.data);
  } finally {
    buffer.release();
  }
}
