// Why a promise was rejected, as an error: what Python can raise.

/// `reason` itself, or an error that says what it is.
export function asError(reason) {
  if (isError(reason)) return reason;
  return new Error(typeof reason === "string" ? reason : `a promise was rejected with ${describe(reason)}, which is no error`);
}

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
