// https://dom.spec.whatwg.org/#interface-customevent

import { Event } from "./event.js";
import { defineInterface } from "./webidl.js";

export class CustomEvent extends Event {
  #detail;

  constructor(type, eventInit = undefined) {
    super(...arguments);
    this.#detail = eventInit?.detail === undefined ? null : eventInit.detail;
  }

  get detail() { return this.#detail; }
  initCustomEvent(type, bubbles = false, cancelable = false, detail = null) {
    if (this.eventPhase !== 0) return;
    this.initEvent(type, bubbles, cancelable);
    this.#detail = detail;
  }
}

defineInterface(CustomEvent);
