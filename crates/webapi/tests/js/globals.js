// What idlharness.js of the web-platform tests checks: names, attributes, brands.

import { assertEquals, assertThrows, assertTrue } from "./harness.js";

const INTERFACES = [
  "AbortController", "AbortSignal", "Blob", "ByteLengthQueuingStrategy", "CountQueuingStrategy", "Crypto",
  "CustomEvent", "DOMException", "ErrorEvent", "Event", "EventTarget", "File", "FormData", "Headers", "Performance",
  "PromiseRejectionEvent", "ReadableByteStreamController", "ReadableStream", "ReadableStreamBYOBReader",
  "ReadableStreamBYOBRequest", "ReadableStreamDefaultController", "ReadableStreamDefaultReader", "Request",
  "Response", "TextDecoder", "TextDecoderStream", "TextEncoder", "TextEncoderStream", "TransformStream",
  "TransformStreamDefaultController", "URL", "URLSearchParams", "WritableStream",
  "WritableStreamDefaultController", "WritableStreamDefaultWriter",
];

const FUNCTIONS = {
  addEventListener: 0, atob: 1, btoa: 1, clearInterval: 0, clearTimeout: 0, dispatchEvent: 0, fetch: 1,
  queueMicrotask: 1, removeEventListener: 0, reportError: 1, setInterval: 1, setTimeout: 1, structuredClone: 1,
};

export const cases = [
  ["interfaces are not enumerable and have a tag", () => {
    for (const name of INTERFACES) {
      const descriptor = Object.getOwnPropertyDescriptor(globalThis, name);
      assertEquals(typeof descriptor?.value, "function", name);
      assertEquals(descriptor.enumerable, false, `${name} enumerable`);
      assertTrue(descriptor.writable && descriptor.configurable, `${name} writable`);
      assertEquals(descriptor.value.name, name);
      assertEquals(descriptor.value.prototype[Symbol.toStringTag], name, `tag of ${name}`);
    }
  }],
  ["functions of the global object", () => {
    for (const [name, length] of Object.entries(FUNCTIONS)) {
      assertEquals(typeof globalThis[name], "function", name);
      assertEquals(globalThis[name].name, name === "reportError" ? "reportError" : name);
      assertEquals(globalThis[name].length, length, `length of ${name}`);
    }
  }],
  ["members are enumerable, and getters know their own", () => {
    for (const name of INTERFACES.filter((name) => name !== "DOMException")) {
      const { prototype } = globalThis[name];
      for (const member of Object.getOwnPropertyNames(prototype)) {
        if (member === "constructor") continue;
        const descriptor = Object.getOwnPropertyDescriptor(prototype, member);
        assertTrue(descriptor.enumerable, `${name}.${member} enumerable`);
        if (descriptor.get === undefined || member.startsWith("on")) continue;
        assertThrowsOrRejects(() => descriptor.get.call({}), `${name}.${member}`);
        assertThrowsOrRejects(() => prototype[member], `${name}.prototype.${member}`);
      }
    }
  }],
  ["attributes of the global object", () => {
    assertEquals(self, globalThis);
    assertEquals(Object.prototype.toString.call(crypto), "[object Crypto]");
    assertEquals(Object.prototype.toString.call(performance), "[object Performance]");
    assertEquals(Object.prototype.toString.call(console), "[object console]");
    assertThrows(TypeError, () => new Crypto());
    assertThrows(TypeError, () => new Performance());
  }],
];

/** Getters of promises reject, all others throw. */
function assertThrowsOrRejects(callback, what) {
  let value;
  try {
    value = callback();
  } catch (error) {
    assertTrue(error instanceof TypeError, `${what}: ${error}`);
    return;
  }
  assertTrue(value instanceof Promise, `${what} takes any object for its own`);
  value.catch(() => {});
}
