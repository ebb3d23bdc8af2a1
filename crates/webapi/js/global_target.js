// The global object as an event target: "error", "unhandledrejection" and whatever a worker dispatches.

import { EventTarget, proxied } from "./event_target.js";

export const globalTarget = new EventTarget();
proxied.set(globalTarget, globalThis);

/** The three functions of EventTarget that the global object has. */
export const globalTargetFunctions = {
  addEventListener(...rest) { return globalTarget.addEventListener(...rest); },
  removeEventListener(...rest) { return globalTarget.removeEventListener(...rest); },
  dispatchEvent(...rest) { return globalTarget.dispatchEvent(...rest); },
};
