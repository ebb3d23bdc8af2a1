// From the web-platform tests dom/events: EventTarget, Event, CustomEvent.

import { assertArrayEquals, assertEquals, assertThrows, assertTrue } from "./harness.js";

function record(target, log, name, options) {
  const listener = () => log.push(name);
  target.addEventListener("x", listener, options);
  return listener;
}

export const cases = [
  ["listeners run in order, once each", () => {
    const log = [];
    const target = new EventTarget();
    const first = record(target, log, "first");
    target.addEventListener("x", first);
    record(target, log, "capture", true);
    record(target, log, "second");
    target.dispatchEvent(new Event("x"));
    assertArrayEquals(log, ["capture", "first", "second"]);
  }],
  ["removal during dispatch", () => {
    const log = [];
    const target = new EventTarget();
    let second = null;
    target.addEventListener("x", () => target.removeEventListener("x", second));
    second = record(target, log, "second");
    target.dispatchEvent(new Event("x"));
    assertArrayEquals(log, []);
  }],
  ["addition during dispatch waits for the next", () => {
    const log = [];
    const target = new EventTarget();
    target.addEventListener("x", () => record(target, log, "late"), { once: true });
    target.dispatchEvent(new Event("x"));
    assertEquals(log.length, 0);
    target.dispatchEvent(new Event("x"));
    assertArrayEquals(log, ["late"]);
  }],
  ["once, passive, signal", () => {
    const log = [];
    const target = new EventTarget();
    const controller = new AbortController();
    record(target, log, "once", { once: true });
    record(target, log, "signal", { signal: controller.signal });
    target.addEventListener("x", (event) => event.preventDefault(), { passive: true });
    assertTrue(target.dispatchEvent(new Event("x", { cancelable: true })));
    controller.abort();
    target.dispatchEvent(new Event("x"));
    assertArrayEquals(log, ["once", "signal"]);
    record(target, log, "never", { signal: controller.signal });
    target.dispatchEvent(new Event("x"));
    assertArrayEquals(log, ["once", "signal"]);
    assertThrows(TypeError, () => record(target, log, "null", { signal: null }));
  }],
  ["stopping", () => {
    const log = [];
    const target = new EventTarget();
    target.addEventListener("x", (event) => event.stopPropagation(), true);
    record(target, log, "capture", true);
    record(target, log, "not reached");
    target.dispatchEvent(new Event("x"));
    assertArrayEquals(log, ["capture"]);
    const other = new EventTarget();
    other.addEventListener("x", (event) => event.stopImmediatePropagation());
    record(other, log, "not reached");
    other.dispatchEvent(new Event("x"));
    assertArrayEquals(log, ["capture"]);
  }],
  ["objects as listeners, null, and what is neither", () => {
    const target = new EventTarget();
    let found = null;
    const listener = { handleEvent(event) { found = [this, event.type]; } };
    target.addEventListener("x", listener);
    target.addEventListener("x", null);
    assertThrows(TypeError, () => target.addEventListener("x", "text"));
    assertThrows(TypeError, () => target.addEventListener("x"));
    target.dispatchEvent(new Event("x"));
    assertArrayEquals(found, [listener, "x"]);
  }],
  ["an exception is reported and does not stop the others", () => {
    const errors = [];
    const log = [];
    const error = new Error("from a listener");
    const handler = (event) => {
      errors.push(event.error);
      event.preventDefault();
    };
    addEventListener("error", handler);
    const target = new EventTarget();
    target.addEventListener("x", () => { throw error; });
    record(target, log, "after");
    target.dispatchEvent(new Event("x"));
    removeEventListener("error", handler);
    assertArrayEquals(errors, [error]);
    assertArrayEquals(log, ["after"]);
  }],
  ["attributes of an event", () => {
    const event = new Event("x", { bubbles: true, cancelable: true });
    assertArrayEquals([event.type, event.bubbles, event.cancelable, event.composed, event.isTrusted, event.eventPhase],
      ["x", true, true, false, false, 0]);
    assertEquals(event.target, null);
    const target = new EventTarget();
    let during = null;
    target.addEventListener("x", () => {
      during = [event.target, event.currentTarget, event.eventPhase, event.composedPath()[0]];
      event.preventDefault();
    });
    assertEquals(target.dispatchEvent(event), false);
    assertArrayEquals(during, [target, target, Event.AT_TARGET, target]);
    assertArrayEquals([event.target, event.currentTarget, event.eventPhase, event.defaultPrevented], [target, null, 0, true]);
    assertThrows(TypeError, () => new Event());
  }],
  ["an event is not dispatched within itself", () => {
    const target = new EventTarget();
    const event = new Event("x");
    let name = "";
    target.addEventListener("x", () => assertThrows("InvalidStateError", () => target.dispatchEvent(event)));
    target.addEventListener("x", () => { name = "reached"; });
    target.dispatchEvent(event);
    assertEquals(name, "reached");
    assertThrows(TypeError, () => target.dispatchEvent({}));
  }],
  ["CustomEvent", () => {
    const detail = { a: 1 };
    const event = new CustomEvent("x", { detail });
    assertTrue(event instanceof Event);
    assertEquals(event.detail, detail);
    assertEquals(new CustomEvent("x").detail, null);
    assertEquals(Object.prototype.toString.call(event), "[object CustomEvent]");
  }],
  ["a subclass is a target", () => {
    class Bus extends EventTarget {}
    const bus = new Bus();
    let found = null;
    bus.addEventListener("x", function listener() { found = this; });
    bus.dispatchEvent(new CustomEvent("x"));
    assertEquals(found, bus);
  }],
  ["the global object is a target", () => {
    let found = null;
    const listener = (event) => { found = event.target; };
    addEventListener("taipan", listener);
    dispatchEvent(new Event("taipan"));
    removeEventListener("taipan", listener);
    assertEquals(found, globalThis);
  }],
];
