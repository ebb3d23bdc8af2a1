// https://fetch.spec.whatwg.org/#headers-class
//
// A worker is a server: no header name is forbidden to it, only the guard
// "immutable" is kept. What the host sends is parsed when it is first looked at.

import { defineInterface, makeIteratorPrototype, requireArguments, toByteString, toPairs } from "./webidl.js";

const makeIterator = makeIteratorPrototype("Headers");

/** Names that were checked once, as they were spelled, and how many are kept. */
const knownNames = new Map();
const KNOWN_NAMES_MAX = 512;

/** A value that needs neither trimming nor a second look. */
const PLAIN_VALUE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Headers of what came from the host: `raw` is the header list as one string. */
export let headersFromHost;

/** The header list as one string, for the host. */
export let headersToHost;

/** Headers of our own making, filled from a HeadersInit. */
export let makeImmutable;

export class Headers {
  /** The host's string, until it is parsed into `#list`. */
  #raw = null;
  /** [name in lower case, value] in order of addition. */
  #list = [];
  #immutable = false;
  /** The sorted and combined list, until the next change. */
  #sorted = null;

  constructor(init = undefined) {
    if (init === undefined) return;
    if (init === null || (typeof init !== "object" && typeof init !== "function")) {
      throw new TypeError("headers are made from pairs or from an object");
    }
    this.#fill(init);
  }

  append(name, value) {
    requireArguments(arguments.length, 2, "append");
    const key = headerName(name);
    const text = headerValue(value, key);
    this.#change();
    this.#list.push([key, text]);
  }
  delete(name) {
    requireArguments(arguments.length, 1, "delete");
    const key = headerName(name);
    this.#change();
    this.#list = this.#list.filter(([other]) => other !== key);
  }
  get(name) {
    requireArguments(arguments.length, 1, "get");
    const key = headerName(name);
    let found = null;
    for (const [other, value] of this.#parsed()) {
      if (other === key) found = found === null ? value : `${found}, ${value}`;
    }
    return found;
  }
  getSetCookie() {
    return this.#parsed().filter(([name]) => name === "set-cookie").map(([, value]) => value);
  }
  has(name) {
    requireArguments(arguments.length, 1, "has");
    const key = headerName(name);
    return this.#parsed().some(([other]) => other === key);
  }
  set(name, value) {
    requireArguments(arguments.length, 2, "set");
    const key = headerName(name);
    const text = headerValue(value, key);
    this.#change();
    const first = this.#list.findIndex(([other]) => other === key);
    if (first < 0) {
      this.#list.push([key, text]);
    } else {
      this.#list[first] = [key, text];
      this.#list = this.#list.filter(([other], index) => index <= first || other !== key);
    }
  }
  entries() { return this.#iterator("entries"); }
  forEach(callback, thisArgument = undefined) {
    requireArguments(arguments.length, 1, "forEach");
    if (typeof callback !== "function") throw new TypeError("the callback is not a function");
    for (let index = 0; index < this.#sortAndCombine().length; index++) {
      const [name, value] = this.#sortAndCombine()[index];
      callback.call(thisArgument, value, name, this);
    }
  }
  keys() { return this.#iterator("keys"); }
  values() { return this.#iterator("values"); }

  #iterator(kind) {
    this.#parsed();
    return makeIterator(() => this.#sortAndCombine(), kind);
  }

  #parsed() {
    if (this.#raw !== null) {
      for (const line of this.#raw.split("\r\n")) {
        const colon = line.indexOf(": ");
        if (colon > 0) this.#list.push([line.slice(0, colon), line.slice(colon + 2)]);
      }
      this.#raw = null;
    }
    return this.#list;
  }

  #change() {
    if (this.#immutable) throw new TypeError("these headers cannot be changed");
    this.#parsed();
    this.#sorted = null;
  }

  /** https://fetch.spec.whatwg.org/#concept-headers-fill */
  #fill(init) {
    if (#list in init && init[Symbol.iterator] === Headers.prototype.entries) {
      this.#list = init.#parsed().map(([name, value]) => [name, value]);
      return;
    }
    for (const [name, value] of toPairs(init, headerText, "latin-1")) this.#add(name, value);
  }

  #add(name, value) {
    const key = headerName(name);
    this.#list.push([key, headerValue(value, key)]);
  }

  /** https://fetch.spec.whatwg.org/#concept-header-list-sort-and-combine */
  #sortAndCombine() {
    if (this.#sorted !== null) return this.#sorted;
    const combined = new Map();
    const cookies = [];
    for (const [name, value] of this.#parsed()) {
      if (name === "set-cookie") cookies.push([name, value]);
      else combined.set(name, combined.has(name) ? `${combined.get(name)}, ${value}` : value);
    }
    // The sort is stable: cookies stay in order.
    this.#sorted = [...combined, ...cookies].sort(([first], [second]) => (first < second ? -1 : first > second ? 1 : 0));
    return this.#sorted;
  }

  static {
    headersFromHost = (raw, immutable) => {
      const headers = new Headers();
      headers.#raw = raw;
      headers.#immutable = immutable;
      return headers;
    };
    headersToHost = (headers) => {
      if (headers.#raw !== null) return headers.#raw;
      let text = "";
      for (const [name, value] of headers.#list) text += `${name}: ${value}\r\n`;
      return text;
    };
    makeImmutable = (headers) => {
      headers.#immutable = true;
    };
  }
}

defineInterface(Headers);
Object.defineProperty(Headers.prototype, Symbol.iterator, {
  value: Headers.prototype.entries, writable: true, configurable: true,
});

/** A header's name, or the value of the header `name`, as a text of bytes. */
function headerText(text, name = undefined) {
  if (typeof text === "string" && (name === undefined ? knownNames.has(text) : PLAIN_VALUE.test(text))) return text;
  return toByteString(text, name === undefined ? "a header's name" : `the header ${JSON.stringify(`${name}`)}`);
}

/** A header name in lower case. */
function headerName(name) {
  const text = typeof name === "string" ? name : headerText(name);
  const known = knownNames.get(text);
  if (known !== undefined) return known;
  if (!TOKEN.test(headerText(text))) throw new TypeError(`${JSON.stringify(text)} is not a header name`);
  const lower = text.toLowerCase();
  if (knownNames.size < KNOWN_NAMES_MAX) knownNames.set(text, lower);
  return lower;
}

/** https://fetch.spec.whatwg.org/#concept-header-value */
function headerValue(value, name) {
  const given = typeof value === "string" ? value : headerText(value, name);
  if (PLAIN_VALUE.test(given)) return given;
  const text = headerText(given, name).replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, "");
  if (/[\0\r\n]/.test(text)) throw new TypeError(`the header "${name}" has a line break or a null character`);
  return text;
}
