// https://fetch.spec.whatwg.org/#response-class
//
// The common answer, a string or bytes with a status and some headers, makes
// neither a stream nor, when no headers are given, a Headers object.

import { cloneBody, bodyFromHost, defineBody, extractBody, isUnusable } from "./body.js";
import { languageOf, refuseOptions } from "./foreign.js";
import { Headers, headersFromHost, headersToHost, makeImmutable } from "./headers.js";
import { notUrl, parseHref } from "./url.js";
import { INTERNAL, defineInterface, requireArguments, toByteString, toDictionary, toUnsignedShort, toUSVString } from "./webidl.js";

const NULL_BODY_STATUSES = [101, 103, 204, 205, 304];
const REDIRECT_STATUSES = [301, 302, 303, 307, 308];
/** Statuses that a worker may choose. */
const STATUS_MIN = 200;
const STATUS_MAX = 599;

/** How the options of a response are given. */
const INIT_EXAMPLE = "status=404 in Python, { status: 404 } in JavaScript";

/** A response that fetch received. */
export let responseFromHost;

/** The private record: { type, url, redirected, status, statusText, headers or null, rawHeaders, body, immutable } */
export let responseParts;

export let isResponse;

export class Response {
  #state;

  constructor(body = null, init = undefined) {
    if (body === INTERNAL) this.#state = init;
    else this.#state = makeState(body, toDictionary(init, "the second argument", INIT_EXAMPLE));
  }

  static error() {
    return new Response(INTERNAL, { ...emptyState(), type: "error", status: 0, immutable: true });
  }
  static redirect(url, status = 302) {
    requireArguments(arguments.length, 1, "Response.redirect");
    for (const argument of [url, status]) refuseOptions(argument, ["url", "status"], "Response.redirect(url, 301)", "the arguments have no names");
    const text = toUSVString(url);
    const location = parseHref(text);
    if (location === null) throw notUrl(text);
    const code = toUnsignedShort(status);
    if (!REDIRECT_STATUSES.includes(code)) throw new RangeError(`${code} is not the status of a redirect`);
    const rawHeaders = `location: ${location}\r\n`;
    return new Response(INTERNAL, { ...emptyState(), status: code, rawHeaders, immutable: true });
  }
  static json(data, init = undefined) {
    requireArguments(arguments.length, 1, "Response.json");
    if (languageOf(data?.data) !== null) refuseOptions(data, ["data"], "Response.json(data, status=…)");
    const text = languageOf(data)?.json(data) ?? JSON.stringify(data);
    if (text === undefined) throw new TypeError("the value has no JSON");
    return new Response(INTERNAL, makeState(text, toDictionary(init, "the second argument", INIT_EXAMPLE), "application/json"));
  }

  get type() { return this.#state.type; }
  get url() { return this.#state.url; }
  get redirected() { return this.#state.redirected; }
  get status() { return this.#state.status; }
  get ok() { return this.#state.status >= 200 && this.#state.status <= 299; }
  get statusText() { return this.#state.statusText; }
  get headers() {
    const state = this.#state;
    state.headers ??= headersFromHost(state.rawHeaders, state.immutable);
    return state.headers;
  }
  clone() {
    const state = this.#state;
    if (isUnusable(state.body)) throw new TypeError("the body has been used or is locked");
    const headers = new Headers(this.headers);
    if (state.immutable) makeImmutable(headers);
    return new Response(INTERNAL, { ...state, headers, body: cloneBody(state.body) });
  }

  static {
    responseFromHost = ({ status, statusText, url, redirected, headers, body }) => new Response(INTERNAL, {
      ...emptyState(), type: "basic", url, redirected, status, statusText, rawHeaders: headers,
      body: body < 0 ? null : bodyFromHost(body), immutable: true,
    });
    responseParts = (response) => response.#state;
    isResponse = (value) => typeof value === "object" && value !== null && #state in value;
  }
}

defineBody(Response, (response) => {
  const { body } = responseParts(response);
  return { body, get contentType() { return response.headers.get("content-type"); } };
});
defineInterface(Response);

/** The header list of a response for the host. */
export function responseHeaders({ headers, rawHeaders }) {
  return headers === null ? rawHeaders : headersToHost(headers);
}

function emptyState() {
  return {
    type: "default", url: "", redirected: false, status: 200, statusText: "", headers: null, rawHeaders: "",
    body: null, immutable: false,
  };
}

/** https://fetch.spec.whatwg.org/#initialize-a-response */
function makeState(given, init, contentType = null) {
  const state = emptyState();
  if (init.status !== undefined) state.status = parseStatus(init.status);
  if (init.statusText !== undefined) state.statusText = parseStatusText(init.statusText);
  if (init.headers !== undefined) state.headers = new Headers(init.headers);
  if (given === null || given === undefined) return state;
  if (NULL_BODY_STATUSES.includes(state.status)) throw new TypeError(`a response with status ${state.status} has no body`);
  const [body, extracted] = extractBody(given, "Response.json(…) or json.dumps(…)");
  state.body = body;
  const type = contentType ?? extracted;
  if (type === null) return state;
  if (state.headers === null) state.rawHeaders = `content-type: ${type}\r\n`;
  else if (!state.headers.has("content-type")) state.headers.append("content-type", type);
  return state;
}

function parseStatus(value) {
  const status = toUnsignedShort(value);
  if (status < STATUS_MIN || status > STATUS_MAX) throw new RangeError(`the status ${status} is not from 200 to 599`);
  return status;
}

/** https://httpwg.org/specs/rfc9112.html#status.line: reason-phrase */
function parseStatusText(value) {
  const text = toByteString(value);
  if (/[^\t\x20-\x7e\x80-\xff]/.test(text)) throw new TypeError("the status text has a control character");
  return text;
}
