// How console shows a value: one line where it fits, in the manner of Node's
// util.inspect, which is what people know. Not complete: no proxies, no getters.

import { languageOf } from "./foreign.js";
import { hasBrand, isError } from "./webidl.js";

/** Nested deeper than this, an object is shown by its class alone. */
const DEPTH_MAX = 4;
/** Elements of one collection shown; the rest is counted. */
const ELEMENTS_MAX = 100;
/** A longer line is broken, an element to a line. */
const LINE_CHARACTERS_MAX = 76;
/** The whole text of one value; a worker's log is bounded. */
const TEXT_CHARACTERS_MAX = 64 * 1024;

/** Objects whose getters are shown by what they give, as if they were values. */
export const showValuesOf = new WeakSet();

export function inspect(value) {
  const text = show(value, { seen: [], depth: 0 });
  if (text.length <= TEXT_CHARACTERS_MAX) return text;
  return `${text.slice(0, TEXT_CHARACTERS_MAX)}… ${text.length - TEXT_CHARACTERS_MAX} more characters`;
}

function show(value, context) {
  switch (typeof value) {
    case "string": return quote(value);
    case "bigint": return `${value}n`;
    case "symbol": return value.toString();
    case "number": return Object.is(value, -0) ? "-0" : String(value);
    case "object": return value === null ? "null" : showGuarded(value, context);
    case "function": return showGuarded(value, context);
    default: return String(value);
  }
}

function quote(text) {
  const json = JSON.stringify(text);
  if (!text.includes("'")) return `'${json.slice(1, -1).replaceAll('\\"', '"')}'`;
  return json;
}

/** An object's own code may throw while it is looked at; the log then says so. */
function showGuarded(value, context) {
  if (context.seen.includes(value)) return "[Circular]";
  const inner = { seen: [...context.seen, value], depth: context.depth + 1 };
  try {
    return showObject(value, inner);
  } catch (error) {
    return `[inspection threw ${error instanceof Error ? error.name : typeof error}]`;
  }
}

function showObject(value, context) {
  const foreign = languageOf(value)?.show(value);
  if (foreign !== undefined) return foreign;
  const name = className(value);
  if (isError(value)) return showError(value, context);
  if (context.depth > DEPTH_MAX) return Array.isArray(value) ? "[Array]" : `[${name || "Object: null prototype"}]`;
  if (typeof value === "function") return withMembers(functionTitle(value), entries(value, context));
  if (Array.isArray(value)) return bracket("", "[", elements(value, context), "]");
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return bracket(`${name}(${value.length}) `, "[", elements(value, context), "]");
  }
  if (value instanceof Map && hasBrand(value, Map.prototype.keys)) {
    const pairs = limited(value, value.size, ([key, item]) => `${show(key, context)} => ${show(item, context)}`);
    return bracket(`${name}(${value.size}) `, "{", pairs, "}");
  }
  if (value instanceof Set && hasBrand(value, Set.prototype.keys)) {
    return bracket(`${name}(${value.size}) `, "{", limited(value, value.size, (item) => show(item, context)), "}");
  }
  if (value instanceof Date && hasBrand(value, Date.prototype.getTime)) {
    return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  }
  if (value instanceof RegExp) return withMembers(String(value), entries(value, context));
  if (value instanceof ArrayBuffer) return `${name} { byteLength: ${value.byteLength} }`;
  if (value instanceof Promise) return `${name} {}`;
  for (const boxed of [Number, String, Boolean, BigInt, Symbol]) {
    if (value instanceof boxed) return `[${name}: ${show(boxed.prototype.valueOf.call(value), context)}]`;
  }
  return bracket(name === "Object" ? "" : `${name || "[Object: null prototype]"} `, "{", entries(value, context), "}");
}

function className(value) {
  for (let object = value; object !== null; object = Object.getPrototypeOf(object)) {
    const constructor = Object.getOwnPropertyDescriptor(object, "constructor")?.value;
    if (typeof constructor === "function" && constructor.name !== "") return constructor.name;
  }
  return "";
}

function functionTitle(value) {
  const source = Function.prototype.toString.call(value);
  const kind = source.startsWith("class") ? "class" : "Function";
  return value.name === "" ? `[${kind} (anonymous)]` : `[${kind}: ${value.name}]`;
}

/** Frames of Taipan's own modules and of the engine: they tell a worker's author nothing. */
const OTHERS_FRAME = /\((taipan:|native\))|^ *at taipan:/;

/** The frames of a stack that are a worker's, each on a line. */
function usersFrames(stack) {
  const frames = stack.split("\n").filter((frame) => frame.trim() !== "" && !OTHERS_FRAME.test(frame));
  return frames.map((frame) => `\n${frame}`).join("");
}

function showError(error, context) {
  const { stack } = error;
  const title = Error.prototype.toString.call(error);
  const frames = typeof stack === "string" ? usersFrames(stack) : "";
  const cause = Object.hasOwn(error, "cause") ? `\n  caused by: ${show(error.cause, context)}` : "";
  return (context.depth > 1 ? `[${title}]` : title + frames) + cause;
}

function elements(array, context) {
  const shown = [];
  for (let index = 0; index < Math.min(array.length, ELEMENTS_MAX); index++) {
    shown.push(index in array ? show(array[index], context) : "<empty>");
  }
  if (array.length > ELEMENTS_MAX) shown.push(`… ${array.length - ELEMENTS_MAX} more`);
  return shown;
}

function limited(collection, size, each) {
  const shown = [];
  for (const item of collection) {
    if (shown.length === ELEMENTS_MAX) break;
    shown.push(each(item));
  }
  if (size > ELEMENTS_MAX) shown.push(`… ${size - ELEMENTS_MAX} more`);
  return shown;
}

function entries(object, context) {
  const keys = Reflect.ownKeys(object).filter((key) => Object.prototype.propertyIsEnumerable.call(object, key));
  return limited(keys, keys.length, (key) => `${showKey(key)}: ${showProperty(object, key, context)}`);
}

function showKey(key) {
  if (typeof key === "symbol") return `[${key.toString()}]`;
  return /^[A-Za-z_$][\w$]*$/.test(key) ? key : quote(key);
}

function showProperty(object, key, context) {
  const { get, set, value } = Object.getOwnPropertyDescriptor(object, key) ?? {};
  if (get !== undefined && showValuesOf.has(object)) return show(object[key], context);
  if (get !== undefined) return set === undefined ? "[Getter]" : "[Getter/Setter]";
  return set === undefined ? show(value, context) : "[Setter]";
}

function withMembers(title, members) {
  return members.length === 0 ? title : bracket(`${title} `, "{", members, "}");
}

function bracket(prefix, open, items, close) {
  if (items.length === 0) return `${prefix}${open}${close}`;
  const line = `${prefix}${open} ${items.join(", ")} ${close}`;
  if (line.length <= LINE_CHARACTERS_MAX && !line.includes("\n")) return line;
  const lines = items.map((item) => `  ${item.replaceAll("\n", "\n  ")}`);
  return `${prefix}${open}\n${lines.join(",\n")}\n${close}`;
}
