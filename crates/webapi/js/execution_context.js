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
    this.#extend(Promise.resolve(promise));
  }

  /** There is no origin behind a worker here to pass through to. */
  passThroughOnException() { this.#extend; }
}

defineInterface(ExecutionContext);

export function createContext(extend) {
  return new ExecutionContext(INTERNAL, extend);
}
