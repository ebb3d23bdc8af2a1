// Exported functions and host functions: their properties, and the conversion of arguments and results.
// After wasm/jsapi/functions/*.any.js, constructor/multi-value.any.js, js-api's ToWebAssemblyValue and ToJSValue.

import host from "taipan:host";
import { assertArrayEquals, assertEquals, assertThrows, assertTrue } from "./harness.js";

const load = (name, imports) => new WebAssembly.Instance(new WebAssembly.Module(host.test_module(name)), imports).exports;
const exports = load("numbers");
let answer;
const returning = load("results", { js: Object.fromEntries(["i32", "i64", "f32", "f64", "externref", "funcref"].map((name) => [name, () => answer])) });
const named = (value) => `${String(typeof value === "object" ? "{}" : value)} (${typeof value})`;

/** [type, value given, value found, or an error class] */
const CONVERSIONS = [
  ["i32", 1.9, 1], ["i32", -1.9, -1], ["i32", 2 ** 32 + 5, 5], ["i32", 2 ** 31, -(2 ** 31)], ["i32", "0x10", 16], ["i32", "", 0],
  ["i32", null, 0], ["i32", undefined, 0], ["i32", NaN, 0], ["i32", Infinity, 0], ["i32", 1e300, 0], ["i32", -0, 0], ["i32", [7], 7],
  ["i32", new Date(5), 5], ["i32", 1n, TypeError], ["i32", Symbol(), TypeError], ["i32", { valueOf() { throw new EvalError(); } }, EvalError],
  ["i64", 5n, 5n], ["i64", -1n, -1n], ["i64", 2n ** 64n + 3n, 3n], ["i64", 2n ** 63n, -(2n ** 63n)], ["i64", "12", 12n], ["i64", true, 1n],
  ["i64", 5, TypeError], ["i64", undefined, TypeError], ["i64", null, TypeError], ["i64", "x", SyntaxError],
  ["f32", 0.1, Math.fround(0.1)], ["f32", 1e39, Infinity], ["f32", -1e39, -Infinity], ["f32", 1e-46, 0], ["f32", NaN, NaN], ["f32", -0, -0],
  ["f32", undefined, NaN], ["f32", 16777217, 16777216], ["f32", 1n, TypeError],
  ["f64", 0.1, 0.1], ["f64", 5e-324, 5e-324], ["f64", -0, -0], ["f64", undefined, NaN], ["f64", "1e400", Infinity], ["f64", 2 ** 53 + 2, 2 ** 53 + 2],
  ["funcref", null, null], ["funcref", undefined, TypeError], ["funcref", () => 1, TypeError], ["funcref", 1, TypeError], ["funcref", exports.i32, exports.i32],
];

const check = (call, found) => {
  if (typeof found === "function" && found.prototype instanceof Error) assertThrows(found, call);
  else assertEquals(call(), found);
};

export const cases = [
  ["an exported function is a function of its index", () => {
    const { i32, sum, nothing } = exports;
    assertEquals(typeof i32, "function");
    assertEquals(Object.getPrototypeOf(i32), Function.prototype);
    assertEquals(i32.length, 1);
    assertEquals(sum.length, 4);
    assertEquals(nothing.length, 0);
    assertTrue(/^\d+$/.test(i32.name), "the name is a number");
    for (const name of ["length", "name"]) {
      const { writable, enumerable, configurable } = Object.getOwnPropertyDescriptor(i32, name);
      assertArrayEquals([writable, enumerable, configurable], [false, false, true]);
    }
    assertEquals("prototype" in i32, false);
    assertEquals(Object.isExtensible(i32), true);
  }],
  ["the name is the index in the module", () => assertEquals(exports.nothing.name, "0")],
  ["an exported function is no constructor", () => {
    assertThrows(TypeError, () => new exports.nothing());
    assertThrows(TypeError, () => Reflect.construct(Object, [], exports.nothing));
  }],
  ["its text is that of a native function", () => assertTrue(String(exports.i32).includes("[native code]"))],
  ["too few and too many arguments", () => {
    assertEquals(exports.i32(), 0);
    assertEquals(exports.i32(1, 2, 3), 1);
    assertEquals(exports.nothing(1, {}), undefined);
    assertEquals(exports.f64(), NaN);
    assertThrows(TypeError, () => exports.i64());
  }],
  ["this does not matter", () => {
    for (const self of [undefined, null, {}, 1, exports]) assertEquals(exports.i32.call(self, 5), 5);
    assertEquals(exports.i32.bind(null, 6)(), 6);
  }],
  ["several arguments are converted in order", () => {
    const seen = [];
    const value = (name, result) => ({ valueOf: () => (seen.push(name), result) });
    assertEquals(exports.sum(value("a", 1), { [Symbol.toPrimitive]: () => (seen.push("b"), 2n) }, value("c", 0.5), value("d", 0.25)), 3.75);
    assertEquals(seen.join(), "a,b,c,d");
    assertThrows(TypeError, () => exports.sum(1, 2, value("not", 1), 1));
    assertEquals(seen.join(), "a,b,c,d");
  }],
  ...CONVERSIONS.map(([type, given, found]) => [`${type} as an argument from ${named(given)}`, () => check(() => exports[type](given), found)]),
  ...CONVERSIONS.map(([type, given, found]) => [`${type} as a result from ${named(given)}`, () => {
    answer = given;
    check(() => returning[type](), found);
  }]),
  ["externref as a result", () => {
    for (const value of [undefined, null, 1, "x", {}, Symbol.iterator, 1n]) {
      answer = value;
      assertEquals(returning.externref(), value);
    }
  }],
  ["v128 cannot be taken", () => assertThrows(TypeError, () => exports.vector())],
  ["several results are an array", () => assertArrayEquals(exports.two(), [1, 2])],
  ["a reference that may not be null is never null", () => {
    const { take } = load("non_null");
    assertThrows(TypeError, () => take(null));
  }],
  ["a reference that may not be null", () => assertEquals(load("non_null").take("x"), "x")],
];
