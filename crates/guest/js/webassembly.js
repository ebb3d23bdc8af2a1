// The WebAssembly JavaScript Interface (W3C, Working Draft 2026), over host operations.
//
// The names of classes and the order of their members are the standard's. What
// is left out, because an isolate has one memory and compiles nothing: new
// memories, streaming compilation, multi-value functions.

import host from "taipan:host";

const construct = Symbol("construct");

class CompileError extends Error {}
class LinkError extends Error {}
class RuntimeError extends Error {}
for (const error of [CompileError, LinkError, RuntimeError]) {
  Object.defineProperty(error.prototype, "name", { value: error.name, writable: true, configurable: true });
}

const errorClasses = {
  Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError,
  "WebAssembly.CompileError": CompileError,
  "WebAssembly.LinkError": LinkError,
  "WebAssembly.RuntimeError": RuntimeError,
};

host.set_error_factory((name, message) => {
  if (name.startsWith("DOMException:")) return new globalThis.DOMException(message, name.slice(13));
  const ErrorClass = errorClasses[name];
  return ErrorClass ? new ErrorClass(message) : new Error(`${name}: ${message}`);
});

const toBytes = (source) => {
  if (source instanceof ArrayBuffer || ArrayBuffer.isView(source)) return source;
  throw new TypeError("WebAssembly: the argument is not an ArrayBuffer or a view on one");
};

class Module {
  #id;
  #imports;
  #exports;
  constructor(bytes, id) {
    this.#id = bytes === construct ? id : host.wasm_compile(toBytes(bytes));
  }
  static imports(module) {
    return (module.#imports ??= JSON.parse(host.wasm_module_imports(module.#id))).map((entry) => ({ ...entry }));
  }
  static exports(module) {
    return (module.#exports ??= JSON.parse(host.wasm_module_exports(module.#id))).map((entry) => ({ ...entry }));
  }
  static customSections(module, name) {
    const sections = [];
    for (let place = 0; ; place++) {
      const section = host.wasm_module_section(module.#id, String(name), place);
      if (section === undefined) return sections;
      sections.push(section.buffer);
    }
  }
  static instantiate(module, importObject) {
    const descriptors = (module.#imports ??= JSON.parse(host.wasm_module_imports(module.#id)));
    if (descriptors.length && (importObject === null || typeof importObject !== "object")) {
      throw new TypeError("WebAssembly.Instance: imports are missing");
    }
    const values = descriptors.map((descriptor) => readImport(descriptor, importObject));
    return JSON.parse(host.wasm_instantiate(module.#id, ...values)).map(([name, kind, id]) => [name, kinds[kind](id)]);
  }
}
// Taken off the class that users see, once this file has it.
const instantiateModule = Module.instantiate;
delete Module.instantiate;

// "read the imports", steps 3.1 to 3.6.
function readImport({ module, name, kind }, importObject) {
  const namespace = importObject[module];
  if (namespace === null || (typeof namespace !== "object" && typeof namespace !== "function")) {
    throw new TypeError(`WebAssembly.Instance: import "${module}" is not an object`);
  }
  const value = namespace[name];
  if (kind === "function" ? typeof value === "function" : value instanceof entities[kind]) {
    return kind === "function" ? value : idOf[kind](value);
  }
  if (kind === "global" && (typeof value === "number" || typeof value === "bigint")) {
    return idOf.global(new Global({ value: typeof value === "bigint" ? "i64" : "i32" }, value));
  }
  throw new LinkError(`WebAssembly.Instance: import "${module}"."${name}" is not a ${kind}`);
}

class Instance {
  constructor(module, importObject) {
    if (!(module instanceof Module)) throw new TypeError("WebAssembly.Instance: not a WebAssembly.Module");
    const exports = Object.create(null);
    for (const [name, value] of instantiateModule(module, importObject)) exports[name] = value;
    Object.defineProperty(this, "exports", { value: Object.freeze(exports), enumerable: true, configurable: true });
  }
}

const known = { memory: new Map(), table: new Map(), global: new Map(), tag: new Map() };
// The one object of an entity.
const objectOf = (kind, id) => {
  let object = known[kind].get(id);
  if (object === undefined) known[kind].set(id, (object = new entities[kind](construct, id)));
  return object;
};

class Memory {
  #id;
  #buffer;
  constructor(descriptor, id) {
    if (descriptor !== construct) throw new RangeError("WebAssembly.Memory: an isolate has one memory, its own");
    this.#id = id;
  }
  grow(delta) {
    return host.wasm_memory_grow(this.#id, delta);
  }
  // The buffer is resizable, as after `toResizableBuffer()`: it and its views follow the memory's length.
  get buffer() {
    return (this.#buffer ??= host.wasm_memory_buffer(this.#id));
  }
  static id(memory) {
    return memory.#id;
  }
}

class Table {
  #id;
  constructor(descriptor, value) {
    this.#id = descriptor === construct ? value
      : host.wasm_table_new(String(descriptor.element), descriptor.initial ?? descriptor.minimum, descriptor.maximum ?? -1);
    if (descriptor !== construct) known.table.set(this.#id, this);
  }
  get length() {
    return host.wasm_table_length(this.#id);
  }
  get(index) {
    return host.wasm_table_get(this.#id, index);
  }
  // A missing value is not `undefined`: it is the default of the element's type.
  set(index, ...value) {
    host.wasm_table_set(this.#id, index, ...value);
  }
  grow(delta, ...value) {
    return host.wasm_table_grow(this.#id, delta, ...value);
  }
  static id(table) {
    return table.#id;
  }
}

class Global {
  #id;
  constructor(descriptor, ...value) {
    this.#id = descriptor === construct ? value[0]
      : host.wasm_global_new(String(descriptor.value), !!descriptor.mutable, ...value);
    if (descriptor !== construct) known.global.set(this.#id, this);
  }
  get value() {
    return host.wasm_global_get(this.#id);
  }
  set value(value) {
    host.wasm_global_set(this.#id, value);
  }
  valueOf() {
    return this.value;
  }
  static id(global) {
    return global.#id;
  }
}

class Tag {
  #id;
  constructor(type, id) {
    this.#id = type === construct ? id : host.wasm_tag_new(Array.from(type.parameters, String).join());
    if (type !== construct) known.tag.set(this.#id, this);
  }
  static id(tag) {
    return tag.#id;
  }
}

// Its instances are made by the host: an exception that left WebAssembly, or one that is made here to enter it.
function Exception(tag, payload) {
  if (!new.target) throw new TypeError("WebAssembly.Exception: `new` is required");
  return host.wasm_exception_new(Tag_id(tag), ...payload);
}
Object.defineProperties(Exception.prototype, {
  is: { value: function is(tag) { return host.wasm_exception_is(this, Tag_id(tag)); }, writable: true, configurable: true },
  getArg: {
    value: function getArg(tag, index) { return host.wasm_exception_argument(this, Tag_id(tag), index); },
    writable: true, configurable: true,
  },
});
host.wasm_exception_prototype(Exception.prototype);

const Tag_id = Tag.id;
const idOf = { memory: Memory.id, table: Table.id, global: Global.id, tag: Tag.id };
const entities = { memory: Memory, table: Table, global: Global, tag: Tag };
for (const entity of Object.values(entities)) delete entity.id;
const kinds = {
  function: (id) => host.wasm_function(id),
  memory: (id) => objectOf("memory", id),
  table: (id) => objectOf("table", id),
  global: (id) => objectOf("global", id),
  tag: (id) => objectOf("tag", id),
};

const WebAssembly = Object.create(Object.prototype);
const functions = {
  validate(bytes) {
    return host.wasm_validate(toBytes(bytes));
  },
  async compile(bytes) {
    return new Module(bytes);
  },
  async instantiate(source, importObject) {
    if (source instanceof Module) return new Instance(source, importObject);
    const module = new Module(source);
    return { module, instance: new Instance(module, importObject) };
  },
};
const classes = { Module, Instance, Memory, Table, Global, Tag, Exception, CompileError, LinkError, RuntimeError };
for (const [name, value] of Object.entries({ ...functions, ...classes })) {
  Object.defineProperty(WebAssembly, name, { value, writable: true, configurable: true });
}
for (const value of [Module, Instance, Memory, Table, Global, Tag, Exception]) {
  Object.defineProperty(value.prototype, Symbol.toStringTag, { value: `WebAssembly.${value.name}`, configurable: true });
}
Object.defineProperty(WebAssembly, Symbol.toStringTag, { value: "WebAssembly", configurable: true });
Object.defineProperty(WebAssembly, "JSTag", { value: objectOf("tag", host.wasm_javascript_tag()), configurable: true });
Object.defineProperty(globalThis, "WebAssembly", { value: WebAssembly, writable: true, configurable: true });

// The main module, which is there before any JavaScript; for the loader.
export const mainModule = new Module(construct, 0);
