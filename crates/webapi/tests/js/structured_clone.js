// From the web-platform tests html/webappapis/structured-clone.

import { assertArrayEquals, assertEquals, assertThrows, assertThrowsExactly, assertTrue } from "./harness.js";

function checkSame(values) {
  for (const value of values) assertEquals(structuredClone(value), value);
}

export const cases = [
  ["primitives", () => {
    checkSame([undefined, null, true, false, "", "text", "\ud800", 0, -0, NaN, Infinity, 1.5, 12345678901234567890n]);
    assertThrows("DataCloneError", () => structuredClone(Symbol("x")));
    assertThrows("DataCloneError", () => structuredClone(() => 1));
    assertThrows(TypeError, () => structuredClone());
  }],
  ["boxed primitives", () => {
    for (const value of [new Boolean(false), new Number(-0), new String("a\ud800"), Object(7n)]) {
      const copy = structuredClone(value);
      assertTrue(copy !== value && typeof copy === "object");
      assertEquals(Object.getPrototypeOf(copy), Object.getPrototypeOf(value));
      assertEquals(copy.valueOf(), value.valueOf());
    }
    assertThrows("DataCloneError", () => structuredClone(Object(Symbol("x"))));
  }],
  ["dates and regular expressions", () => {
    assertEquals(structuredClone(new Date(8.64e15)).getTime(), 8.64e15);
    assertTrue(Number.isNaN(structuredClone(new Date(NaN)).getTime()));
    const expression = /a\/b/giu;
    expression.lastIndex = 3;
    const copy = structuredClone(expression);
    assertArrayEquals([copy.source, copy.flags, copy.lastIndex], ["a\\/b", "giu", 0]);
  }],
  ["arrays keep holes and properties", () => {
    const array = [1, , 3];
    array.name = "x";
    const copy = structuredClone(array);
    assertArrayEquals([copy.length, 1 in copy, copy[2], copy.name], [3, false, 3, "x"]);
    assertEquals(structuredClone(new Array(5)).length, 5);
  }],
  ["objects: own, enumerable, by name", () => {
    class Point { constructor() { this.x = 1; } get y() { return 2; } }
    const source = new Point();
    Object.defineProperty(source, "hidden", { value: 1 });
    source[Symbol("s")] = 1;
    Object.defineProperty(source, "computed", { enumerable: true, get: () => "read" });
    const copy = structuredClone(source);
    assertEquals(Object.getPrototypeOf(copy), Object.prototype);
    assertArrayEquals(Reflect.ownKeys(copy), ["x", "computed"]);
    assertEquals(copy.computed, "read");
    assertEquals(Object.getOwnPropertyDescriptor(structuredClone(JSON.parse('{"__proto__":1}')), "__proto__").value, 1);
  }],
  ["a getter's exception comes through", () => {
    const error = new Error("mine");
    assertThrowsExactly(error, () => structuredClone({ get x() { throw error; } }));
  }],
  ["cycles and shared references", () => {
    const source = { list: [] };
    source.self = source;
    source.list.push(source, source.list);
    const copy = structuredClone(source);
    assertTrue(copy !== source && copy.self === copy && copy.list[0] === copy && copy.list[1] === copy.list);
    const shared = {};
    const pair = structuredClone([shared, shared]);
    assertTrue(pair[0] === pair[1] && pair[0] !== shared);
  }],
  ["maps and sets", () => {
    const key = { k: 1 };
    const map = new Map([[key, "a"], [NaN, key]]);
    map.set("self", map);
    const copy = structuredClone(map);
    const [first] = copy.keys();
    assertTrue(copy.get(NaN) === first && first !== key && first.k === 1 && copy.get("self") === copy);
    const set = structuredClone(new Set([1, key, "x"]));
    assertArrayEquals([set.size, set.has(1), set.has(key), set.has("x")], [3, true, false, true]);
    class Special extends Map {}
    assertEquals(Object.getPrototypeOf(structuredClone(new Special([[1, 2]]))), Map.prototype);
  }],
  ["buffers and views share what they shared", () => {
    const buffer = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]).buffer;
    const [copy, bytes, words, view] = structuredClone([buffer, new Uint8Array(buffer, 1, 3), new Uint16Array(buffer, 2), new DataView(buffer, 7)]);
    assertTrue(copy !== buffer && bytes.buffer === copy && words.buffer === copy && view.buffer === copy);
    assertArrayEquals(bytes, [2, 3, 4]);
    assertArrayEquals([words.byteOffset, words.length, view.byteOffset, view.byteLength], [2, 3, 7, 1]);
    for (const constructor of [Int8Array, Uint8ClampedArray, Int16Array, Int32Array, Uint32Array, Float32Array, Float64Array, BigInt64Array, BigUint64Array]) {
      assertEquals(Object.getPrototypeOf(structuredClone(new constructor(2))), constructor.prototype);
    }
  }],
  ["resizable buffers stay so", () => {
    const buffer = new ArrayBuffer(4, { maxByteLength: 16 });
    const [copy, tracking, fixed] = structuredClone([buffer, new Uint8Array(buffer), new Uint8Array(buffer, 0, 4)]);
    assertArrayEquals([copy.resizable, copy.maxByteLength, copy.byteLength], [true, 16, 4]);
    copy.resize(8);
    assertArrayEquals([tracking.length, fixed.length], [8, 4]);
    assertEquals(buffer.byteLength, 4);
  }],
  ["errors", () => {
    const error = new RangeError("far", { cause: { a: 1 } });
    error.extra = 1;
    const copy = structuredClone(error);
    assertEquals(Object.getPrototypeOf(copy), RangeError.prototype);
    assertArrayEquals([copy.message, copy.cause.a, "extra" in copy, copy.stack], ["far", 1, false, error.stack]);
    class Custom extends Error {}
    assertEquals(Object.getPrototypeOf(structuredClone(new Custom("x"))), Error.prototype);
    assertEquals(Object.hasOwn(structuredClone(new Error()), "message"), false);
    const exception = structuredClone(new DOMException("m", "AbortError"));
    assertTrue(exception instanceof DOMException);
    assertArrayEquals([exception.name, exception.message, exception.code], ["AbortError", "m", 20]);
  }],
  ["what cannot be cloned", () => {
    for (const value of [
      new WeakMap(), new WeakSet(), Promise.resolve(), new WeakRef({}), new Headers(), new URL("http://a"), new Response(),
      new ReadableStream(), new EventTarget(), new Event("x"), new AbortController(), { nested: [() => 1] }, new Map([[1, Symbol.iterator]]),
    ]) assertThrows("DataCloneError", () => structuredClone(value), Object.prototype.toString.call(value));
  }],
  ["blobs and files", async () => {
    const blob = structuredClone(new Blob(["abc"], { type: "text/x" }));
    assertTrue(blob instanceof Blob && !(blob instanceof File));
    assertArrayEquals([await blob.text(), blob.type], ["abc", "text/x"]);
    const file = structuredClone(new File(["abc"], "name", { lastModified: 5 }));
    assertArrayEquals([file.name, file.lastModified, await file.text()], ["name", 5, "abc"]);
  }],
  ["transfer", () => {
    const buffer = new Uint8Array([1, 2]).buffer;
    const view = new Uint8Array(buffer);
    const copy = structuredClone({ view, buffer }, { transfer: [buffer] });
    assertTrue(buffer.detached && view.length === 0);
    assertArrayEquals(copy.view, [1, 2]);
    assertEquals(copy.view.buffer, copy.buffer);
    const alone = new ArrayBuffer(1);
    structuredClone(1, { transfer: [alone] });
    assertTrue(alone.detached);
  }],
  ["transfer that fails leaves all in place", () => {
    const buffer = new ArrayBuffer(1);
    assertThrows("DataCloneError", () => structuredClone(() => 1, { transfer: [buffer] }));
    assertThrows("DataCloneError", () => structuredClone(1, { transfer: [buffer, buffer] }));
    assertThrows("DataCloneError", () => structuredClone(1, { transfer: [{}] }));
    assertEquals(buffer.detached, false);
    buffer.transfer();
    assertThrows("DataCloneError", () => structuredClone(buffer));
    assertThrows("DataCloneError", () => structuredClone(1, { transfer: [buffer] }));
  }],
];
