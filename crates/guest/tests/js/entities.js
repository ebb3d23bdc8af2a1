// Tables, globals, tags, exceptions, memories. After wasm/jsapi/table/*.any.js, global/*.any.js, tag/*.any.js,
// exception/*.any.js, memory/*.any.js, assertions.js.

import host from "taipan:host";
import { assertEquals, assertThrows, assertTrue } from "./harness.js";

const load = (name) => new WebAssembly.Instance(new WebAssembly.Module(host.test_module(name)));
const { i32, same } = load("numbers").exports;
const table = (element, initial, maximum) => new WebAssembly.Table({ element, initial, maximum });
const NOT_LENGTHS = [-1, 0x1_0000_0000, 0x1_0000_0000_0, NaN, Infinity, -Infinity, "x", {}, Symbol(), 1n];
const named = (value) => `${String(typeof value === "object" ? "{}" : value)} (${typeof value})`;

/** [type, value given, value found] */
const GLOBALS = [
  ["i32", 2 ** 31, -(2 ** 31)], ["i32", -1.9, -1], ["i32", "12", 12], ["i32", true, 1], ["i32", null, 0], ["i32", undefined, 0],
  ["i32", NaN, 0], ["i32", { valueOf: () => 3 }, 3], ["i64", 1n, 1n], ["i64", 2n ** 63n, -(2n ** 63n)], ["i64", "5", 5n],
  ["i64", undefined, 0n], ["i64", true, 1n], ["f32", 0.1, Math.fround(0.1)], ["f32", 1e39, Infinity], ["f32", undefined, 0],
  ["f64", 0.1, 0.1], ["f64", "1e3", 1000], ["f64", undefined, 0], ["externref", undefined, undefined], ["externref", null, null],
  ["externref", "text", "text"], ["anyfunc", null, null], ["f64", -0, -0], ["f64", NaN, NaN],
];

export const cases = [
  ["Table needs a descriptor", () => {
    for (const value of [undefined, null, false, "", 1, Symbol()]) assertThrows(TypeError, () => new WebAssembly.Table(value));
    assertThrows(TypeError, () => new WebAssembly.Table({}));
    assertThrows(TypeError, () => new WebAssembly.Table({ initial: 1 }), "no element");
  }],
  ["Table needs a length", () => assertThrows(TypeError, () => new WebAssembly.Table({ element: "anyfunc" }))],
  ["Table has an element type that exists", () => {
    for (const element of ["", "i32", "any", "ANYFUNC", undefined]) {
      assertThrows(TypeError, () => new WebAssembly.Table({ element, initial: 1 }), String(element));
    }
  }],
  ...NOT_LENGTHS.map((value) => [`Table refuses the length ${named(value)}`, () => {
    assertThrows(TypeError, () => table("anyfunc", value));
    assertThrows(TypeError, () => table("anyfunc", 0, value));
  }]),
  ["Table with a maximum below its length", () => assertThrows(RangeError, () => table("anyfunc", 10, 9))],
  ["Table with more elements than are allowed", () => assertThrows(RangeError, () => table("anyfunc", 10_000_001))],
  ["Table with a maximum of zero", () => assertEquals(table("anyfunc", 0, 0).length, 0)],
  ["Table reads its descriptor in order", () => {
    const seen = [];
    const descriptor = new Proxy({ element: "anyfunc", initial: 1, maximum: 2 }, { get: (target, name) => (seen.push(name), target[name]) });
    new WebAssembly.Table(descriptor);
    assertEquals(seen.join(), "element,initial,maximum");
  }],
  ["Table with an initial value", () => {
    const values = new WebAssembly.Table({ element: "externref", initial: 3 }, "x");
    for (let index = 0; index < 3; index++) assertEquals(values.get(index), "x");
    assertEquals(new WebAssembly.Table({ element: "anyfunc", initial: 1 }, i32).get(0), i32);
  }],
  ["Table of externref is filled with undefined", () => assertEquals(table("externref", 1).get(0), undefined)],
  ["Table of funcref is filled with null", () => assertEquals(table("anyfunc", 1).get(0), null)],
  ["Table.get and set", () => {
    const functions = table("anyfunc", 5);
    functions.set(0, i32);
    functions.set(4, same);
    assertEquals(functions.get(0), i32);
    assertEquals(functions.get(4), same);
    functions.set(0, null);
    assertEquals(functions.get(0), null);
    functions.set(4);
    assertEquals(functions.get(4), null);
    assertEquals(functions.set(1, i32), undefined);
  }],
  ["Table.get and set outside", () => {
    const functions = table("anyfunc", 5);
    for (const index of [5, 6, 2 ** 31, 2 ** 32 - 1]) {
      assertThrows(RangeError, () => functions.get(index));
      assertThrows(RangeError, () => functions.set(index, i32));
    }
  }],
  ...NOT_LENGTHS.map((value) => [`Table.get refuses ${named(value)}`, () => {
    assertThrows(TypeError, () => table("anyfunc", 5).get(value));
    assertThrows(TypeError, () => table("anyfunc", 5).set(value, null));
    assertThrows(TypeError, () => table("anyfunc", 5).grow(value));
  }]),
  ["Table.get and set without an index", () => {
    assertThrows(TypeError, () => table("anyfunc", 5).get());
    assertThrows(TypeError, () => table("anyfunc", 5).set());
    assertThrows(TypeError, () => table("anyfunc", 5).grow());
  }],
  ["Table.set takes functions of WebAssembly only", () => {
    const functions = table("anyfunc", 5);
    for (const value of [undefined, true, "", 1, {}, () => 1, Math.sin]) assertThrows(TypeError, () => functions.set(0, value));
    functions.set(0, i32);
    assertThrows(TypeError, () => functions.set(0, {}));
    assertEquals(functions.get(0), i32);
  }],
  ["Table.set and grow of externref without a value", () => {
    const values = table("externref", 1);
    values.set(0, 1);
    values.set(0);
    assertEquals(values.get(0), undefined);
    values.grow(1);
    assertEquals(values.get(1), undefined);
    values.grow(2, "y");
    assertEquals(values.get(3), "y");
  }],
  ["Table.grow", () => {
    const functions = table("anyfunc", 5, 8);
    assertEquals(functions.grow(0), 5);
    assertEquals(functions.grow(2, i32), 5);
    assertEquals(functions.length, 7);
    assertEquals(functions.get(5), i32);
    assertEquals(functions.get(6), i32);
    assertThrows(RangeError, () => functions.grow(2));
    assertThrows(TypeError, () => functions.grow(1, {}));
    assertEquals(functions.length, 7);
  }],
  ["Table.length cannot be set", () => assertThrows(TypeError, () => { table("anyfunc", 5).length = 4; })],

  ["Global needs a descriptor", () => {
    for (const value of [undefined, null, false, "", 1, Symbol()]) assertThrows(TypeError, () => new WebAssembly.Global(value));
    for (const value of ["", "i16", "v128", "I32", undefined]) assertThrows(TypeError, () => new WebAssembly.Global({ value }));
  }],
  ["Global reads its descriptor in order", () => {
    const seen = [];
    new WebAssembly.Global(new Proxy({ mutable: 1, value: "i32" }, { get: (target, name) => (seen.push(name), target[name]) }));
    assertEquals(seen.join(), "mutable,value");
  }],
  ...GLOBALS.map(([value, given, found]) => [`Global of ${value} from ${named(given)}`, () => {
    assertEquals(new WebAssembly.Global({ value }, given).value, found, "constant");
    const global = new WebAssembly.Global({ value, mutable: true }, given);
    assertEquals(global.valueOf(), found, "variable");
    global.value = found;
    assertEquals(global.value, found, "set");
  }]),
  ["Global without a value is its type's default", () => {
    const found = ["i32", "i64", "f32", "f64", "externref", "anyfunc"].map((value) => new WebAssembly.Global({ value }).value);
    assertEquals(found.map(String).join(), "0,0,0,0,undefined,null");
  }],
  ["Global refuses values of other types", () => {
    for (const [value, given] of [["i32", 1n], ["i32", Symbol()], ["i64", 1], ["i64", null], ["f64", 1n]]) {
      assertThrows(TypeError, () => new WebAssembly.Global({ value }, given), value);
    }
    for (const given of [undefined, 1, {}, () => 1]) assertThrows(TypeError, () => new WebAssembly.Global({ value: "anyfunc" }, given));
  }],
  ["Global that is immutable", () => {
    const global = new WebAssembly.Global({ value: "i32" }, 1);
    assertThrows(TypeError, () => { global.value = 2; });
    assertEquals(global.value, 1);
  }],

  ["Tag needs a type", () => {
    for (const value of [undefined, null, 1, {}, { parameters: undefined }, { parameters: 1 }, { parameters: ["i33"] }]) {
      assertThrows(TypeError, () => new WebAssembly.Tag(value), String(value));
    }
    for (const parameters of [[], ["i32"], ["i32", "i64", "f32", "f64", "externref", "anyfunc"], new Set(["i32"])]) {
      assertTrue(new WebAssembly.Tag({ parameters }) instanceof WebAssembly.Tag);
    }
  }],
  ["Exception needs a tag and a payload", () => {
    const tag = new WebAssembly.Tag({ parameters: ["i32", "i64", "externref"] });
    for (const value of [undefined, null, {}, 1, WebAssembly.Tag]) assertThrows(TypeError, () => new WebAssembly.Exception(value, []));
    for (const payload of [undefined, [], [1], [1, 2n], [1, 2n, 3, 4], [1n, 2n, 3]]) {
      assertThrows(TypeError, () => new WebAssembly.Exception(tag, payload), JSON.stringify(payload?.length));
    }
  }],
  ["Exception.getArg", () => {
    const tag = new WebAssembly.Tag({ parameters: ["i32", "i64", "f32", "f64", "externref", "anyfunc"] });
    const value = {};
    const exception = new WebAssembly.Exception(tag, [1.5, 2n, 0.1, 0.1, value, i32]);
    const expected = [1, 2n, Math.fround(0.1), 0.1, value, i32];
    expected.forEach((item, index) => assertEquals(exception.getArg(tag, index), item, `argument ${index}`));
    assertThrows(RangeError, () => exception.getArg(tag, 6));
    assertThrows(TypeError, () => exception.getArg({}, 0));
    assertThrows(TypeError, () => exception.getArg(new WebAssembly.Tag({ parameters: ["i32"] }), 0));
  }],
  ...NOT_LENGTHS.map((value) => [`Exception.getArg refuses ${named(value)}`, () => {
    const tag = new WebAssembly.Tag({ parameters: ["i32"] });
    assertThrows(TypeError, () => new WebAssembly.Exception(tag, [1]).getArg(tag, value));
  }]),
  ["Exception.is", () => {
    const [tag, other] = [new WebAssembly.Tag({ parameters: [] }), new WebAssembly.Tag({ parameters: [] })];
    const exception = new WebAssembly.Exception(tag, []);
    assertEquals(exception.is(tag), true);
    assertEquals(exception.is(other), false);
    for (const value of [undefined, null, {}, 1]) assertThrows(TypeError, () => exception.is(value));
  }],

  ["Memory can be made", () => assertTrue(new WebAssembly.Memory({ initial: 1 }) instanceof WebAssembly.Memory)],
];
