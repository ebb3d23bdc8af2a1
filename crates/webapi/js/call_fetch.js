// A call of the kind `fetch`: a request has come, and a Response answers it.

import { handOver, isUnusable } from "./body.js";
import { HandlerFault } from "./handler_fault.js";
import { inspect } from "./inspect.js";
import { host } from "./operations.js";
import { abortRequest, requestFromHost } from "./request.js";
import { isResponse, responseHeaders, responseParts } from "./response.js";
import { isBufferSource } from "./webidl.js";

export const fetchCall = { subject: requestFromHost, cancel: abortRequest, isAnswer: isResponse, whyNoAnswer, send };

function send(requestId, entry, response) {
  const parts = responseParts(response);
  const { data, id, sent, stop } = handOver(parts.body);
  entry.stop = stop;
  // If only the answer is left, unread bodies are given up before it goes: the server says so in the answer's head.
  const last = sent === null && entry.waiting === 1;
  host.response_start(requestId, parts.status, parts.statusText, responseHeaders(parts), data, id, last);
  return sent;
}

/** Why this is no answer, or null. */
function whyNoAnswer(response) {
  const wrong = (message) => new HandlerFault(`TypeError: ${message}`, "", "not_a_response");
  if (!isResponse(response)) return wrong(`the handler returned ${inspect(response)}, not a Response${remedy(response)}`);
  const { body, type } = responseParts(response);
  if (isUnusable(body)) return wrong("the body of the Response has been used or is locked");
  return type === "error" ? wrong("the handler returned Response.error()") : null;
}

/** What to return instead. */
function remedy(value) {
  if (typeof value === "string" || isBufferSource(value)) return ": return new Response(…)";
  if (Array.isArray(value) || Object.getPrototypeOf(value ?? 0) === Object.prototype) return ": return Response.json(…)";
  return value === undefined ? ": does each way through it end with `return`?" : "";
}
