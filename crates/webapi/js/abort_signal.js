// https://dom.spec.whatwg.org/#interface-AbortSignal
//
// A source holds its dependents strongly until it aborts: what a request makes
// of its own signal goes with the request.

import { registerSignal, isSignal, signalState } from "./abort_algorithms.js";
import { Event } from "./event.js";
import { EventTarget, defineEventHandler, fire } from "./event_target.js";
import { host, whenCompleted } from "./operations.js";
import { INTERNAL, defineInterface, refuseConstruction, requireArguments, toEnforcedUnsigned } from "./webidl.js";

export class AbortSignal extends EventTarget {
  constructor(token) {
    refuseConstruction(token);
    super();
    registerSignal(this);
  }

  static abort(reason = undefined) {
    const signal = createSignal();
    const state = signalState(signal);
    state.aborted = true;
    state.reason = reasonOrDefault(reason);
    return signal;
  }
  static timeout(milliseconds) {
    requireArguments(arguments.length, 1, "AbortSignal.timeout");
    const signal = createSignal();
    const operation = host.timer_start(toEnforcedUnsigned(milliseconds, "milliseconds"));
    whenCompleted(operation, () => signalAbort(signal, new DOMException("the time is up", "TimeoutError")));
    return signal;
  }
  static any(signals) {
    requireArguments(arguments.length, 1, "AbortSignal.any");
    const sources = [...signals];
    if (!sources.every(isSignal)) throw new TypeError("AbortSignal.any takes signals");
    return dependentSignal(sources);
  }
  get aborted() { return signalState(this).aborted; }
  get reason() { return signalState(this).reason; }
  throwIfAborted() {
    const { aborted, reason } = signalState(this);
    if (aborted) throw reason;
  }
}

defineEventHandler(AbortSignal, "abort");
defineInterface(AbortSignal);

export function createSignal() {
  return new AbortSignal(INTERNAL);
}

/** https://dom.spec.whatwg.org/#create-a-dependent-abort-signal */
export function dependentSignal(sources) {
  const result = createSignal();
  const aborted = sources.find((source) => signalState(source).aborted);
  if (aborted !== undefined) {
    const state = signalState(result);
    state.aborted = true;
    state.reason = signalState(aborted).reason;
  } else {
    for (const source of sources) signalState(source).dependents.add(result);
  }
  return result;
}

/** https://dom.spec.whatwg.org/#abortsignal-signal-abort */
export function signalAbort(signal, reason = undefined) {
  if (signalState(signal).aborted) return;
  // All are marked before the first algorithm runs: one may look at another.
  const marked = [];
  mark(signal, reasonOrDefault(reason), marked);
  for (const each of marked) {
    const state = signalState(each);
    const algorithms = [...state.algorithms];
    state.algorithms.clear();
    for (const algorithm of algorithms) algorithm(state.reason);
    fire(each, new Event("abort"));
  }
}

function mark(signal, reason, marked) {
  const state = signalState(signal);
  if (state.aborted) return;
  state.aborted = true;
  state.reason = reason;
  marked.push(signal);
  const dependents = [...state.dependents];
  state.dependents.clear();
  for (const dependent of dependents) mark(dependent, reason, marked);
}

function reasonOrDefault(reason) {
  return reason === undefined ? new DOMException("the operation was aborted", "AbortError") : reason;
}
