// From the web-platform tests WebCryptoAPI: getRandomValues, randomUUID.

import { assertEquals, assertThrows, assertTrue } from "./harness.js";

export const cases = [
  ["getRandomValues", () => {
    for (const constructor of [Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, BigInt64Array, BigUint64Array]) {
      const array = new constructor(32);
      assertEquals(crypto.getRandomValues(array), array);
      assertTrue(array.some((value) => Number(value) !== 0), constructor.name);
    }
    const part = new Uint8Array(64);
    crypto.getRandomValues(part.subarray(16, 32));
    assertTrue(part.subarray(0, 16).every((value) => value === 0) && part.subarray(32).every((value) => value === 0));
    assertEquals(crypto.getRandomValues(new Uint8Array(0)).length, 0);
  }],
  ["getRandomValues: what is refused", () => {
    assertThrows("TypeMismatchError", () => crypto.getRandomValues(new Float32Array(1)));
    assertThrows("TypeMismatchError", () => crypto.getRandomValues(new DataView(new ArrayBuffer(1))));
    assertThrows("QuotaExceededError", () => crypto.getRandomValues(new Uint8Array(65537)));
    assertEquals(crypto.getRandomValues(new Uint8Array(65536)).length, 65536);
    assertThrows(TypeError, () => crypto.getRandomValues({}));
    assertThrows(TypeError, () => crypto.getRandomValues.call({}, new Uint8Array(1)));
  }],
  ["randomUUID", () => {
    const seen = new Set();
    for (let count = 0; count < 100; count++) {
      const uuid = crypto.randomUUID();
      assertTrue(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(uuid), uuid);
      seen.add(uuid);
    }
    assertEquals(seen.size, 100);
  }],
];
