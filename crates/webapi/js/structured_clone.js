// https://html.spec.whatwg.org/multipage/structured-data.html
//
// First a record of the value, then the copy: what is transferred leaves only
// when all could be recorded. The engine does not tell a proxy from its target,
// so a proxy is cloned where the standard refuses; streams are not transferred.

import { cloneOfBlob } from "./file.js";
import { languageOf } from "./foreign.js";
import { hasBrand, isArrayBuffer, isError, requireArguments, toDictionary } from "./webidl.js";

const ERRORS = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

const BOXED = [Boolean, Number, BigInt, String];

/** What has state that no copy could have. */
const UNCLONEABLE = [WeakMap, WeakSet, WeakRef, Promise, FinalizationRegistry];

const viewName = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag).get;

/** Prototypes of the platform's interfaces: what inherits from one is refused, if it has no copy of its own. */
const platformPrototypes = new Set();

export function markPlatformObjects(constructor) {
  platformPrototypes.add(constructor.prototype);
}

export function structuredClone(value, options = undefined) {
  requireArguments(arguments.length, 1, "structuredClone");
  const { transfer } = toDictionary(options, "options");
  const transferred = new Set();
  for (const buffer of transfer ?? []) {
    if (!isArrayBuffer(buffer) || buffer instanceof SharedArrayBuffer) throw refusal(buffer, "be transferred");
    if (transferred.has(buffer)) throw refusal(buffer, "be transferred twice");
    transferred.add(buffer);
  }
  const recorded = record(value, { memory: new Map(), transferred });
  for (const buffer of transferred) {
    if (buffer.detached) throw refusal(buffer, "be transferred, it is detached");
  }
  const result = copyOf(recorded);
  // A buffer that the value does not refer to leaves all the same.
  for (const buffer of transferred) if (!buffer.detached) buffer.transfer();
  return result;
}

function refusal(value, what = "be cloned") {
  const name = typeof value === "symbol" ? value.toString() : typeof value === "function" ? value.name : brandName(value);
  return new DOMException(`${name || typeof value} cannot ${what}`, "DataCloneError");
}

function brandName(value) {
  return Object.prototype.toString.call(value).slice("[object ".length, -1);
}

/** What a value of another language is in JavaScript. */
function plainCopy(value) {
  try {
    return languageOf(value).plain(value);
  } catch (error) {
    if (error instanceof TypeError) throw new DOMException(error.message, "DataCloneError");
    throw error;
  }
}

/** The copy that a record stands for, made once. */
function copyOf(recorded) {
  if (!recorded.made) {
    recorded.made = true;
    recorded.copy = recorded.create();
    recorded.fill?.(recorded.copy);
  }
  return recorded.copy;
}

/** https://html.spec.whatwg.org/#structuredserializeinternal */
function record(given, context) {
  const value = languageOf(given) === null ? given : plainCopy(given);
  if (typeof value === "symbol" || typeof value === "function") throw refusal(value);
  if (typeof value !== "object" || value === null) return { made: true, copy: value };
  const known = context.memory.get(value);
  if (known !== undefined) return known;
  const recorded = { made: false, copy: undefined, create: null, fill: null };
  context.memory.set(value, recorded);
  Object.assign(recorded, recordObject(value, context));
  return recorded;
}

function recordObject(value, context) {
  if (Array.isArray(value)) return recordArray(value, context);
  const prototype = Object.getPrototypeOf(value);
  const plain = (prototype === Object.prototype || prototype === null) && brandName(value) === "Object";
  if (plain) return recordProperties(value, context, () => ({}));
  return recordBuiltin(value, context) ?? recordPlatformObject(value) ?? recordProperties(value, context, () => ({}));
}

function recordArray(value, context) {
  const { length } = value;
  return recordProperties(value, context, () => new Array(length));
}

function recordProperties(value, context, create) {
  const properties = [];
  for (const key of Object.keys(value)) {
    // A getter may have taken a later key away.
    if (Object.hasOwn(value, key)) properties.push([key, record(value[key], context)]);
  }
  const fill = (copy) => {
    for (const [key, property] of properties) {
      Object.defineProperty(copy, key, {
        value: copyOf(property), writable: true, enumerable: true, configurable: true,
      });
    }
  };
  return { create, fill };
}

/** The record of an object of the language, or null when it is none of them. */
function recordBuiltin(value, context) {
  for (const boxed of BOXED) {
    if (hasBrand(value, boxed.prototype.valueOf)) {
      const primitive = boxed.prototype.valueOf.call(value);
      return { create: () => Object(primitive) };
    }
  }
  if (hasBrand(value, Symbol.prototype.valueOf)) throw refusal(value);
  if (hasBrand(value, Date.prototype.getTime)) {
    const time = Date.prototype.getTime.call(value);
    return { create: () => new Date(time) };
  }
  if (value instanceof RegExp) {
    const { source, flags } = value;
    return { create: () => new RegExp(source, flags) };
  }
  if (isArrayBuffer(value)) return recordBuffer(value, context);
  if (ArrayBuffer.isView(value)) return recordView(value, context);
  if (hasBrand(value, Map.prototype.keys)) return recordMap(value, context);
  if (hasBrand(value, Set.prototype.keys)) return recordSet(value, context);
  if (isError(value)) return recordError(value, context);
  if (UNCLONEABLE.some((constructor) => value instanceof constructor)) throw refusal(value);
  return null;
}

function recordBuffer(buffer, context) {
  if (buffer instanceof SharedArrayBuffer) return { create: () => buffer };
  if (context.transferred.has(buffer)) return { create: () => buffer.transfer() };
  if (buffer.detached) throw refusal(buffer, "be cloned, it is detached");
  const options = buffer.resizable ? { maxByteLength: buffer.maxByteLength } : undefined;
  const bytes = new Uint8Array(buffer).slice();
  const create = () => {
    const copy = new ArrayBuffer(bytes.length, options);
    new Uint8Array(copy).set(bytes);
    return copy;
  };
  return options === undefined ? { create: () => bytes.buffer } : { create };
}

function recordView(view, context) {
  const constructor = globalThis[viewName.call(view) ?? "DataView"];
  const { byteOffset } = view;
  const length = isTracking(view) ? undefined : view.length ?? view.byteLength;
  const buffer = record(view.buffer, context);
  return { create: () => new constructor(copyOf(buffer), byteOffset, length) };
}

/** Whether the view's length follows its buffer's. */
function isTracking(view) {
  const { buffer } = view;
  if (!buffer.resizable || view.byteOffset + view.byteLength !== buffer.byteLength) return false;
  if (buffer.byteLength === buffer.maxByteLength) return false;
  const { byteLength } = buffer;
  buffer.resize(byteLength + 1);
  const atLarger = view.byteLength;
  const elementBytes = view.BYTES_PER_ELEMENT ?? 1;
  buffer.resize(byteLength);
  return elementBytes === 1 && atLarger !== view.byteLength;
}

function recordMap(map, context) {
  const pairs = [];
  for (const [key, item] of [...Map.prototype.entries.call(map)]) {
    pairs.push([record(key, context), record(item, context)]);
  }
  const fill = (copy) => {
    for (const [key, item] of pairs) copy.set(copyOf(key), copyOf(item));
  };
  return { create: () => new Map(), fill };
}

function recordSet(set, context) {
  const items = [...Set.prototype.values.call(set)].map((item) => record(item, context));
  const fill = (copy) => {
    for (const item of items) copy.add(copyOf(item));
  };
  return { create: () => new Set(), fill };
}

function recordError(error, context) {
  if (error instanceof DOMException) {
    const { message, name, stack } = error;
    return { create: () => withStack(new DOMException(message, name), stack) };
  }
  const constructor = Object.hasOwn(ERRORS, error.name) ? ERRORS[error.name] : Error;
  const message = Object.getOwnPropertyDescriptor(error, "message");
  const text = message !== undefined && "value" in message ? `${message.value}` : undefined;
  const { stack } = error;
  const cause = Object.hasOwn(error, "cause") ? record(error.cause, context) : null;
  const fill = (copy) => {
    if (cause !== null) {
      Object.defineProperty(copy, "cause", { value: copyOf(cause), writable: true, configurable: true });
    }
  };
  return { create: () => withStack(new constructor(text), stack), fill };
}

function withStack(error, stack) {
  if (typeof stack === "string") {
    Object.defineProperty(error, "stack", { value: stack, writable: true, configurable: true });
  }
  return error;
}

function recordPlatformObject(value) {
  const copy = cloneOfBlob(value);
  if (copy !== null) return { create: () => copy };
  for (let object = Object.getPrototypeOf(value); object !== null; object = Object.getPrototypeOf(object)) {
    if (platformPrototypes.has(object)) throw refusal(value);
  }
  return null;
}
