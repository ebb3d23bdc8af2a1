// The WebAssembly JavaScript Interface: the WebAssembly object, the classes and their members, errors.
// After wasm/jsapi/interface.any.js, prototypes.any.js, error-interfaces-no-symbol-tostringtag.js, */toString.any.js.

import host from "taipan:host";
import { assertEquals, assertThrows, assertTrue } from "./harness.js";

const load = (name) => new WebAssembly.Module(host.test_module(name));
const CLASSES = ["Module", "Instance", "Memory", "Table", "Global", "Tag", "Exception"];
const ERRORS = ["CompileError", "LinkError", "RuntimeError"];

function checkProperty(object, name, { writable = true, enumerable = false, configurable = true } = {}) {
  const descriptor = Object.getOwnPropertyDescriptor(object, name);
  assertTrue(descriptor !== undefined, `${String(name)} is there`);
  assertEquals(descriptor.writable, writable, `${String(name)}: writable`);
  assertEquals(descriptor.enumerable, enumerable, `${String(name)}: enumerable`);
  assertEquals(descriptor.configurable, configurable, `${String(name)}: configurable`);
}

/** [class, member, kind, length] */
const MEMBERS = [
  ["Memory", "grow", "method", 1], ["Memory", "buffer", "getter", 0],
  ["Memory", "toFixedLengthBuffer", "method", 0], ["Memory", "toResizableBuffer", "method", 0],
  ["Table", "grow", "method", 1], ["Table", "get", "method", 1], ["Table", "set", "method", 1], ["Table", "length", "getter", 0],
  ["Global", "valueOf", "method", 0], ["Global", "value", "accessor", 0],
  ["Instance", "exports", "getter", 0],
  ["Exception", "is", "method", 1], ["Exception", "getArg", "method", 2],
];

export const cases = [
  ["WebAssembly is a namespace object", () => {
    checkProperty(globalThis, "WebAssembly");
    assertEquals(typeof WebAssembly, "object");
    assertEquals(String(WebAssembly), "[object WebAssembly]");
    assertEquals(Object.getPrototypeOf(WebAssembly), Object.prototype);
    assertThrows(TypeError, () => WebAssembly());
    assertThrows(TypeError, () => new WebAssembly());
    assertEquals("prototype" in WebAssembly, false);
  }],
  ["its tag is read-only", () => {
    checkProperty(WebAssembly, Symbol.toStringTag, { writable: false });
  }],
  ...CLASSES.concat(ERRORS).map((name) => [`class ${name} is a property of it`, () => {
    checkProperty(WebAssembly, name);
    assertEquals(WebAssembly[name].name, name, "name");
    assertEquals(WebAssembly[name].prototype.constructor, WebAssembly[name], "constructor");
    checkProperty(WebAssembly[name], "prototype", { writable: false, configurable: false });
  }]),
  ...CLASSES.map((name) => [`class ${name} is called with new`, () => {
    assertThrows(TypeError, () => WebAssembly[name]({}), "call");
    assertThrows(TypeError, () => new WebAssembly[name](), "no argument");
  }]),
  ...Object.entries({ Module: 1, Instance: 1, Memory: 1, Table: 1, Global: 1, Tag: 1, Exception: 2, CompileError: 1 })
    .map(([name, length]) => [`length of class ${name}`, () => assertEquals(WebAssembly[name].length, length)]),
  ...CLASSES.map((name) => [`tag of class ${name}`, () => {
    assertEquals(String(WebAssembly[name].prototype), `[object WebAssembly.${name}]`);
    checkProperty(WebAssembly[name].prototype, Symbol.toStringTag, { writable: false });
  }]),
  ...["validate", "compile", "instantiate"].map((name) => [`function ${name} is enumerable, as in Web IDL`, () => {
    checkProperty(WebAssembly, name, { enumerable: true });
    assertEquals(WebAssembly[name].length, 1);
    assertEquals(WebAssembly[name].name, name);
  }]),
  ...["exports", "imports", "customSections"].map((name) => [`Module.${name} is static`, () => {
    checkProperty(WebAssembly.Module, name, { enumerable: true });
    assertEquals(WebAssembly.Module[name].length, name === "customSections" ? 2 : 1);
  }]),
  ...MEMBERS.map(([owner, name, kind, length]) => [`${owner}.prototype.${name}`, () => {
    const descriptor = Object.getOwnPropertyDescriptor(WebAssembly[owner].prototype, name);
    assertTrue(descriptor !== undefined, "is there");
    assertTrue(descriptor.enumerable && descriptor.configurable, "enumerable and configurable");
    const callable = kind === "method" ? descriptor.value : descriptor.get;
    assertEquals(callable.length, length, "length");
    assertEquals(callable.name, kind === "method" ? name : `get ${name}`, "name");
    assertEquals(typeof descriptor.set, kind === "accessor" ? "function" : "undefined", "setter");
    for (const self of [undefined, null, 1, "", {}, WebAssembly[owner], WebAssembly[owner].prototype]) {
      assertThrows(TypeError, () => callable.call(self, 0), `this = ${typeof self}`);
    }
  }]),
  ...ERRORS.map((name) => [`${name} is an error`, () => {
    const ErrorClass = WebAssembly[name];
    const error = new ErrorClass("text", { cause: 7 });
    assertTrue(error instanceof Error && error instanceof ErrorClass);
    assertEquals(Object.getPrototypeOf(ErrorClass), Error, "constructor's prototype");
    assertEquals(Object.getPrototypeOf(ErrorClass.prototype), Error.prototype, "prototype's prototype");
    assertEquals(String(error), `${name}: text`);
    assertEquals(error.cause, 7);
    assertEquals(ErrorClass.prototype.message, "");
    assertEquals(Object.hasOwn(ErrorClass.prototype, "message"), true, "own message");
    checkProperty(ErrorClass.prototype, "name");
    assertEquals(Object.prototype.toString.call(error), "[object Error]");
  }]),
  ...ERRORS.map((name) => [`${name} is called without new`, () => {
    assertTrue(WebAssembly[name]("x") instanceof WebAssembly[name]);
  }]),
  ["objects have their classes' prototypes", () => {
    const module = load("numbers");
    const instance = new WebAssembly.Instance(module);
    const { table, constant, tag } = instance.exports;
    for (const [object, name] of [[module, "Module"], [instance, "Instance"], [table, "Table"], [constant, "Global"], [tag, "Tag"]]) {
      assertEquals(Object.getPrototypeOf(object), WebAssembly[name].prototype, name);
      assertEquals(String(Object.prototype.toString.call(object)), `[object WebAssembly.${name}]`);
    }
  }],
  ["subclasses keep their prototype", () => {
    class Sub extends WebAssembly.Table {}
    const table = new Sub({ element: "anyfunc", initial: 1 });
    assertTrue(table instanceof Sub);
    assertEquals(table.length, 1);
  }],
  ["JSTag is a tag", () => {
    assertTrue(WebAssembly.JSTag instanceof WebAssembly.Tag);
  }],
  ["a JSTag exception cannot be made", () => {
    assertThrows(TypeError, () => new WebAssembly.Exception(WebAssembly.JSTag, [1]));
  }],
];
