// Puts the web platform on the global object, as a worker of a browser has it:
// interfaces and functions are not enumerable or are, as Web IDL says.
//
// The library of streams looks for AbortController and DOMException when it
// makes a stream; both are there by then. DOMException, atob and btoa are the
// engine's own.

import { AbortController } from "./abort_controller.js";
import { AbortSignal } from "./abort_signal.js";
import { Blob } from "./blob.js";
import { console } from "./console.js";
import { Crypto, crypto } from "./crypto.js";
import { CustomEvent } from "./custom_event.js";
import { ErrorEvent } from "./error_event.js";
import { Event } from "./event.js";
import { EventTarget, fire } from "./event_target.js";
import { ExecutionContext } from "./execution_context.js";
import { fetch } from "./fetch.js";
import { File } from "./file.js";
import { FormData } from "./form_data.js";
import { globalTarget, globalTargetFunctions } from "./global_target.js";
import { Headers } from "./headers.js";
import { Performance, performance } from "./performance.js";
import { PromiseRejectionEvent } from "./promise_rejection_event.js";
import { reportError, setErrorDispatch } from "./report_error.js";
import { Request } from "./request.js";
import { Response } from "./response.js";
import { STREAM_INTERFACES } from "./streams.js";
import { markPlatformObjects, structuredClone } from "./structured_clone.js";
import { TextDecoder } from "./text_decoder.js";
import { TextDecoderStream } from "./text_decoder_stream.js";
import { TextEncoder } from "./text_encoder.js";
import { TextEncoderStream } from "./text_encoder_stream.js";
import { clearInterval, clearTimeout, setInterval, setTimeout } from "./timers.js";
import { URL } from "./url.js";
import { URLSearchParams } from "./url_search_params.js";
import { isError } from "./webidl.js";

const interfaces = {
  AbortController, AbortSignal, Blob, Crypto, CustomEvent, ErrorEvent, Event, EventTarget, ExecutionContext,
  File, FormData, Headers, Performance, PromiseRejectionEvent, Request, Response, TextDecoder,
  TextDecoderStream, TextEncoder, TextEncoderStream, URL, URLSearchParams, ...STREAM_INTERFACES,
};

const functions = {
  ...globalTargetFunctions, clearInterval, clearTimeout, fetch, queueMicrotask: globalThis.queueMicrotask, reportError,
  setInterval, setTimeout, structuredClone,
};

for (const [name, value] of Object.entries(interfaces)) {
  define(name, { value, writable: true });
  markPlatformObjects(value);
}
for (const [name, value] of Object.entries(functions)) define(name, { value, writable: true, enumerable: true });

// A namespace object, and attributes that a script may replace.
define("console", { value: console, writable: true });
for (const [name, value] of Object.entries({ crypto, performance, self: globalThis })) {
  define(name, { get: () => value, set: (other) => define(name, { value: other, writable: true, enumerable: true }), enumerable: true });
}

setErrorDispatch((error) => {
  const message = isError(error) ? error.message : `${typeof error}`;
  return fire(globalTarget, new ErrorEvent("error", { error, message, cancelable: true }));
});

function define(name, descriptor) {
  Object.defineProperty(globalThis, name, { configurable: true, ...descriptor });
}
