// https://dom.spec.whatwg.org/#abortsignal-abort-algorithms
//
// What the platform does when a signal aborts, apart from firing its event.
// Kept out of abort_signal.js because event targets need it, and a signal is one.

/** signal → { aborted, reason, algorithms, dependents } */
const states = new WeakMap();

export function registerSignal(signal) {
  states.set(signal, { aborted: false, reason: undefined, algorithms: new Set(), dependents: new Set() });
}

export function isSignal(value) {
  return states.has(value);
}

export function signalState(signal) {
  const state = states.get(signal);
  if (state === undefined) throw new TypeError("not an AbortSignal");
  return state;
}

export function isAborted(signal) {
  return signalState(signal).aborted;
}

export function abortReason(signal) {
  return signalState(signal).reason;
}

/** Runs `algorithm` when the signal aborts; never when it already has. Returns what takes it away again. */
export function addAbortAlgorithm(signal, algorithm) {
  const { aborted, algorithms } = signalState(signal);
  if (!aborted) algorithms.add(algorithm);
  return () => algorithms.delete(algorithm);
}
