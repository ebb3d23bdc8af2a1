// What the runtime calls: a call begins, its client goes away, a promise was rejected without a handler. The handlers
// themselves belong to the worker.

import { fetchCall } from "./call_fetch.js";
import { scheduledCall } from "./call_scheduled.js";
import { logError } from "./console.js";
import { createContext, promiseOf } from "./execution_context.js";
import { fire } from "./event_target.js";
import { globalTarget } from "./global_target.js";
import { HandlerFault } from "./handler_fault.js";
import { inspect } from "./inspect.js";
import { host, isEnded } from "./operations.js";
import { PromiseRejectionEvent } from "./promise_rejection_event.js";
import { isError } from "./webidl.js";

export { HandlerFault };

/**
 * kind of call → what it is to JavaScript (as the host names it, `call.rs`):
 *   subject(...told) → the handler's first argument, of what the host tells
 *   cancel(subject, reason): the client no longer waits for the answer
 *   isAnswer(outcome): whether the handler has answered at once
 *   whyNoAnswer(outcome) → a HandlerFault, or null
 *   send(requestId, entry, outcome): tells the host the answer (`response_start`); → null when all of it is sent, or a
 *     promise of that, and then `entry.stop` ends the rest
 */
const kinds = { __proto__: null, fetch: fetchCall, scheduled: scheduledCall };

/** The names of the kinds, which are those of the methods that answer them. */
export const kindNames = Object.keys(kinds);

/** entrypoint → { kind of call: its handler }. The default one has no name. */
const entrypoints = new Map();

/** The second argument of every handler. */
export let environment = Object.freeze({});

/** What a module that imports the environment finds: that, with all overrides. */
export let importedEnvironment = environment;

/** Overrides that have begun and not ended: { change(environment) → another, owner: the request in whose name it began }. */
const overrides = [];

/** request id → { kind, subject, waiting: how much must still settle, canceled: why, stop: ends what is still sent } */
const active = new Map();

/** Registers what answers calls of a kind: handler(subject, environment, context). */
export function setHandler(kind, handler, entrypoint = "") {
  if (typeof handler !== "function") throw new TypeError(`the handler for ${kind} is not a function`);
  const handlers = entrypoints.get(entrypoint);
  if (handlers === undefined) entrypoints.set(entrypoint, { __proto__: null, [kind]: handler });
  else handlers[kind] = handler;
}

/** Sets what is the second argument of every handler from now on. */
export function setEnvironment(value) {
  environment = value;
  applyOverrides();
}

/** Has modules that import the environment find what `change` makes of it; returns what ends that, as its request's end does. */
export function overrideEnvironment(change) {
  const override = { change, owner: host.owner() };
  overrides.push(override);
  applyOverrides();
  return () => endOverrides((other) => other === override);
}

function applyOverrides() {
  importedEnvironment = overrides.reduce((value, { change }) => change(value), environment);
}

function endOverrides(isOver) {
  const left = overrides.filter((override) => !isOver(override));
  if (left.length === overrides.length) return;
  overrides.splice(0, overrides.length, ...left);
  applyOverrides();
}

/** Forgets a request that is over; whether it was there. */
function forget(requestId) {
  endOverrides(({ owner }) => owner === requestId);
  return active.delete(requestId);
}

/** Begins what an entrypoint is asked to do; the rest is told through host operations. */
export function begin(requestId, name, entrypoint, ...told) {
  const kind = kinds[name];
  // The answer itself is the first that the request waits for.
  const entry = { kind, subject: kind.subject(...told), waiting: 1, canceled: null, stop: null };
  active.set(requestId, entry);
  const failed = (error) => {
    entry.stop?.(error);
    fault(requestId, "exception", error);
    settle(requestId, entry);
  };
  try {
    const outcome = handle(requestId, name, entrypoint, entry);
    // A handler that answers at once costs no promise.
    if (kind.isAnswer(outcome) || outcome instanceof HandlerFault) answer(requestId, entry, outcome);
    else Promise.resolve(outcome).then((outcome) => answer(requestId, entry, outcome)).catch(failed);
  } catch (error) {
    failed(error);
  }
}

/** The client has gone away; or the request is over, whatever it waits for. */
export function cancel(requestId, over) {
  const entry = active.get(requestId);
  if (entry === undefined) return;
  if (over) forget(requestId);
  const reason = new DOMException("the client has disconnected", "AbortError");
  entry.canceled = reason;
  entry.kind.cancel(entry.subject, reason);
  entry.stop?.(reason);
}

/** A promise was rejected and has no handler at the end of the turn. */
export function unhandledRejection(promise, reason) {
  // No caller waits for what a request had left under way.
  if (isEnded(reason)) return;
  const event = new PromiseRejectionEvent("unhandledrejection", { promise, reason, cancelable: true });
  if (fire(globalTarget, event)) logError("Uncaught (in promise)", reason);
}

/** A promise that was reported got a handler after all. */
export function rejectionHandled(promise, reason) {
  fire(globalTarget, new PromiseRejectionEvent("rejectionhandled", { promise, reason }));
}

/** Keeps the request open in whose name this is called, until `promise` settles. */
export function waitUntil(promise) {
  const requestId = host.owner();
  const entry = active.get(requestId);
  if (entry === undefined) throw new Error("waitUntil() was called while no request was being answered");
  extend(requestId, entry, promiseOf(promise));
}

/** Counts `promise` among what the request waits for. */
function extend(requestId, entry, promise) {
  entry.waiting++;
  promise.then(() => settle(requestId, entry), (error) => {
    if (!isOfClient(entry, error)) logError("Uncaught (in waitUntil)", error);
    settle(requestId, entry);
  });
}

/** Whether an error says no more than that the client has gone away: itself, or in another language's words. */
function isOfClient({ canceled }, error) {
  return canceled !== null && (error === canceled || wordsOf(error)[0].endsWith(faultMessage(canceled)));
}

/** One thing less to wait for. */
function settle(requestId, entry) {
  entry.waiting--;
  if (entry.waiting > 0 || !forget(requestId)) return;
  host.request_done(requestId);
}

/** What the handler gives: an answer, or a promise of one. */
function handle(requestId, name, entrypoint, entry) {
  const handler = entrypoints.get(entrypoint)?.[name];
  if (handler === undefined) return new HandlerFault(whyNoHandler(name), "", "no_handler");
  return handler(entry.subject, environment, createContext((promise) => extend(requestId, entry, promise)));
}

function whyNoHandler(name) {
  const others = [...entrypoints].filter(([, handlers]) => name in handlers).map(([entrypoint]) => `\`${entrypoint}\``);
  const there = others.length > 0 ? `: ${others.join(", ")} would have one, and only the default entrypoint is asked` : "";
  return `TypeError: the worker has no ${name} handler${there}`;
}

/** Answers with what the handler gave; throws when it cannot be sent. */
function answer(requestId, entry, outcome) {
  const wrong = outcome instanceof HandlerFault ? outcome : entry.kind.whyNoAnswer(outcome);
  if (wrong !== null) {
    tellFault(requestId, wrong.kind, wrong.message, wrong.detail);
    return settle(requestId, entry);
  }
  const sent = entry.kind.send(requestId, entry, outcome);
  if (sent === null) return settle(requestId, entry);
  if (entry.canceled !== null) entry.stop(entry.canceled);
  return sent.then(() => settle(requestId, entry), (error) => {
    // A client that went away is no fault of the worker's.
    if (entry.canceled === null) fault(requestId, "body", error);
    settle(requestId, entry);
  });
}

function fault(requestId, kind, error) {
  tellFault(requestId, kind, ...wordsOf(error));
}

/** What is told of an error, also when it cannot be put into words: the client waits for an answer. */
function wordsOf(error) {
  try {
    return [faultMessage(error), inspect(error)];
  } catch {
    return ["an error that cannot be put into words", ""];
  }
}

/** Characters of a fault that are told; nothing can stop the host while it takes them. */
const FAULT_CHARACTERS_MAXIMUM = 1 << 20;

function tellFault(requestId, kind, message, detail) {
  const told = [message, detail].map((text) => String(text).slice(0, FAULT_CHARACTERS_MAXIMUM));
  host.response_fault(requestId, kind, ...told);
}

/** What went wrong, in one line. */
export function faultMessage(error) {
  const text = isError(error) ? `${error.name}: ${error.message}` : inspect(error);
  // An error of Python has its traceback for a message, which ends with what went wrong.
  return text.trimEnd().split("\n").at(-1);
}
