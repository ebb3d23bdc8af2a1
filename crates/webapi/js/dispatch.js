// What the runtime calls: a request comes in, a client goes away, a promise
// was rejected and nobody cared. The handlers themselves belong to the worker.

import { handOver, isUnusable } from "./body.js";
import { logError } from "./console.js";
import { createContext } from "./execution_context.js";
import { fire } from "./event_target.js";
import { globalTarget } from "./global_target.js";
import { inspect } from "./inspect.js";
import { host } from "./operations.js";
import { PromiseRejectionEvent } from "./promise_rejection_event.js";
import { abortRequest, requestFromHost } from "./request.js";
import { isResponse, responseHeaders, responseParts } from "./response.js";
import { isError } from "./webidl.js";

/** What a handler answers instead of throwing, when it has put its error into words itself. */
export class HandlerFault {
  constructor(message, detail) {
    this.message = message;
    this.detail = detail;
  }
}

const handlers = new Map();

let environment = Object.freeze({});

/** request id → { request, waiting: how much must still settle, canceled: why, stop: ends the response's stream } */
const active = new Map();

/** Registers what answers events of a kind, "fetch" so far: handler(request, environment, context). */
export function setHandler(kind, handler) {
  if (typeof handler !== "function") throw new TypeError(`the handler for ${kind} is not a function`);
  handlers.set(kind, handler);
}

/** The second argument of every handler. */
export function setEnvironment(value) {
  environment = value;
}

/** Begins to answer a request; the rest is told through host operations. */
export function fetch(requestId, method, url, headers, bodyId) {
  const request = requestFromHost(method, url, headers, bodyId);
  const entry = { request, waiting: 0, canceled: null, stop: null };
  active.set(requestId, entry);
  extend(requestId, entry, answer(requestId, entry));
}

/** The client has gone away. */
export function cancel(requestId) {
  const entry = active.get(requestId);
  if (entry === undefined) return;
  const reason = new DOMException("the client has disconnected", "AbortError");
  entry.canceled = reason;
  abortRequest(entry.request, reason);
  entry.stop?.(reason);
}

/** A promise was rejected and has no handler at the end of the turn. */
export function unhandledRejection(promise, reason) {
  const event = new PromiseRejectionEvent("unhandledrejection", { promise, reason, cancelable: true });
  if (fire(globalTarget, event)) logError("Uncaught (in promise)", reason);
}

/** A promise that was reported got a handler after all. */
export function rejectionHandled(promise, reason) {
  fire(globalTarget, new PromiseRejectionEvent("rejectionhandled", { promise, reason }));
}

/** Counts `promise` among what the request waits for. */
function extend(requestId, entry, promise) {
  entry.waiting++;
  const settled = () => {
    entry.waiting--;
    if (entry.waiting > 0) return;
    active.delete(requestId);
    host.request_done(requestId);
  };
  promise.then(settled, (error) => {
    logError("Uncaught (in waitUntil)", error);
    settled();
  });
}

async function answer(requestId, entry) {
  let response;
  try {
    const handler = handlers.get("fetch");
    if (handler === undefined) return fault(requestId, "no_handler", new TypeError("the worker has no fetch handler"));
    const context = createContext((promise) => extend(requestId, entry, promise));
    response = await handler(entry.request, environment, context);
  } catch (error) {
    return fault(requestId, "exception", error);
  }
  if (response instanceof HandlerFault) {
    return host.response_fault(requestId, "exception", response.message, response.detail);
  }
  if (!isResponse(response)) {
    return fault(requestId, "not_a_response", new TypeError(`the handler returned ${inspect(response)}, not a Response`));
  }
  return respond(requestId, entry, responseParts(response));
}

async function respond(requestId, entry, parts) {
  if (isUnusable(parts.body)) {
    return fault(requestId, "not_a_response", new TypeError("the body of the Response has been used or is locked"));
  }
  if (parts.type === "error") {
    return fault(requestId, "not_a_response", new TypeError("the handler returned Response.error()"));
  }
  const { data, id, sent, stop } = handOver(parts.body);
  entry.stop = stop;
  host.response_start(requestId, parts.status, parts.statusText, responseHeaders(parts), data, id);
  if (entry.canceled !== null) stop?.(entry.canceled);
  if (sent === null) return undefined;
  try {
    await sent;
  } catch (error) {
    // A client that went away is no fault of the worker's.
    if (entry.canceled === null) fault(requestId, "body", error);
  }
  return undefined;
}

function fault(requestId, kind, error) {
  const message = isError(error) ? `${error.name}: ${error.message}` : inspect(error);
  host.response_fault(requestId, kind, message, inspect(error));
}
