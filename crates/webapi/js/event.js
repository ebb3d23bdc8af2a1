// https://dom.spec.whatwg.org/#interface-event

import { host } from "./operations.js";
import { defineConstants, defineInterface, requireArguments, toDictionary } from "./webidl.js";

/** The state that `EventTarget` needs to see: event → its private record. */
export let stateOf;

export class Event {
  #state;

  constructor(type, eventInit = undefined) {
    requireArguments(arguments.length, 1, "Event");
    const init = toDictionary(eventInit, "eventInit");
    this.#state = {
      type: `${type}`,
      bubbles: Boolean(init.bubbles),
      cancelable: Boolean(init.cancelable),
      composed: Boolean(init.composed),
      target: null,
      currentTarget: null,
      phase: 0,
      stopped: false,
      stoppedAtOnce: false,
      canceled: false,
      passive: false,
      dispatching: false,
      trusted: false,
      timeStamp: host.monotonic_now(),
    };
  }

  get type() { return this.#state.type; }
  get target() { return this.#state.target; }
  get srcElement() { return this.#state.target; }
  get currentTarget() { return this.#state.currentTarget; }
  composedPath() {
    const { currentTarget } = this.#state;
    return currentTarget === null ? [] : [currentTarget];
  }
  get eventPhase() { return this.#state.phase; }
  stopPropagation() { this.#state.stopped = true; }
  get cancelBubble() { return this.#state.stopped; }
  set cancelBubble(value) { if (value) this.#state.stopped = true; }
  stopImmediatePropagation() {
    this.#state.stopped = true;
    this.#state.stoppedAtOnce = true;
  }
  get bubbles() { return this.#state.bubbles; }
  get cancelable() { return this.#state.cancelable; }
  get returnValue() { return !this.#state.canceled; }
  set returnValue(value) { if (!value) this.preventDefault(); }
  preventDefault() {
    const state = this.#state;
    if (state.cancelable && !state.passive) state.canceled = true;
  }
  get defaultPrevented() { return this.#state.canceled; }
  get composed() { return this.#state.composed; }
  get isTrusted() { return this.#state.trusted; }
  get timeStamp() { return this.#state.timeStamp; }
  initEvent(type, bubbles = false, cancelable = false) {
    requireArguments(arguments.length, 1, "initEvent");
    const state = this.#state;
    if (state.dispatching) return;
    Object.assign(state, { type: `${type}`, bubbles: Boolean(bubbles), cancelable: Boolean(cancelable) });
    Object.assign(state, { target: null, stopped: false, stoppedAtOnce: false, canceled: false, trusted: false });
  }

  static {
    stateOf = (event) => {
      if (typeof event !== "object" || event === null || !(#state in event)) throw new TypeError("not an Event");
      return event.#state;
    };
  }
}

defineInterface(Event);
defineConstants(Event, { NONE: 0, CAPTURING_PHASE: 1, AT_TARGET: 2, BUBBLING_PHASE: 3 });
