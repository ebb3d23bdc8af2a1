// https://url.spec.whatwg.org/#url-class
//
// Parsing and the setters are Rust's (crate `url`); this class keeps the
// serialised parts and takes them apart when one is first asked for.

import { host } from "./operations.js";
import { URLSearchParams, attachedParams, setParams } from "./url_search_params.js";
import { defineInterface, requireArguments, toUSVString } from "./webidl.js";

/** A longer one is no URL (`URL_BYTES_MAX` in src/url.rs): the host cannot be stopped while it parses. */
const URL_CHARACTERS_MAX = 512 * 1024;

/** So much of what is no URL stands in an error. */
const SHOWN_CHARACTERS_MAX = 200;

/** What an absolute URL begins with. */
const HAS_SCHEME = /^\s*[a-z][a-z0-9+.-]*:/i;

/** The parts of a URL by name, or null when it cannot be parsed. */
function parse(url, base) {
  return parseText(toUSVString(url), base === undefined ? null : toUSVString(base));
}

function parseText(input, base) {
  if (input.length > URL_CHARACTERS_MAX || base?.length > URL_CHARACTERS_MAX) return null;
  return host.url_parse(input, base);
}

/** Why `value` cannot be parsed, without a base. */
export function notUrl(value) {
  const text = `${value}`;
  if (text.length > URL_CHARACTERS_MAX) {
    return new TypeError(`a text of ${text.length} characters is not a URL, which has ${URL_CHARACTERS_MAX} at most`);
  }
  const more = text.length > SHOWN_CHARACTERS_MAX ? "…" : "";
  const remedy = HAS_SCHEME.test(text) ? "" : ": an absolute URL is needed, such as https://example.com/path";
  return new TypeError(`${JSON.stringify(text.slice(0, SHOWN_CHARACTERS_MAX))}${more} is not a URL${remedy}`);
}

/** The serialised URL, or null. For those who need no URL object. */
export function parseHref(input, base = null) {
  const parts = parseText(input, base);
  return parts === null ? null : parts.slice(0, parts.indexOf("\n"));
}

export class URL {
  /** The parts as the host gave them; `#split` is made from it when needed. */
  #parts;
  #split = null;
  #params = null;

  constructor(url, base = undefined) {
    requireArguments(arguments.length, 1, "URL");
    const parts = parse(url, base);
    if (parts === null) throw notUrl(base === undefined || parse(base) !== null ? url : base);
    this.#parts = parts;
  }

  static parse(url, base = undefined) {
    requireArguments(arguments.length, 1, "URL.parse");
    try {
      return new URL(url, base);
    } catch (error) {
      if (parse(url, base) !== null) throw error;
      return null;
    }
  }
  static canParse(url, base = undefined) {
    requireArguments(arguments.length, 1, "URL.canParse");
    return parse(url, base) !== null;
  }

  get href() { return this.#part(0); }
  set href(value) {
    const parts = parse(value);
    if (parts === null) throw notUrl(value);
    this.#replace(parts);
  }
  get origin() { return this.#part(1); }
  get protocol() { return this.#part(2); }
  set protocol(value) { this.#set("protocol", value); }
  get username() { return this.#part(3); }
  set username(value) { this.#set("username", value); }
  get password() { return this.#part(4); }
  set password(value) { this.#set("password", value); }
  get host() {
    const port = this.#part(6);
    return port === "" ? this.#part(5) : `${this.#part(5)}:${port}`;
  }
  set host(value) { this.#set("host", value); }
  get hostname() { return this.#part(5); }
  set hostname(value) { this.#set("hostname", value); }
  get port() { return this.#part(6); }
  set port(value) { this.#set("port", value); }
  get pathname() { return this.#part(7); }
  set pathname(value) { this.#set("pathname", value); }
  get search() { return this.#part(8); }
  set search(value) { this.#set("search", value); }
  get searchParams() {
    this.#params ??= attachedParams(this.search.slice(1), (query) => this.#setQuery(query));
    return this.#params;
  }
  get hash() { return this.#part(9); }
  set hash(value) { this.#set("hash", value); }
  toString() { return this.#part(0); }
  toJSON() { return this.#part(0); }

  #part(index) {
    this.#split ??= this.#parts.split("\n");
    return this.#split[index];
  }

  #set(part, value) {
    const text = toUSVString(value);
    // A value that does not fit changes nothing, as the standard has it for others.
    if (text.length > URL_CHARACTERS_MAX) return;
    const parts = host.url_set(this.#part(0), part, text);
    if (parts !== null) this.#replace(parts);
  }

  #replace(parts) {
    this.#parts = parts;
    this.#split = null;
    if (this.#params !== null) setParams(this.#params, this.search.slice(1));
  }

  /** https://url.spec.whatwg.org/#concept-urlsearchparams-update */
  #setQuery(query) {
    if (query.length > URL_CHARACTERS_MAX) return;
    const parts = host.url_set(this.#part(0), "search", query);
    if (parts === null) return;
    this.#parts = parts;
    this.#split = null;
  }
}

defineInterface(URL);
