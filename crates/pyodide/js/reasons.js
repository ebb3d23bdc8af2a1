// Why a promise was rejected, as an error: what Python can raise.

/// `reason` itself, or an error that says what it is.
export function asError(reason) {
  if (!isTellable(reason)) return untellable();
  if (isError(reason)) return reason;
  return new Error(typeof reason === "string" ? reason : `a promise was rejected with ${describe(reason)}, which is no error`);
}

/// `error`, or one that says that it cannot be looked at: by a proxy whose traps throw, by a getter that does.
export const tellable = (error) => (isTellable(error) ? error : untellable());

function isTellable(value) {
  try {
    value?.stack;
    value?.message;
    value?.name;
    return true;
  } catch {
    return false;
  }
}

const untellable = () => new Error("what was thrown cannot be looked at: a trap or a getter of it throws");

/// What Pyodide makes an exception of.
function isError(value) {
  return value instanceof Error || (typeof value?.stack === "string" && typeof value.message === "string");
}

function describe(value) {
  try {
    return String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}

/// What the engine says when a class is called without `new`.
const WITHOUT_NEW = new Set(["class constructors must be invoked with 'new'", "must be called with new", "constructor requires 'new'"]);

/// A stack whose first frame is a class, which Python itself has called.
const CLASS_CALLED_BY_PYTHON = /^\s*at (\w+) \([^\n]*\n(?:\s*at apply \(native\)\n)*\s*at \w+ \(taipan:pyodide\/glue:/;

/// `error`, which Python is about to raise. What says that a class was called without `new` says how Python calls it.
export function namingClass(error) {
  // Not by what a program may have put in its place.
  if (!Error.isError(error) || !WITHOUT_NEW.has(Object.getOwnPropertyDescriptor(error, "message")?.value)) return error;
  const name = CLASS_CALLED_BY_PYTHON.exec(error.stack)?.[1];
  if (name !== undefined) error.message = `${name} is a class of JavaScript: write ${name}.new(…)`;
  return error;
}
