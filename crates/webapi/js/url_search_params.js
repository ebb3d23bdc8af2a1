// https://url.spec.whatwg.org/#interface-urlsearchparams

import { parseUrlencoded, serializeUrlencoded } from "./urlencoded.js";
import { defineInterface, makeIteratorPrototype, requireArguments, toPairs, toUSVString } from "./webidl.js";

const makeIterator = makeIteratorPrototype("URLSearchParams");

/** The parameters of a URL: `onChange` is given the new query. */
export let attachedParams;

/** Replaces all pairs by those of `query`, without telling the URL. */
export let setParams;

export class URLSearchParams {
  #pairs = [];
  #onChange = null;

  constructor(init = "") {
    if (typeof init === "object" && init !== null || typeof init === "function") this.#pairs = toPairs(init, toUSVString, "utf-8");
    else this.#pairs = parseUrlencoded(toUSVString(init).replace(/^\?/, ""));
  }

  get size() { return this.#pairs.length; }
  append(name, value) {
    requireArguments(arguments.length, 2, "append");
    this.#pairs.push([toUSVString(name), toUSVString(value)]);
    this.#update();
  }
  delete(name, value = undefined) {
    requireArguments(arguments.length, 1, "delete");
    const matches = matcher(name, value);
    this.#pairs = this.#pairs.filter((pair) => !matches(pair));
    this.#update();
  }
  get(name) {
    requireArguments(arguments.length, 1, "get");
    return this.#pairs.find(matcher(name))?.[1] ?? null;
  }
  getAll(name) {
    requireArguments(arguments.length, 1, "getAll");
    return this.#pairs.filter(matcher(name)).map(([, value]) => value);
  }
  has(name, value = undefined) {
    requireArguments(arguments.length, 1, "has");
    return this.#pairs.some(matcher(name, value));
  }
  set(name, value) {
    requireArguments(arguments.length, 2, "set");
    const key = toUSVString(name);
    const text = toUSVString(value);
    const first = this.#pairs.findIndex(([other]) => other === key);
    if (first < 0) {
      this.#pairs.push([key, text]);
    } else {
      this.#pairs[first][1] = text;
      this.#pairs = this.#pairs.filter(([other], index) => index <= first || other !== key);
    }
    this.#update();
  }
  sort() {
    // By UTF-16 code units, and stable, as the language's own sort is.
    this.#pairs.sort(([first], [second]) => (first < second ? -1 : first > second ? 1 : 0));
    this.#update();
  }
  entries() { return makeIterator(() => this.#pairs, this.#brand("entries")); }
  forEach(callback, thisArgument = undefined) {
    requireArguments(arguments.length, 1, "forEach");
    if (typeof callback !== "function") throw new TypeError("the callback is not a function");
    for (let index = 0; index < this.#pairs.length; index++) {
      const [name, value] = this.#pairs[index];
      callback.call(thisArgument, value, name, this);
    }
  }
  keys() { return makeIterator(() => this.#pairs, this.#brand("keys")); }
  values() { return makeIterator(() => this.#pairs, this.#brand("values")); }
  toString() { return serializeUrlencoded(this.#pairs); }

  /** Throws for what is not URLSearchParams when the iterator is asked for, not at its first step. */
  #brand(kind) { return kind; }

  #update() { this.#onChange?.(serializeUrlencoded(this.#pairs)); }

  static {
    attachedParams = (query, onChange) => {
      const params = new URLSearchParams();
      params.#pairs = parseUrlencoded(query);
      params.#onChange = onChange;
      return params;
    };
    setParams = (params, query) => {
      params.#pairs = parseUrlencoded(query);
    };
  }
}

defineInterface(URLSearchParams);
Object.defineProperty(URLSearchParams.prototype, Symbol.iterator, {
  value: URLSearchParams.prototype.entries, writable: true, configurable: true,
});

function matcher(name, value = undefined) {
  const key = toUSVString(name);
  if (value === undefined) return ([other]) => other === key;
  const text = toUSVString(value);
  return ([other, found]) => other === key && found === text;
}
