// From the web-platform tests dom/abort.

import { assertArrayEquals, assertEquals, assertThrows, assertThrowsExactly, assertTrue } from "./harness.js";

export const cases = [
  ["a controller aborts its signal once", () => {
    const controller = new AbortController();
    let count = 0;
    controller.signal.onabort = () => count++;
    controller.signal.addEventListener("abort", (event) => {
      assertEquals(event.isTrusted, true);
      assertEquals(event.bubbles, false);
      count++;
    });
    assertEquals(controller.signal, controller.signal);
    assertEquals(controller.signal.aborted, false);
    controller.abort();
    controller.abort("again");
    assertEquals(count, 2);
    assertTrue(controller.signal.aborted);
    assertEquals(controller.signal.reason.name, "AbortError");
    assertThrows("AbortError", () => controller.signal.throwIfAborted());
  }],
  ["the reason is kept", () => {
    const controller = new AbortController();
    const reason = new Error("why");
    controller.abort(reason);
    assertThrowsExactly(reason, () => controller.signal.throwIfAborted());
    assertEquals(AbortSignal.abort(7).reason, 7);
    assertTrue(AbortSignal.abort().aborted);
  }],
  ["a signal cannot be constructed", () => {
    assertThrows(TypeError, () => new AbortSignal());
    assertThrows(TypeError, () => Object.getOwnPropertyDescriptor(AbortSignal.prototype, "aborted").get.call({}));
  }],
  ["timeout", async () => {
    const signal = AbortSignal.timeout(1);
    assertEquals(signal.aborted, false);
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    assertEquals(signal.reason.name, "TimeoutError");
    for (const wrong of [-1, Infinity, NaN, Number.MAX_SAFE_INTEGER + 1]) {
      assertThrows(TypeError, () => AbortSignal.timeout(wrong), `timeout(${wrong})`);
    }
  }],
  ["any: follows its sources", () => {
    const first = new AbortController();
    const second = new AbortController();
    const signal = AbortSignal.any([first.signal, second.signal]);
    assertEquals(signal.aborted, false);
    let count = 0;
    signal.addEventListener("abort", () => count++);
    second.abort("second");
    first.abort("first");
    assertEquals(count, 1);
    assertEquals(signal.reason, "second");
  }],
  ["any: none, aborted already, not signals", () => {
    assertEquals(AbortSignal.any([]).aborted, false);
    assertEquals(AbortSignal.any([AbortSignal.abort(1), AbortSignal.abort(2)]).reason, 1);
    assertThrows(TypeError, () => AbortSignal.any([{}]));
    assertThrows(TypeError, () => AbortSignal.any());
  }],
  ["any: dependents are aborted before any event, and in order", () => {
    const controller = new AbortController();
    const inner = AbortSignal.any([controller.signal]);
    const outer = AbortSignal.any([inner]);
    const log = [];
    controller.signal.addEventListener("abort", () => {
      log.push("source");
      assertTrue(inner.aborted && outer.aborted);
    });
    inner.addEventListener("abort", () => log.push("inner"));
    outer.addEventListener("abort", () => log.push("outer"));
    controller.abort();
    assertArrayEquals(log, ["source", "inner", "outer"]);
  }],
  ["any: an abort within a handler does not change the reason", () => {
    const controller = new AbortController();
    const signal = AbortSignal.any([controller.signal]);
    controller.signal.addEventListener("abort", () => controller.abort("inner"));
    controller.abort("outer");
    assertEquals(signal.reason, "outer");
  }],
];
