// Calls every host operation with what no caller of good will gives: too few
// arguments, wrong types, huge numbers, detached buffers, objects whose
// conversion throws or calls operations again.

import host from "taipan:host";

const skipped = /^(test_|process_exit$|fatal$|interpreter_failed$)/;
const names = Object.getOwnPropertyNames(host).filter((name) => typeof host[name] === "function" && !skipped.test(name));

const detached = new Uint8Array(64);
detached.buffer.transfer();
const shrinking = new ArrayBuffer(64, { maxByteLength: 128 });
const outside = new Uint8Array(shrinking, 32, 32);
shrinking.resize(16);
const { proxy, revoke } = Proxy.revocable({}, {});
revoke();

let depth = 0;
// Converts to a number or a text by calling an operation, which may convert it again.
const reentrant = (operation) => {
  const convert = () => {
    if (depth > 3) return 1;
    depth++;
    try {
      host[operation](again, again, again);
    } catch {
      return 2;
    } finally {
      depth--;
    }
    return 3;
  };
  const again = { valueOf: convert, toString: () => String(convert()), [Symbol.toPrimitive]: convert };
  return again;
};

const growing = { valueOf: () => { host.test_grow?.(); return 1; } };
const throwing = { valueOf() { throw new Error("valueOf"); }, toString() { throw 0; } };

export const values = [
  undefined, null, true, false, 0, 1, 2, -1, -0, 0.5, 255, 65536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53,
  1e300, NaN, Infinity, -Infinity, 0n, -1n, 2n ** 70n, "", "0", "i32", "externref", "anyfunc", "utf-8", "GET", "follow",
  "http://[::1", "x: y\r\n", "a\0b", "\ud800", "ü".repeat(1000), "x".repeat(1 << 20), Symbol("s"), Symbol.iterator,
  {}, [], [1, [2]], () => 1, class {}, new ArrayBuffer(0), new ArrayBuffer(64), detached, detached.buffer, outside,
  shrinking, new Uint8Array(70000), new DataView(new ArrayBuffer(8), 4), new Float64Array(3), proxy, throwing, growing,
  new Proxy([], {}), new Date(NaN), /x/g, Promise.resolve(1), new Error("e"), globalThis,
  Object.create(null), WebAssembly.Table, new WebAssembly.Table({ element: "anyfunc", initial: 1 }),
  ...names.slice(0, 8).map(reentrant),
];

/** Calls `host[name](...given)`; whatever is thrown is as it should be. */
function attempt(name, given) {
  try {
    host[name](...given);
  } catch {
    return 1;
  }
  return 0;
}

/** The operations that are called, and how many calls threw. */
export function callAll(rounds) {
  let calls = 0, thrown = 0, state = 12345;
  const next = (below) => ((state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 8) % below;
  for (const name of names) {
    const given = [[], ...values.map((value) => [value]), ...values.map((value) => Array(6).fill(value))];
    for (let round = 0; round < rounds; round++) given.push(Array.from({ length: next(7) }, () => values[next(values.length)]));
    for (const list of given) {
      calls++;
      thrown += attempt(name, list);
    }
  }
  return { names, calls, thrown };
}
