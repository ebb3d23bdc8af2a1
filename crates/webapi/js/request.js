// https://fetch.spec.whatwg.org/#request-class
//
// What a browser decides by (mode, credentials, cache, referrer …) has no
// meaning in a worker: it is checked, kept and shown, and changes nothing.

import { createSignal, dependentSignal, signalAbort } from "./abort_signal.js";
import { isSignal } from "./abort_algorithms.js";
import { abortBody, bodyFromHost, cloneBody, defineBody, extractBody, isUnusable, moveBody } from "./body.js";
import { refuseOptions } from "./foreign.js";
import { Headers, headersFromHost } from "./headers.js";
import { notUrl, parseHref } from "./url.js";
import { ReadableStream } from "./streams.js";
import {
  INTERNAL, defineInterface, requireArguments, toByteString, toDictionary, toEnumeration, toUSVString,
} from "./webidl.js";

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const FORBIDDEN_METHODS = ["CONNECT", "TRACE", "TRACK"];
const NORMALIZED_METHODS = ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"];

const CHOICES = {
  mode: ["navigate", "same-origin", "no-cors", "cors"],
  credentials: ["omit", "same-origin", "include"],
  cache: ["default", "no-store", "reload", "no-cache", "force-cache", "only-if-cached"],
  redirect: ["follow", "error", "manual"],
  referrerPolicy: [
    "", "no-referrer", "no-referrer-when-downgrade", "same-origin", "origin", "strict-origin",
    "origin-when-cross-origin", "strict-origin-when-cross-origin", "unsafe-url",
  ],
};

const DEFAULTS = {
  mode: "cors", credentials: "same-origin", cache: "default", redirect: "follow", referrerPolicy: "",
  referrer: "about:client", integrity: "", keepalive: false, destination: "",
};

/** A request as the server received it; nothing of it is parsed yet. */
export let requestFromHost;

/** Ends a request that the client has given up. */
export let abortRequest;

/** What fetch sends of a request. */
export let requestParts;

/** Whether a value is a Request. */
let isRequest;

export class Request {
  /** { method, url, headers or null, rawHeaders, body, signal or null, aborted or null, options } */
  #state;

  constructor(input, init = undefined) {
    if (input === INTERNAL) {
      this.#state = init;
      return;
    }
    requireArguments(arguments.length, 1, "Request");
    this.#state = makeState(input, toDictionary(init, "the second argument", 'method="POST" in Python, { method: "POST" } in JavaScript'));
  }

  get method() { return this.#state.method; }
  get url() { return this.#state.url; }
  get headers() {
    const state = this.#state;
    state.headers ??= headersFromHost(state.rawHeaders, true);
    return state.headers;
  }
  get destination() { return this.#state.options.destination; }
  get referrer() { return this.#state.options.referrer; }
  get referrerPolicy() { return this.#state.options.referrerPolicy; }
  get mode() { return this.#state.options.mode; }
  get credentials() { return this.#state.options.credentials; }
  get cache() { return this.#state.options.cache; }
  get redirect() { return this.#state.options.redirect; }
  get integrity() { return this.#state.options.integrity; }
  get keepalive() { return this.#state.options.keepalive; }
  get signal() {
    const state = this.#state;
    if (state.signal === null) {
      state.signal = createSignal();
      if (state.aborted !== null) signalAbort(state.signal, state.aborted.reason);
    }
    return state.signal;
  }
  get duplex() {
    this.#state;
    return "half";
  }
  clone() {
    const state = this.#state;
    if (isUnusable(state.body)) throw new TypeError("the body has been used or is locked");
    const signal = dependentSignal([this.signal]);
    return new Request(INTERNAL, {
      ...state, headers: new Headers(this.headers), body: cloneBody(state.body), signal,
    });
  }

  static {
    requestFromHost = (method, url, rawHeaders, bodyId) => new Request(INTERNAL, {
      method, url, headers: null, rawHeaders, body: bodyId < 0 ? null : bodyFromHost(bodyId),
      signal: null, aborted: null, options: DEFAULTS,
    });
    abortRequest = (request, reason) => {
      const state = request.#state;
      state.aborted = { reason };
      abortBody(state.body, reason);
      if (state.signal !== null) signalAbort(state.signal, reason);
    };
    requestParts = (request) => request.#state;
    isRequest = (value) => typeof value === "object" && value !== null && #state in value;
  }
}

defineBody(Request, (request) => {
  const { body, method } = requestParts(request);
  return { body, method, get contentType() { return request.headers.get("content-type"); } };
});
defineInterface(Request);

/** https://fetch.spec.whatwg.org/#dom-request */
function makeState(input, init) {
  const from = isRequest(input) ? requestParts(input) : null;
  const state = {
    method: from?.method ?? "GET",
    url: from?.url ?? parseUrl(input),
    headers: null, rawHeaders: "", body: null, signal: null, aborted: null,
    options: makeOptions(from?.options ?? DEFAULTS, init),
  };
  if (init.method !== undefined) state.method = parseMethod(init.method);
  state.signal = makeSignal(from === null ? null : input, init);
  state.headers = new Headers(init.headers ?? (from === null ? undefined : input.headers));
  state.body = makeBody(from, init, state);
  return state;
}

function parseUrl(input) {
  refuseOptions(input, ["url", "method", "headers", "body"], "fetch(url, method=…)");
  const text = toUSVString(input);
  const url = parseHref(text);
  if (url === null) throw notUrl(text);
  if (/^[^:/?#]+:\/\/[^/?#]*@/.test(url)) throw new TypeError("the URL has a user name or a password");
  return url;
}

function parseMethod(value) {
  const method = toByteString(value);
  if (!TOKEN.test(method)) throw new TypeError(`${JSON.stringify(method)} is not a method`);
  const upper = method.toUpperCase();
  if (FORBIDDEN_METHODS.includes(upper)) throw new TypeError(`the method ${upper} is not allowed`);
  return NORMALIZED_METHODS.includes(upper) ? upper : method;
}

function makeOptions(base, init) {
  if (init.window !== undefined && init.window !== null) throw new TypeError("window can only be null");
  const options = { ...base };
  for (const [name, values] of Object.entries(CHOICES)) {
    if (init[name] !== undefined) options[name] = toEnumeration(init[name], values, name);
  }
  if (options.mode === "navigate" && init.mode !== undefined) throw new TypeError("mode cannot be navigate");
  if (init.referrer !== undefined) options.referrer = toUSVString(init.referrer) || "no-referrer";
  if (init.integrity !== undefined) options.integrity = `${init.integrity}`;
  if (init.keepalive !== undefined) options.keepalive = Boolean(init.keepalive);
  return options;
}

function makeSignal(input, init) {
  const given = init.signal === undefined ? input?.signal : init.signal;
  if (given === undefined || given === null) return null;
  if (!isSignal(given)) throw new TypeError("signal is not an AbortSignal");
  return dependentSignal([given]);
}

function makeBody(from, init, state) {
  const given = init.body ?? null;
  if ((given !== null || from?.body) && ["GET", "HEAD"].includes(state.method)) {
    throw new TypeError(`a ${state.method} request has no body`);
  }
  if (init.duplex !== undefined) toEnumeration(init.duplex, ["half"], "duplex");
  if (given === null) {
    if (from === null) return null;
    if (isUnusable(from.body)) throw new TypeError("the body has been used or is locked");
    return moveBody(from.body);
  }
  if (given instanceof ReadableStream && init.duplex === undefined) {
    throw new TypeError("a stream as body needs duplex: \"half\"");
  }
  const [body, type] = extractBody(given, "json.dumps(…)");
  if (type !== null && !state.headers.has("content-type")) state.headers.append("content-type", type);
  return body;
}
