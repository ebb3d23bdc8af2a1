// What a handler is given beside the request, as Cloudflare Workers define it:
// https://developers.cloudflare.com/workers/runtime-apis/context/

import { INTERNAL, defineInterface, refuseConstruction, requireArguments } from "./webidl.js";

export class ExecutionContext {
  #extend;

  /** `extend(promise)` keeps the request open until the promise settles. */
  constructor(token, extend) {
    refuseConstruction(token);
    this.#extend = extend;
  }

  waitUntil(promise) {
    requireArguments(arguments.length, 1, "waitUntil");
    this.#extend(promiseOf(promise));
  }

  /** There is no origin behind a worker here to pass through to. */
  passThroughOnException() { this.#extend; }
}

/** As `Promise.resolve`, but a thenable's `then` is called at once: what Python passes may not live longer. */
export function promiseOf(value) {
  if (value instanceof Promise) return value;
  return new Promise((resolve, reject) => {
    if (typeof value?.then === "function") value.then(resolve, reject);
    else resolve(value);
  });
}

defineInterface(ExecutionContext);

export function createContext(extend) {
  return new ExecutionContext(INTERNAL, extend);
}
