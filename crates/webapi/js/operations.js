// Host operations: the one place where the web platform meets the host.
//
// Every other module imports from here, never from "taipan:host". What the operations promise stands beside them, a
// file for each interface (src/operations/); src/operations.rs says what may cross. The engine's own are here:
//
//   owner() → in whose name JavaScript runs: a number
//   set_owner(number) → the one before       until the next event or promise job
//   utf8_encode(text) → Uint8Array
//   utf8_encode_into(text, bytes) → count of bytes written, whole characters only;
//       utf8_units_read is then the count of UTF-16 code units that they were
//   utf8_decode(buffer, offset, length, fatal, ignoreBOM) → text; TypeError when fatal and malformed
//   on_completion(callback)                  of an operation: its number, "ClassName: message" or null, and the value
//
// What is begun belongs to the request in whose name JavaScript runs, which the host sets for each event and promises
// hand on; it is given up when that request has ended (src/owner.rs). What waits for it is rejected then, timers too.

import host from "taipan:host";

/** What waits for the host: operation id → { resolve, reject }. */
const waiting = new Map();

host.on_completion((id, error, value) => {
  const waiter = waiting.get(id);
  // A completion may cross its own cancellation.
  if (waiter === undefined) return;
  waiting.delete(id);
  if (error === null) waiter.resolve(value);
  else waiter.reject(errorFromHost(error));
});

const CONSTRUCTORS = { Error, TypeError, RangeError, SyntaxError };

/** Of what was given up, since its request has ended (src/completion.rs). */
const ENDED = "EndedError";

/** The errors of what was given up: one without a handler is no fault. */
const ended = new WeakSet();

/** Whether an error says that something was given up because its request has ended. */
export function isEnded(error) {
  return ended.has(error);
}

/** The error that "ClassName: message" stands for; other names are those of a DOMException. */
function errorFromHost(text) {
  const colon = text.indexOf(": ");
  const name = colon < 0 ? "Error" : text.slice(0, colon);
  const message = colon < 0 ? text : text.slice(colon + 2);
  if (name === ENDED) {
    const error = new Error(message);
    ended.add(error);
    return error;
  }
  const constructor = Object.hasOwn(CONSTRUCTORS, name) ? CONSTRUCTORS[name] : null;
  return constructor === null ? new DOMException(message, name) : new constructor(message);
}

/** Calls `resolve` or `reject` when the operation ends. */
export function whenCompleted(id, resolve, reject = () => {}) {
  waiting.set(id, { resolve, reject });
}

/** A promise of the operation's value. */
export function completion(id) {
  return new Promise((resolve, reject) => whenCompleted(id, resolve, reject));
}

/** Forgets the operation: neither its value nor its error is delivered. */
export function cancel(id) {
  waiting.delete(id);
  host.operation_cancel(id);
}

/** Calls `work` in the name of `owner`. */
export function inTheNameOf(owner, work) {
  const before = host.set_owner(owner);
  try {
    return work();
  } finally {
    host.set_owner(before);
  }
}

export { host };
