// Web IDL: the conversions and the shape that all interfaces share. Not a
// generator: each interface is written out, and finished by `defineInterface`.

import { languageOf } from "./foreign.js";

/** Passed by our own code to constructors that users may not call, or not so. */
export const INTERNAL = Symbol("internal");

/** Makes a class what Web IDL calls an interface: enumerable members and a tag. */
export function defineInterface(constructor) {
  const { prototype } = constructor;
  for (const name of Object.getOwnPropertyNames(prototype)) {
    if (name !== "constructor") Object.defineProperty(prototype, name, { enumerable: true });
  }
  for (const name of Object.getOwnPropertyNames(constructor)) {
    if (!["prototype", "length", "name"].includes(name)) Object.defineProperty(constructor, name, { enumerable: true });
  }
  Object.defineProperty(prototype, Symbol.toStringTag, { value: constructor.name, configurable: true });
}

/** Constants of an interface, on the constructor and on its prototype. */
export function defineConstants(constructor, constants) {
  for (const [name, value] of Object.entries(constants)) {
    Object.defineProperty(constructor, name, { value, enumerable: true });
    Object.defineProperty(constructor.prototype, name, { value, enumerable: true });
  }
}

export function requireArguments(found, needed, where) {
  if (found < needed) {
    throw new TypeError(`${where} needs ${needed} argument${needed === 1 ? "" : "s"}, ${found} given`);
  }
}

export function refuseConstruction(token) {
  if (token !== INTERNAL) throw new TypeError("Illegal constructor");
}

/** https://webidl.spec.whatwg.org/#es-DOMString */
export function toText(value, encoding = "utf-8") {
  if (typeof value === "string") return value;
  return `${languageOf(value)?.text(value, encoding) ?? value}`;
}

/** https://webidl.spec.whatwg.org/#es-USVString */
export function toUSVString(value) {
  return toText(value).toWellFormed();
}

/** https://webidl.spec.whatwg.org/#es-ByteString */
export function toByteString(value, what = "the string") {
  const text = toText(value, "latin-1");
  const above = /[^\0-\xff]/u.exec(text)?.[0];
  if (above !== undefined) throw new TypeError(`${what} has a character above U+00FF: ${JSON.stringify(above)}`);
  return text;
}

/** https://webidl.spec.whatwg.org/#es-dictionary */
export function toDictionary(value, what, example = null) {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" && typeof value !== "function") {
    const remedy = example === null ? "" : `: write ${example}`;
    throw new TypeError(`${what} is ${String(value)}, which is no object${remedy}`);
  }
  return languageOf(value)?.members(value) ?? value;
}

/** https://webidl.spec.whatwg.org/#es-sequence: an array of the items, each given to `convert` when it comes. */
export function toSequence(value, convert, what) {
  const foreign = languageOf(value)?.items(value);
  if (foreign !== undefined) return foreign.map((item) => convert(item));
  if (typeof value !== "object" && typeof value !== "function" || !value?.[Symbol.iterator]) {
    throw new TypeError(`${what} are not a sequence`);
  }
  return Array.from(value, (item) => convert(item));
}

/**
 * https://webidl.spec.whatwg.org/#es-record, or a sequence of pairs: [[key, value]] of an object, all of them given to
 * `convert`, a value together with its key. Bytes of another language are text in `encoding`.
 */
export function toPairs(init, convert, encoding) {
  const foreign = languageOf(init)?.pairs(init, encoding);
  if (foreign !== undefined) return foreign.map(([key, value]) => [convert(key), convert(value, key)]);
  if (init[Symbol.iterator] === undefined || init[Symbol.iterator] === null) {
    const record = new Map();
    for (const key of Reflect.ownKeys(init)) {
      if (!Object.prototype.propertyIsEnumerable.call(init, key)) continue;
      record.set(convert(key), convert(init[key], key));
    }
    return [...record];
  }
  return Array.from(init, (pair) => {
    if (typeof pair !== "object" && typeof pair !== "function") throw new TypeError("an item of the list is not a pair");
    let key;
    const items = Array.from(pair, (item, index) => {
      const converted = convert(item, key);
      if (index === 0) key = converted;
      return converted;
    });
    if (items.length !== 2) throw new TypeError(`a pair has ${items.length} items`);
    return items;
  });
}

/** https://webidl.spec.whatwg.org/#es-enumeration */
export function toEnumeration(value, values, what) {
  const text = toText(value);
  if (!values.includes(text)) throw new TypeError(`${what} cannot be ${JSON.stringify(text)}`);
  return text;
}

/** https://webidl.spec.whatwg.org/#es-unsigned-long-long with [EnforceRange] */
export function toEnforcedUnsigned(value, what) {
  const number = Math.trunc(Number(value));
  if (!(number >= 0 && number <= Number.MAX_SAFE_INTEGER)) throw new TypeError(`${what} is out of range`);
  return number;
}

/** https://webidl.spec.whatwg.org/#es-unsigned-short */
export function toUnsignedShort(value) {
  return new Uint16Array([Number(value)])[0];
}

/** https://webidl.spec.whatwg.org/#es-long-long with [Clamp] */
export function toClampedInteger(value) {
  const number = Number(value);
  if (Number.isNaN(number)) return 0;
  const clamped = Math.min(Math.max(number, Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
  // To the nearest, ties to even.
  const floor = Math.floor(clamped);
  if (clamped - floor !== 0.5) return Math.round(clamped);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** The bytes of a buffer source, not copied where they are JavaScript's; null for anything else. */
export function toBytes(value) {
  if (isBufferSource(value)) return bytesOf(value);
  return languageOf(value)?.bytes(value) ?? null;
}

export function isBufferSource(value) {
  return ArrayBuffer.isView(value) || isArrayBuffer(value);
}

const byteLength = Object.getOwnPropertyDescriptor(ArrayBuffer.prototype, "byteLength").get;
const sharedByteLength = Object.getOwnPropertyDescriptor(SharedArrayBuffer.prototype, "byteLength").get;

/** Whether `value` is an ArrayBuffer or a SharedArrayBuffer, whatever its prototype claims. */
export function isArrayBuffer(value) {
  return (value instanceof ArrayBuffer && hasBrand(value, byteLength))
    || (value instanceof SharedArrayBuffer && hasBrand(value, sharedByteLength));
}

/** Whether `value` is an error of the language or a DOMException, which this engine does not count as one. */
export function isError(value) {
  return Error.isError(value) || value instanceof DOMException;
}

/** Whether a method or getter of the engine takes `value` for one of its own. */
export function hasBrand(value, method) {
  try {
    method.call(value);
    return true;
  } catch {
    return false;
  }
}

/** The bytes of a buffer source, not copied. */
export function bytesOf(source) {
  if (source instanceof Uint8Array) return source;
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  return new Uint8Array(source);
}

/** The iterator objects of a pair iterator, with the prototype that the standard gives them. */
export function makeIteratorPrototype(name) {
  const prototype = Object.create(Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]())));
  const states = new WeakMap();
  const next = {
    next() {
      const state = states.get(this);
      if (state === undefined) throw new TypeError("not an iterator of this kind");
      // The list may change while it is iterated: pairs are asked for each time.
      const pairs = state.pairs();
      if (state.index >= pairs.length) return { value: undefined, done: true };
      const [key, value] = pairs[state.index++];
      return { value: state.kind === "keys" ? key : state.kind === "values" ? value : [key, value], done: false };
    },
  }.next;
  Object.defineProperty(prototype, "next", { value: next, enumerable: true, configurable: true, writable: true });
  Object.defineProperty(prototype, Symbol.toStringTag, { value: `${name} Iterator`, configurable: true });
  return (pairs, kind) => {
    const iterator = Object.create(prototype);
    states.set(iterator, { pairs, kind, index: 0 });
    return iterator;
  };
}
