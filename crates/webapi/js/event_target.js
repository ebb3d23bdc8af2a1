// https://dom.spec.whatwg.org/#interface-eventtarget
//
// There is no tree here: the path of an event is its target alone.

import { stateOf } from "./event.js";
import { addAbortAlgorithm, isAborted } from "./abort_algorithms.js";
import { reportException } from "./report_error.js";
import { defineInterface, requireArguments } from "./webidl.js";

/** Whether anyone listens to events of this type. */
export let hasListeners;

/** Dispatches an event of the platform's own; false when it was cancelled. */
export let fire;

/** Targets that stand for another object: the global's listeners → globalThis. */
export const proxied = new WeakMap();

export class EventTarget {
  /** type → listeners in order of addition. */
  #listeners = new Map();

  addEventListener(type, callback, options = undefined) {
    requireArguments(arguments.length, 2, "addEventListener");
    const { capture, once, passive, signal } = flatten(options);
    if (callback !== null && typeof callback !== "object" && typeof callback !== "function") {
      throw new TypeError("the listener is neither a function nor an object");
    }
    // To add an event listener, step 2 and 3.
    if (signal !== undefined && isAborted(signal)) return;
    if (callback === null || callback === undefined) return;
    const name = `${type}`;
    const listeners = this.#listeners.get(name) ?? [];
    if (listeners.some((other) => other.callback === callback && other.capture === capture)) return;
    const listener = { callback, capture, once, passive, removed: false };
    this.#listeners.set(name, [...listeners, listener]);
    if (signal !== undefined) addAbortAlgorithm(signal, () => this.#remove(name, listener));
  }

  removeEventListener(type, callback, options = undefined) {
    requireArguments(arguments.length, 2, "removeEventListener");
    const capture = typeof options === "object" && options !== null ? Boolean(options.capture) : Boolean(options);
    const name = `${type}`;
    const listener = this.#listeners.get(name)
      ?.find((other) => other.callback === callback && other.capture === capture);
    if (listener !== undefined) this.#remove(name, listener);
  }

  dispatchEvent(event) {
    requireArguments(arguments.length, 1, "dispatchEvent");
    const state = stateOf(event);
    if (state.dispatching) throw new DOMException("the event is already being dispatched", "InvalidStateError");
    state.trusted = false;
    return this.#dispatch(event, state);
  }

  #remove(name, listener) {
    listener.removed = true;
    const listeners = this.#listeners.get(name) ?? [];
    const rest = listeners.filter((other) => other !== listener);
    if (rest.length === 0) this.#listeners.delete(name);
    else this.#listeners.set(name, rest);
  }

  #dispatch(event, state) {
    const target = proxied.get(this) ?? this;
    Object.assign(state, { dispatching: true, target, currentTarget: target, phase: 2 });
    // A removal or an addition makes a new list, so this one is the clone of the standard.
    const listeners = this.#listeners.get(state.type) ?? [];
    for (const capturing of [true, false]) {
      if (state.stopped) break;
      for (const listener of listeners) {
        if (state.stoppedAtOnce) break;
        if (!listener.removed && listener.capture === capturing) this.#invoke(event, state, listener);
      }
    }
    Object.assign(state, { dispatching: false, currentTarget: null, phase: 0 });
    Object.assign(state, { stopped: false, stoppedAtOnce: false });
    return !state.canceled;
  }

  #invoke(event, state, listener) {
    if (listener.once) this.#remove(state.type, listener);
    state.passive = listener.passive;
    try {
      const { callback } = listener;
      if (typeof callback === "function") callback.call(state.currentTarget, event);
      else invokeObject(callback, event);
    } catch (error) {
      reportException(error);
    }
    state.passive = false;
  }

  static {
    hasListeners = (target, type) => target.#listeners.has(type);
    fire = (target, event) => {
      const state = stateOf(event);
      state.trusted = true;
      return target.#dispatch(event, state);
    };
  }
}

defineInterface(EventTarget);

function invokeObject(callback, event) {
  const { handleEvent } = callback;
  if (typeof handleEvent !== "function") throw new TypeError("handleEvent is not a function");
  handleEvent.call(callback, event);
}

/** https://dom.spec.whatwg.org/#event-flatten-more */
function flatten(options) {
  if (typeof options !== "object" || options === null) {
    return { capture: Boolean(options), once: false, passive: false, signal: undefined };
  }
  const { capture, once, passive, signal } = options;
  if (signal !== undefined) isAborted(signal);
  return { capture: Boolean(capture), once: Boolean(once), passive: Boolean(passive), signal };
}

/** https://html.spec.whatwg.org/#event-handler-idl-attributes: an `on…` attribute of a target. */
export function defineEventHandler(constructor, type) {
  const handlers = new WeakMap();
  Object.defineProperty(constructor.prototype, `on${type}`, {
    configurable: true,
    enumerable: true,
    get() { return handlers.get(this)?.callback ?? null; },
    set(value) {
      const callback = typeof value === "function" || (typeof value === "object" && value !== null) ? value : null;
      const handler = handlers.get(this);
      if (handler !== undefined) {
        handler.callback = callback;
      } else if (callback !== null) {
        const made = { callback };
        handlers.set(this, made);
        this.addEventListener(type, (event) => {
          if (typeof made.callback === "function") made.callback.call(this, event);
        });
      }
    },
  });
}
