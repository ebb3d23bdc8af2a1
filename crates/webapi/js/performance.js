// https://w3c.github.io/hr-time/#sec-performance, without marks and measures.

import { EventTarget } from "./event_target.js";
import { host } from "./operations.js";
import { INTERNAL, defineInterface, refuseConstruction } from "./webidl.js";

export class Performance extends EventTarget {
  #brand;

  constructor(token) {
    refuseConstruction(token);
    super();
  }

  now() {
    this.#brand;
    return host.monotonic_now();
  }
  get timeOrigin() {
    this.#brand;
    return host.time_origin();
  }
  toJSON() { return { timeOrigin: this.timeOrigin }; }
}

defineInterface(Performance);

export const performance = new Performance(INTERNAL);
