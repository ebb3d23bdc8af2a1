// The WebAssembly JavaScript Interface (W3C, Working Draft 2026), over host operations.
//
// The names of classes and the order of their members are the standard's. What
// is left out, because an isolate compiles nothing: streaming compilation, multi-value functions. An isolate has one
// memory; that of a worker's module is a window of it (`link/src/window.rs`).

import host from "taipan:host";

const construct = Symbol("construct");

// Native errors, which can be called without `new` (ECMA-262, 20.5.6).
function errorClass(name) {
  const ErrorClass = { [name]: function (message, options) {
    return Reflect.construct(Error, message === undefined ? [] : [message, options], new.target ?? ErrorClass);
  } }[name];
  Object.setPrototypeOf(ErrorClass, Error);
  Object.defineProperty(ErrorClass, "length", { value: 1, configurable: true });
  const prototype = Object.create(Error.prototype);
  for (const [key, value] of Object.entries({ constructor: ErrorClass, name, message: "" })) {
    Object.defineProperty(prototype, key, { value, writable: true, configurable: true });
  }
  Object.defineProperty(ErrorClass, "prototype", { value: prototype, writable: false });
  return ErrorClass;
}
const CompileError = errorClass("CompileError");
const LinkError = errorClass("LinkError");
const RuntimeError = errorClass("RuntimeError");

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

// `[EnforceRange] unsigned long` (Web IDL, 3.2.4.6).
const toUnsigned = (value, what) => {
  if (value >>> 0 === value) return value;
  const number = Math.trunc(+value);
  if (!(number >= 0 && number <= 0xffff_ffff)) throw new TypeError(`${what}: not a number from 0 to 2^32 - 1`);
  return number;
};

const toDictionary = (value, what) => {
  if (value === null || (typeof value !== "object" && typeof value !== "function")) {
    throw new TypeError(`${what}: the descriptor is not an object`);
  }
  return value;
};

// What a module imports from here is for its window, and no program sees it.
const WINDOW = "taipan:window";

class Module {
  #id;
  #imports;
  #exports;
  constructor(bytes) {
    this.#id = bytes === construct ? arguments[1] : host.wasm_compile(toBytes(bytes));
  }
  static id(module) {
    return module.#id;
  }
  static imports(module) {
    const imports = (module.#imports ??= JSON.parse(host.wasm_module_imports(module.#id)));
    return imports.filter((entry) => entry.module !== WINDOW).map((entry) => ({ ...entry }));
  }
  static exports(module) {
    return (module.#exports ??= JSON.parse(host.wasm_module_exports(module.#id))).map((entry) => ({ ...entry }));
  }
  static customSections(module, name) {
    const id = module.#id;
    if (name === undefined) throw new TypeError("WebAssembly.Module.customSections: a name is required");
    const sections = [];
    for (let place = 0; ; place++) {
      const section = host.wasm_module_section(id, String(name), place);
      if (section === undefined) return sections;
      sections.push(section.buffer);
    }
  }
  static instantiate(module, importObject) {
    const descriptors = (module.#imports ??= JSON.parse(host.wasm_module_imports(module.#id)));
    const isNeeded = ({ module }) => module !== WINDOW;
    if (importObject === undefined ? descriptors.some(isNeeded) : importObject === null || !/^[of]/.test(typeof importObject)) {
      throw new TypeError("WebAssembly.Instance: the imports are not an object");
    }
    let memory;
    const values = descriptors.map((descriptor) => {
      if (descriptor.module === WINDOW) return undefined;
      const value = readImport(descriptor, importObject);
      if (descriptor.kind !== "memory") return value;
      memory = value;
      return idOf.memory(value);
    });
    const window = windowImports(descriptors, memory);
    descriptors.forEach(({ module, name }, index) => {
      if (module === WINDOW) values[index] = window.imports[name.split(":")[0]];
    });
    const exports = JSON.parse(host.wasm_instantiate(module.#id, ...values));
    return exports.map(([name, kind, id]) => [name, (kind === "memory" && window.memory) || kinds[kind](id)]);
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
    return kind === "function" || kind === "memory" ? value : idOf[kind](value);
  }
  if (kind === "global" && (typeof value === "number" || typeof value === "bigint")) {
    return idOf.global(new Global({ value: typeof value === "bigint" ? "i64" : "i32" }, value));
  }
  throw new LinkError(`WebAssembly.Instance: import "${module}"."${name}" is not a ${kind}`);
}

class Instance {
  #exports;
  constructor(module) {
    if (!(module instanceof Module)) throw new TypeError("WebAssembly.Instance: not a WebAssembly.Module");
    const exports = Object.create(null);
    for (const [name, value] of instantiateModule(module, arguments[1])) exports[name] = value;
    this.#exports = Object.freeze(exports);
  }
  get exports() {
    return this.#exports;
  }
}

const known = { memory: new Map(), table: new Map(), global: new Map(), tag: new Map() };
// The one object of an entity.
const objectOf = (kind, id) => {
  let object = known[kind].get(id);
  if (object === undefined) known[kind].set(id, (object = new entities[kind](construct, id)));
  return object;
};

const PAGE_BYTES = 65536;
// The most that a memory may say it can have, and the most that it gets: the engine counts the bytes in an `int`.
const PAGES_MAX = 65536;
const PAGES_GIVEN_MAX = 32767;

class Memory {
  #id;
  #buffer;
  #maximum;
  // What a module imports for the memory, if it is a window. Nothing else keeps its bytes, so an instance that has it
  // must.
  #window;
  constructor(descriptor) {
    if (descriptor === construct) {
      this.#id = arguments[1];
      return;
    }
    const what = "WebAssembly.Memory";
    const { initial, maximum, minimum } = readLimits(toDictionary(descriptor, what));
    const pages = toUnsigned(initial ?? minimum, what);
    this.#maximum = maximum === undefined ? undefined : toUnsigned(maximum, what);
    if (descriptor.shared) throw new TypeError(`${what}: an isolate has no threads to share a memory with`);
    if (pages > Math.min(PAGES_MAX, this.#maximum ?? PAGES_MAX) || this.#maximum > PAGES_MAX) {
      throw new RangeError(`${what}: ${pages} pages, at most ${this.#maximum ?? PAGES_MAX}`);
    }
    if (pages > PAGES_GIVEN_MAX) throw new RangeError(`${what}: ${pages} pages are more than an isolate has`);
    this.#buffer = host.wasm_window(undefined, pages * PAGE_BYTES);
    this.#window = {
      base: host.wasm_global_new("i32", true, host.wasm_address(this.#buffer)),
      length: host.wasm_global_new("i64", true, BigInt(pages * PAGE_BYTES)),
      grow: (delta) => this.#tryToGrow(delta >>> 0),
    };
  }
  grow(delta) {
    const pages = toUnsigned(delta, "WebAssembly.Memory.grow()");
    if (this.#window === undefined) return host.wasm_memory_grow(this.#id, pages);
    const before = this.#tryToGrow(pages);
    if (before < 0) throw new RangeError(`WebAssembly.Memory.grow(): ${pages} pages more are too many`);
    return before;
  }
  // The pages before, or -1.
  #tryToGrow(delta) {
    const before = this.#buffer.byteLength / PAGE_BYTES;
    const pages = before + delta;
    if (pages > Math.min(PAGES_GIVEN_MAX, this.#maximum ?? PAGES_MAX)) return -1;
    try {
      this.#buffer = host.wasm_window(this.#buffer, pages * PAGE_BYTES);
    } catch {
      return -1;
    }
    host.wasm_global_set(this.#window.base, host.wasm_address(this.#buffer));
    host.wasm_global_set(this.#window.length, BigInt(pages * PAGE_BYTES));
    return before;
  }
  // What a module with these limits imports for the memory.
  static window(memory, minimum, maximum) {
    const what = "WebAssembly.Instance: the memory";
    if (memory.#window === undefined) throw new LinkError(`${what} is the isolate's own`);
    const pages = memory.#buffer.byteLength / PAGE_BYTES;
    if (pages < minimum) throw new LinkError(`${what} has ${pages} pages, the module needs ${minimum}`);
    if (maximum !== undefined && !(memory.#maximum <= maximum)) {
      throw new LinkError(`${what} may grow beyond the ${maximum} pages that the module takes`);
    }
    return memory.#window;
  }
  // That of the isolate's memory is resizable, as after `toResizableBuffer()`: it and its views follow the memory's length.
  get buffer() {
    return (this.#buffer ??= host.wasm_memory_buffer(this.#id));
  }
  static id(memory) {
    return memory.#id ?? 0;
  }
}

/// Elements that a table gets in one go: nothing can stop the host meanwhile.
const TABLE_SLICE = 64 << 10;

/// Grows a table by slices; the first is refused if there is no room for all. Gives the length before.
function growTable(id, delta, value) {
  let before;
  for (let left = delta; before === undefined || left > 0; left -= TABLE_SLICE) {
    const length = host.wasm_table_grow(id, Math.min(left, TABLE_SLICE), left, ...value);
    before ??= length;
  }
  return before;
}

class Table {
  #id;
  constructor(descriptor, ...value) {
    if (descriptor === construct) {
      this.#id = value[0];
      return;
    }
    const what = "WebAssembly.Table";
    const { element } = toDictionary(descriptor, what);
    const { initial, maximum, minimum } = readLimits(descriptor);
    const length = toUnsigned(initial ?? minimum, what);
    const most = maximum === undefined ? -1 : toUnsigned(maximum, what);
    this.#id = host.wasm_table_new(String(element), Math.min(length, TABLE_SLICE), length, most, ...value);
    if (length > TABLE_SLICE) growTable(this.#id, length - TABLE_SLICE, value);
    known.table.set(this.#id, this);
  }
  get length() {
    return host.wasm_table_length(this.#id);
  }
  get(index) {
    return host.wasm_table_get(this.#id, toUnsigned(index, "WebAssembly.Table.get()"));
  }
  // A missing value is not `undefined`: it is the default of the element's type.
  set(index, ...value) {
    host.wasm_table_set(this.#id, toUnsigned(index, "WebAssembly.Table.set()"), ...value);
  }
  grow(delta, ...value) {
    return growTable(this.#id, toUnsigned(delta, "WebAssembly.Table.grow()"), value);
  }
  static id(table) {
    return table.#id;
  }
}

// Members are read in the order of their names (Web IDL, 3.2.17); `minimum` is the newer name of `initial`.
const readLimits = (descriptor) => {
  const { initial, maximum } = descriptor;
  const minimum = initial === undefined ? descriptor.minimum : undefined;
  return { initial, maximum, minimum };
};

class Global {
  #id;
  constructor(descriptor, ...value) {
    if (descriptor === construct) {
      this.#id = value[0];
      return;
    }
    const { mutable, value: type } = toDictionary(descriptor, "WebAssembly.Global");
    this.#id = host.wasm_global_new(String(type), !!mutable, ...value);
    known.global.set(this.#id, this);
  }
  get value() {
    return host.wasm_global_get(this.#id);
  }
  set value(value) {
    host.wasm_global_set(this.#id, value);
  }
  valueOf() {
    return host.wasm_global_get(this.#id);
  }
  static id(global) {
    return global.#id;
  }
}

class Tag {
  #id;
  constructor(type) {
    if (type === construct) {
      this.#id = arguments[1];
      return;
    }
    const { parameters } = toDictionary(type, "WebAssembly.Tag");
    if (typeof parameters?.[Symbol.iterator] !== "function") throw new TypeError("WebAssembly.Tag: no parameters");
    this.#id = host.wasm_tag_new(Array.from(parameters, String).join());
    known.tag.set(this.#id, this);
  }
  static id(tag) {
    return tag.#id;
  }
}

// Its instances are made by the host: an exception that left WebAssembly, or one that is made here to enter it.
function Exception(tag, payload) {
  if (!new.target) throw new TypeError("WebAssembly.Exception: `new` is required");
  if (tag === WebAssembly.JSTag) throw new TypeError("WebAssembly.Exception: JSTag is for exceptions of JavaScript");
  return host.wasm_exception_new(Tag_id(tag), ...payload);
}
Object.defineProperty(Exception, "prototype", { writable: false });
Object.defineProperties(Exception.prototype, Object.getOwnPropertyDescriptors({
  is(tag) {
    return host.wasm_exception_is(this, Tag_id(tag));
  },
  getArg(tag, index) {
    return host.wasm_exception_argument(this, Tag_id(tag), toUnsigned(index, "WebAssembly.Exception.getArg()"));
  },
}));
host.wasm_exception_prototype(Exception.prototype);

const Tag_id = Tag.id;
const Table_id = Table.id;
const Module_id = Module.id;
delete Module.id;
const idOf = { memory: Memory.id, table: Table.id, global: Global.id, tag: Tag.id };
const entities = { memory: Memory, table: Table, global: Global, tag: Tag };
for (const entity of Object.values(entities)) delete entity.id;
const windowOf = Memory.window;
delete Memory.window;

// The memories of instances, which live as long as the isolate.
const inUse = [];
// Where modules may write a word that is never read.
let guard;

// What a module imports for its window, and its memory: the one that it was given, or one of its own.
function windowImports(descriptors, given) {
  const find = (part) => descriptors.find(({ module, name }) => module === WINDOW && name.startsWith(part));
  if (find("guard") === undefined) {
    if (given !== undefined && given !== objectOf("memory", 0)) {
      throw new LinkError("WebAssembly.Instance: the module needs the isolate's own memory");
    }
    return { imports: {} };
  }
  if (guard === undefined) {
    const word = new ArrayBuffer(4);
    inUse[inUse.length] = word;
    guard = host.wasm_global_new("i32", false, host.wasm_address(word));
  }
  const imports = { memory: 0, guard };
  const base = find("base:");
  if (base === undefined) return { imports };
  const [minimum, maximum] = base.name.split(":").slice(1).map((limit) => (limit === "" ? undefined : Number(limit)));
  const memory = given ?? new Memory({ initial: minimum, maximum });
  Object.assign(imports, windowOf(memory, minimum, maximum));
  inUse[inUse.length] = memory;
  return { imports, memory };
}
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
  async instantiate(source) {
    if (source instanceof Module) return new Instance(source, arguments[1]);
    const module = new Module(source);
    return { module, instance: new Instance(module, arguments[1]) };
  },
};
const classes = { Module, Instance, Memory, Table, Global, Tag, Exception };
const define = (object, properties, enumerable) => {
  for (const [name, value] of Object.entries(properties)) {
    Object.defineProperty(object, name, { value, writable: true, enumerable, configurable: true });
  }
};
define(WebAssembly, functions, true);
define(WebAssembly, { ...classes, CompileError, LinkError, RuntimeError }, false);
// As Web IDL has them: members are enumerable, the arguments that must be given are counted.
for (const value of Object.values(classes)) {
  for (const owner of [value, value.prototype]) {
    for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(owner))) {
      if (!/^(constructor|prototype|length|name)$/.test(name)) {
        Object.defineProperty(owner, name, { ...descriptor, enumerable: true });
      }
    }
  }
  if (value !== Exception) Object.defineProperty(value, "length", { value: 1, configurable: true });
  Object.defineProperty(value.prototype, Symbol.toStringTag, { value: `WebAssembly.${value.name}`, configurable: true });
}
// `length` is a getter of tables, and a count of arguments on their class.
Object.defineProperty(Table.prototype, "length", { enumerable: true });
Object.defineProperty(WebAssembly, Symbol.toStringTag, { value: "WebAssembly", configurable: true });
Object.defineProperty(WebAssembly, "JSTag", { value: objectOf("tag", host.wasm_javascript_tag()), configurable: true });
Object.defineProperty(globalThis, "WebAssembly", { value: WebAssembly, writable: true, configurable: true });

// The module of a worker that it imports by a name; for the module registry.
export const compiledModule = (name) => new Module(construct, host.wasm_module_named(name));

// An export of a side module that its instance does not show; the address of data. `undefined` if there is none.
export const sideExport = (module, name) => {
  const found = host.wasm_side_export(Module_id(module), name);
  if (typeof found !== "string") return found;
  const [kind, id] = JSON.parse(found);
  return kinds[kind](id);
};

// Where a table has a function, if it does.
export const placeInTable = (table, value) => host.wasm_table_find(Table_id(table), value);

// The main module, which is there before any JavaScript; for the loader.
export const mainModule = new Module(construct, 0);
