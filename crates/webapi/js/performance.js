// https://w3c.github.io/hr-time/#sec-performance, without marks and measures.

import { EventTarget } from "./event_target.js";
import { host } from "./operations.js";
import { INTERNAL, defineInterface, refuseConstruction } from "./webidl.js";

export class Performance extends EventTarget {
  constructor(token) {
    refuseConstruction(token);
    super();
  }

  now() { return host.monotonic_now(); }
  get timeOrigin() { return host.time_origin(); }
  toJSON() { return { timeOrigin: this.timeOrigin }; }
}

defineInterface(Performance);

export const performance = new Performance(INTERNAL);
