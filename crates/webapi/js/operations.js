// Host operations: the one place where the web platform meets Rust.
//
// Every other module imports from here, never from "taipan:host". What crosses
// is undefined, null, boolean, number, string, Uint8Array or ArrayBuffer.
//
// A header list is one string, "name: value\r\n" for each header, every
// character U+0000 to U+00FF standing for one byte. A text body is a string
// that the host encodes as UTF-8, a lone surrogate as U+FFFD. A body id names
// one end of a byte channel in the host; whoever was given the id owns it.
//
// What is begun belongs to the request in whose name JavaScript runs, which the
// host sets for each event and promises hand on; it is given up when that request
// has ended (src/owner.rs). What waits for it is rejected then, timers too.
//
// At once:
//   console(level, text)                     level: "debug" "log" "info" "warn" "error"
//   monotonic_now() → milliseconds since time_origin(), a fraction included
//   time_origin() → milliseconds since the Unix epoch
//   owner() → in whose name JavaScript runs: a number
//   set_owner(number) → the one before       until the next event or promise job
//   random_fill(bytes)                       fills a Uint8Array from the host's entropy
//   utf8_encode(text) → Uint8Array
//   utf8_encode_into(text, bytes) → count of bytes written, whole characters only;
//       utf8_units_read is then the count of UTF-16 code units that they were
//   utf8_decode(buffer, offset, length, fatal, ignoreBOM) → text; TypeError when fatal and malformed
//   encoding_for_label(label) → the encoding's name in lower case, or null
//   text_decode(encoding, bytes, fatal, ignoreBOM) → text; TypeError when fatal and malformed
//   text_decoder_open(encoding, fatal, ignoreBOM) → decoder id
//   text_decoder_decode(id, bytes, last) → text; `last` ends and forgets the decoder, and so does an error
//   text_decoder_close(id)                   forgets a decoder; unknown ids are ignored
//   bytes_find(bytes, pattern) → where the pattern begins, as decimal numbers with a space between, none in another
//   url_parse(input, base or null) → parts, or null; the parts are joined by "\n":
//       href origin protocol username password hostname port pathname search hash
//   url_set(href, part, value) → parts, or null when nothing changed
//   body_open() → body id whose write end is ours; the id is handed on to be read
//   body_read_now(body) → Uint8Array when bytes are waiting, null at the end, undefined when it must be awaited
//   body_close(body)                         ends what we write
//   body_abort(body, message)                ends what we write with an error
//   body_cancel(body)                        gives up reading
//   response_start(request, status, statusText, headers, bytes or text or null, body id or -1, last)
//                                            last: what the request still has to read is given up before it is answered
//   response_fault(request, kind, message, detail)
//   request_done(request)                    nothing more will happen for this request: what it opened is given up
//   operation_cancel(operation)              unknown ids are ignored
//
// Started at once, returning an operation id, and completed later; an Error when the request has ended:
//   timer_start(milliseconds) → undefined; RangeError when too many wait
//   body_read(body) → Uint8Array, or null at the end
//   body_write(body, bytes) → undefined, once there is room for more
//   fetch_start(method, url, headers, body id or bytes or text or null, redirect mode) → JSON; Error when
//       too many were made:
//       { status, statusText, url, redirected, headers, body: body id or -1 }

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

/** Of what was given up, since its request has ended (src/operations.rs). */
const ENDED = "EndedError";

/** The errors of what was given up: that nobody waits for it is no fault. */
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
