// https://w3c.github.io/webcrypto/#crypto-interface, the parts that need no keys.

import { languageOf } from "./foreign.js";
import { host } from "./operations.js";
import { INTERNAL, bytesOf, defineInterface, refuseConstruction, requireArguments } from "./webidl.js";

/** The standard's own bound on one request for entropy. */
const RANDOM_BYTES_MAX = 65536;

const INTEGER_ARRAYS = [
  "Int8Array", "Uint8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array",
  "Int32Array", "Uint32Array", "BigInt64Array", "BigUint64Array",
];

const arrayName = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag).get;

export class Crypto {
  #brand;

  constructor(token) { refuseConstruction(token); }

  getRandomValues(array) {
    requireArguments(arguments.length, 1, "getRandomValues");
    this.#brand;
    const language = languageOf(array);
    if (language !== null) {
      language.borrow(array, (bytes) => this.getRandomValues(bytes));
      return array;
    }
    if (!ArrayBuffer.isView(array)) throw new TypeError("getRandomValues takes a typed array");
    if (!INTEGER_ARRAYS.includes(arrayName.call(array))) {
      throw new DOMException("getRandomValues takes an array of integers", "TypeMismatchError");
    }
    if (array.byteLength > RANDOM_BYTES_MAX) {
      throw new DOMException(`more than ${RANDOM_BYTES_MAX} random bytes at once`, "QuotaExceededError");
    }
    host.random_fill(bytesOf(array));
    return array;
  }

  randomUUID() {
    this.#brand;
    const bytes = new Uint8Array(16);
    host.random_fill(bytes);
    // RFC 9562, 5.4: version 4, variant 10.
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = bytes.toHex();
    return [[0, 8], [8, 12], [12, 16], [16, 20], [20, 32]].map(([start, end]) => hex.slice(start, end)).join("-");
  }
}

defineInterface(Crypto);

export const crypto = new Crypto(INTERNAL);
