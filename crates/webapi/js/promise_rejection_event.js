// https://html.spec.whatwg.org/multipage/webappapis.html#promiserejectionevent

import { Event } from "./event.js";
import { defineInterface, requireArguments } from "./webidl.js";

export class PromiseRejectionEvent extends Event {
  #promise;
  #reason;

  constructor(type, eventInit) {
    requireArguments(arguments.length, 2, "PromiseRejectionEvent");
    super(type, eventInit);
    if (eventInit?.promise === undefined) throw new TypeError("eventInit.promise is missing");
    this.#promise = eventInit.promise;
    this.#reason = eventInit.reason;
  }

  get promise() { return this.#promise; }
  get reason() { return this.#reason; }
}

defineInterface(PromiseRejectionEvent);
