// https://html.spec.whatwg.org/multipage/timers-and-user-prompts.html#timers
//
// Nested timers are not slowed to 4 ms as in a browser: Python's event loop is
// made of them. Text is not taken for a handler: a worker evaluates no code.

import { cancel, host, whenCompleted } from "./operations.js";
import { reportException } from "./report_error.js";
import { requireArguments } from "./webidl.js";

/** The longest delay that the standard's `long` can say. */
const DELAY_MILLISECONDS_MAX = 0x7fffffff;

let lastId = 0;

/** timer id → the operation that it waits for */
const operations = new Map();

export function setTimeout(handler, timeout = 0, ...rest) {
  requireArguments(arguments.length, 1, "setTimeout");
  return start(handler, timeout, rest, false);
}

export function setInterval(handler, timeout = 0, ...rest) {
  requireArguments(arguments.length, 1, "setInterval");
  return start(handler, timeout, rest, true);
}

export function clearTimeout(id = 0) {
  const operation = operations.get(Number(id));
  if (operation === undefined) return;
  operations.delete(Number(id));
  cancel(operation);
}

export function clearInterval(id = 0) {
  clearTimeout(id);
}

function start(handler, timeout, rest, repeat) {
  if (typeof handler !== "function") throw new TypeError("the timer's handler is not a function");
  // As `long`, out of range or not a number is 0.
  const delay = Number(timeout) | 0;
  const id = ++lastId;
  arm(id, { handler, rest, repeat, delay: Math.min(Math.max(delay, 0), DELAY_MILLISECONDS_MAX) });
  return id;
}

function arm(id, timer) {
  const operation = host.timer_start(timer.delay);
  operations.set(id, operation);
  // It is given up when its request has ended: its handler is not called.
  whenCompleted(operation, () => fire(id, timer), () => operations.delete(id));
}

function fire(id, timer) {
  if (!timer.repeat) operations.delete(id);
  try {
    timer.handler.apply(globalThis, timer.rest);
  } catch (error) {
    reportException(error);
  }
  // The handler may have cleared its own interval.
  if (timer.repeat && operations.has(id)) rearm(id, timer);
}

function rearm(id, timer) {
  try {
    arm(id, timer);
  } catch (error) {
    // Its place may have been taken meanwhile, and there are no more.
    operations.delete(id);
    reportException(error);
  }
}
