// Modules and instances. After wasm/jsapi/module/*.any.js, instance/*.any.js, constructor/*.any.js, instanceTestFactory.js,
// bad-imports.js.

import host from "taipan:host";
import { assertArrayEquals, assertEquals, assertRejects, assertThrows, assertTrue } from "./harness.js";

const load = (name) => new WebAssembly.Module(host.test_module(name));
const text = (value) => JSON.stringify(value);
const imported = () => ({
  function: (x) => x + 1,
  constant: 5,
  variable: new WebAssembly.Global({ value: "i64", mutable: true }, 1n),
  table: new WebAssembly.Table({ element: "anyfunc", initial: 1 }),
  tag: new WebAssembly.Tag({ parameters: ["i32"] }),
});
const link = (changes) => new WebAssembly.Instance(load("imports"), { module: { ...imported(), ...changes } });
const NOT_BYTES = [undefined, null, true, "", Symbol(), 1, {}, ArrayBuffer, [1]];

/** [import, value]: refused with a LinkError. */
const BAD = [
  ["function", undefined], ["function", null], ["function", true], ["function", 1], ["function", {}],
  ["constant", undefined], ["constant", null], ["constant", "1"], ["constant", 1n], ["constant", {}],
  ["constant", new WebAssembly.Global({ value: "i32", mutable: true }, 1)],
  ["constant", new WebAssembly.Global({ value: "i64" }, 1n)],
  ["variable", 1], ["variable", 1n], ["variable", new WebAssembly.Global({ value: "i64" }, 1n)],
  ["table", {}], ["table", []], ["table", new WebAssembly.Table({ element: "anyfunc", initial: 0 })],
  ["table", new WebAssembly.Table({ element: "externref", initial: 1 })],
  ["tag", {}], ["tag", new WebAssembly.Tag({ parameters: ["i64"] })],
];

export const cases = [
  ...NOT_BYTES.map((value) => [`Module refuses ${String(value)} (${typeof value})`, () => {
    assertThrows(TypeError, () => new WebAssembly.Module(value));
    assertThrows(TypeError, () => WebAssembly.validate(value));
  }]),
  ["Module refuses what is no module", () => {
    for (const bytes of [[], [0], [0, 0x61, 0x73, 0x6d], [0, 0x61, 0x73, 0x6d, 2, 0, 0, 0], Array(20).fill(255)]) {
      assertThrows(WebAssembly.CompileError, () => new WebAssembly.Module(new Uint8Array(bytes)));
      assertEquals(WebAssembly.validate(new Uint8Array(bytes)), false);
    }
  }],
  ["Module refuses what set-up did not compile, and says so", () => {
    const bytes = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 0, 2, 1, 0x78]);
    assertThrows(WebAssembly.CompileError, () => new WebAssembly.Module(bytes));
  }],
  ["Module takes every kind of buffer source", () => {
    const bytes = host.test_module("numbers");
    const shifted = new Uint8Array(bytes.length + 7);
    shifted.set(bytes, 3);
    for (const source of [bytes, bytes.buffer.slice(0, bytes.length), new DataView(shifted.buffer, 3, bytes.length), shifted.subarray(3, 3 + bytes.length)]) {
      assertTrue(new WebAssembly.Module(source) instanceof WebAssembly.Module);
      assertEquals(WebAssembly.validate(source), true);
    }
  }],
  ["the empty module", () => {
    const module = new WebAssembly.Module(new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]));
    assertEquals(text(WebAssembly.Module.exports(module)), "[]");
    assertEquals(text(WebAssembly.Module.imports(module)), "[]");
    assertEquals(Object.keys(new WebAssembly.Instance(module).exports).length, 0);
  }],
  ["Module.imports", () => {
    const found = WebAssembly.Module.imports(load("imports"));
    assertEquals(text(found[0]), '{"module":"module","name":"function","kind":"function"}');
    assertEquals(found.map(({ kind }) => kind).join(), "function,global,global,table,tag");
    assertTrue(Array.isArray(found));
  }],
  ["Module.exports", () => {
    const found = WebAssembly.Module.exports(load("imports"));
    assertEquals(text(found[0]), '{"name":"function","kind":"function"}');
    assertEquals(found.map(({ name }) => name).join(), "function,constant,variable,table,tag,call,bump");
  }],
  ["Module.imports and exports give new arrays", () => {
    const module = load("imports");
    assertTrue(WebAssembly.Module.exports(module) !== WebAssembly.Module.exports(module));
    assertTrue(WebAssembly.Module.imports(module)[0] !== WebAssembly.Module.imports(module)[0]);
  }],
  ["the static functions of Module take modules only", () => {
    for (const value of [undefined, null, {}, 1, WebAssembly.Module, WebAssembly.Module.prototype]) {
      assertThrows(TypeError, () => WebAssembly.Module.exports(value));
      assertThrows(TypeError, () => WebAssembly.Module.imports(value));
      assertThrows(TypeError, () => WebAssembly.Module.customSections(value, ""));
    }
  }],
  ["Module.customSections", () => {
    const module = load("sections");
    const read = (name) => WebAssembly.Module.customSections(module, name).map((section) => String.fromCharCode(...new Uint8Array(section)));
    assertArrayEquals(read("first"), ["one", "three"]);
    assertArrayEquals(read("second"), ["two"]);
    assertArrayEquals(read("third"), []);
    assertTrue(WebAssembly.Module.customSections(module, "first")[0] instanceof ArrayBuffer);
  }],
  ["Module.customSections needs a name", () => {
    assertThrows(TypeError, () => WebAssembly.Module.customSections(load("sections")));
    assertThrows(TypeError, () => WebAssembly.Module.customSections(load("sections"), undefined));
  }],
  ["Instance needs a module", () => {
    for (const value of [undefined, null, {}, 1, WebAssembly.Module]) assertThrows(TypeError, () => new WebAssembly.Instance(value));
  }],
  ["imports that are no objects", () => {
    for (const value of [undefined, null, 1, "x", Symbol()]) {
      assertThrows(TypeError, () => new WebAssembly.Instance(load("imports"), value));
      assertThrows(TypeError, () => new WebAssembly.Instance(load("imports"), { module: value }));
    }
  }],
  ["an import object that is no object, where none is needed", () => {
    for (const value of [null, 1, "x"]) assertThrows(TypeError, () => new WebAssembly.Instance(load("numbers"), value));
  }],
  ...BAD.map(([name, value], place) => [`bad import ${place}: ${name} is ${String(Object.prototype.toString.call(value))}`, () => {
    assertThrows(WebAssembly.LinkError, () => link({ [name]: value }));
  }]),
  ["imports are read in order, by their getters", () => {
    const seen = [];
    const values = imported();
    const module = new Proxy({}, { get: (_, name) => (seen.push(name), values[name]) });
    new WebAssembly.Instance(load("imports"), { get module() { seen.push("module"); return module; } });
    assertEquals(seen.join(), "module,function,module,constant,module,variable,module,table,module,tag");
  }],
  ["what a getter of an import throws", () => {
    const mine = {};
    try {
      new WebAssembly.Instance(load("imports"), { module: { get function() { throw mine; } } });
    } catch (error) {
      assertEquals(error, mine);
      return;
    }
    throw new Error("nothing was thrown");
  }],
  ["exports are a frozen object without prototype", () => {
    const { exports } = link({});
    assertEquals(Object.getPrototypeOf(exports), null);
    assertTrue(Object.isFrozen(exports));
    assertEquals(Object.keys(exports).join(), "function,constant,variable,table,tag,call,bump");
    assertEquals(link({}).exports === exports, false);
  }],
  ["exports are the same object each time", () => {
    const instance = link({});
    assertEquals(instance.exports, instance.exports);
    assertThrows(TypeError, () => { instance.exports = 1; });
  }],
  ["an imported function runs", () => {
    assertEquals(link({}).exports.call(41), 42);
    assertEquals(link({ function: () => "7" }).exports.call(0), 7);
    assertEquals(link({ function: () => undefined }).exports.call(0), 0);
    assertEquals(link({ function: new Proxy((x) => x * 2, {}) }).exports.call(4), 8);
  }],
  ["an imported function has no this", () => {
    let self = 1;
    link({ function() { "use strict"; self = this; } }).exports.call(1);
    assertEquals(self, undefined);
  }],
  ["an imported function of WebAssembly keeps its identity", () => {
    const { same } = new WebAssembly.Instance(load("numbers")).exports;
    assertEquals(link({ function: same }).exports.function, same);
  }],
  ["an imported function of WebAssembly of another type", () => {
    const { f64 } = new WebAssembly.Instance(load("numbers")).exports;
    assertThrows(WebAssembly.LinkError, () => link({ function: f64 }));
  }],
  ["an imported number becomes a constant", () => {
    assertEquals(link({ constant: -7.9 }).exports.constant.value, -7);
    assertEquals(link({ constant: new WebAssembly.Global({ value: "i32" }, 12) }).exports.constant.value, 12);
  }],
  ["imported entities are shared", () => {
    const { variable, table, tag } = imported();
    const { exports } = link({ variable, table, tag });
    exports.bump();
    assertEquals(variable.value, 2n);
    assertEquals(exports.variable, variable);
    assertEquals(exports.table, table);
    assertEquals(exports.tag, tag);
  }],
  ["a start function that traps", () => {
    assertThrows(WebAssembly.RuntimeError, () => new WebAssembly.Instance(load("traps_at_start")));
  }],
  ["a memory of its own is refused", () => {
    assertThrows(WebAssembly.LinkError, () => new WebAssembly.Instance(load("own_memory")));
  }],
  ["compile gives a promise of a module", async () => {
    const promise = WebAssembly.compile(host.test_module("numbers"));
    assertTrue(promise instanceof Promise);
    assertTrue(await promise instanceof WebAssembly.Module);
  }],
  ["compile and instantiate reject", async () => {
    await assertRejects(TypeError, WebAssembly.compile());
    await assertRejects(TypeError, WebAssembly.instantiate());
    await assertRejects(TypeError, WebAssembly.instantiate(host.test_module("imports")));
    await assertRejects(WebAssembly.CompileError, WebAssembly.compile(new Uint8Array(3)));
    await assertRejects(WebAssembly.LinkError, WebAssembly.instantiate(host.test_module("imports"), { module: {} }));
    await assertRejects(WebAssembly.RuntimeError, WebAssembly.instantiate(host.test_module("traps_at_start")));
  }],
  ["instantiate of bytes and of a module", async () => {
    const result = await WebAssembly.instantiate(host.test_module("numbers"));
    assertEquals(Object.keys(result).join(), "module,instance");
    assertTrue(result.module instanceof WebAssembly.Module && result.instance instanceof WebAssembly.Instance);
    assertTrue(await WebAssembly.instantiate(load("numbers")) instanceof WebAssembly.Instance);
  }],
  ["bytes are copied before compile returns", async () => {
    const bytes = host.test_module("numbers");
    const promise = WebAssembly.compile(bytes);
    bytes.fill(0);
    assertTrue(await promise instanceof WebAssembly.Module);
  }],
];
