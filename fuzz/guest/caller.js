// `play` makes calls of host operations: a list of bytes says what is called with what.

import host from "taipan:host";

const names = Object.getOwnPropertyNames(host).filter((name) => typeof host[name] === "function" && !name.startsWith("test_"));
let input = [];
let place = 0;
const byte = () => input[place++] ?? 0;
const word = () => byte() | (byte() << 8) | (byte() << 16) | (byte() << 24);
const text = () => String.fromCharCode(...Array.from({ length: byte() & 31 }, () => byte() | (byte() << 8)));
const results = [];
const call = () => host[names[byte() % names.length]](...Array.from({ length: byte() % 7 }, value));

function value() {
  switch (byte() % 16) {
    case 0: return undefined;
    case 1: return null;
    case 2: return byte() > 127;
    case 3: return byte();
    case 4: return word();
    case 5: return word() >>> 0;
    case 6: return new Float64Array(new Int32Array([word(), word()]).buffer)[0];
    case 7: return text();
    case 8: return new Uint8Array(Array.from({ length: byte() }, byte));
    case 9: return new ArrayBuffer(word() & 0xfffff);
    case 10: return { valueOf: call, toString: () => String(call()) };
    case 11: return { valueOf() { throw new Error("valueOf"); } };
    case 12: return BigInt(word());
    case 13: return () => call();
    case 14: { const gone = new Uint8Array(8); gone.buffer.transfer(); return gone; }
    default: return results[byte() % (results.length || 1)];
  }
}

globalThis.play = (bytes) => {
  input = bytes;
  while (place < input.length) {
    try {
      results.push(call());
    } catch (error) {
      results.push(error);
    }
  }
};
