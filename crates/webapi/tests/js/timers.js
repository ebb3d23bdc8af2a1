// From the web-platform tests html/webappapis/timers and microtask-queuing.

import { assertArrayEquals, assertEquals, assertThrows, assertTrue, turn } from "./harness.js";

function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

export const cases = [
  ["timers run after microtasks, in order of time", async () => {
    const log = [];
    setTimeout(() => log.push("later"), 10);
    setTimeout(() => log.push("timer"), 0);
    queueMicrotask(() => log.push("microtask"));
    log.push("now");
    await sleep(30);
    assertArrayEquals(log, ["now", "microtask", "timer", "later"]);
  }],
  ["arguments, and what is no handler", async () => {
    let found = null;
    setTimeout((...rest) => { found = rest; }, 0, 1, "two");
    await sleep(5);
    assertArrayEquals(found, [1, "two"]);
    assertThrows(TypeError, () => setTimeout("text", 0));
    assertThrows(TypeError, () => setTimeout());
    assertThrows(TypeError, () => queueMicrotask("text"));
  }],
  ["delays that are not", async () => {
    let count = 0;
    for (const delay of [undefined, null, NaN, -5, "x", 2 ** 32, {}]) setTimeout(() => count++, delay);
    await sleep(20);
    assertEquals(count, 7);
  }],
  ["timers without delay leave the others their turn", async () => {
    let late = false;
    setTimeout(() => { late = true; }, 5);
    const start = performance.now();
    while (!late && performance.now() - start < 1000) await sleep(0);
    assertTrue(late);
  }],
  ["clearing", async () => {
    let count = 0;
    const id = setTimeout(() => count++, 0);
    assertTrue(Number.isInteger(id) && id > 0);
    clearTimeout(id);
    clearInterval(setTimeout(() => count++, 0));
    for (const wrong of [undefined, 0, -1, "x", {}, 1e9]) clearTimeout(wrong);
    await sleep(10);
    assertEquals(count, 0);
  }],
  ["an interval stops itself", async () => {
    let count = 0;
    const id = setInterval(() => {
      count++;
      if (count === 3) clearInterval(id);
    }, 1);
    await sleep(40);
    assertEquals(count, 3);
  }],
  ["a handler that throws is reported", async () => {
    const errors = [];
    const listener = (event) => {
      errors.push(event.error);
      event.preventDefault();
    };
    addEventListener("error", listener);
    setTimeout(() => { throw 7; }, 0);
    await sleep(5);
    removeEventListener("error", listener);
    assertArrayEquals(errors, [7]);
  }],
  ["the clock goes forward", async () => {
    const before = performance.now();
    await turn();
    assertTrue(performance.now() >= before);
    assertTrue(performance.timeOrigin > 1.5e12);
    assertEquals(performance.toJSON().timeOrigin, performance.timeOrigin);
  }],
];
