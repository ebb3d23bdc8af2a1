// `run_sync`: Python waits for a promise on its own stack.
//
// Elsewhere this needs JavaScript's stack switching: the wasm stack is set aside,
// the event loop runs, and the stack is put back when the promise is settled. Here
// the host blocks the stack where it is (`host.block_until`) and dispatches the
// isolate's events on top of it, until the promise is settled.
//
// The consequence: waits end last in, first out. When A waits, and an event that
// is dispatched meanwhile starts B which waits too, then A goes on only after B is
// done, even if A's promise was settled first. Nothing is lost by it, and a cycle
// (B waits for what A does next) is a deadlock that stack switching would not have:
// the host sees that nothing can happen any more, and `block_until` throws.
//
// Python's own state of a wait (current task, thread state) is captured and put
// back by the functions of Pyodide that do so for stack switching, so that tasks
// which run meanwhile do not find themselves inside the waiting one.

import host from "taipan:host";

/// Waits that may be under way one inside the other. Each holds a stretch of the
/// native stack, of which an isolate's thread has a fixed amount.
const WAITS_NESTED_MAXIMUM = 32;

/// Puts our functions in place of the stack switching imports of the main module.
/// `module` is Emscripten's, `imports` what it gives to the main module as `env`,
/// `beforeBlocking` is called each time before the event loop is entered anew.
export function serveRunSync(module, imports, beforeBlocking) {
  let waits = 0;

  imports.can_run_sync_js = () => Number(waits < WAITS_NESTED_MAXIMUM);

  // `Module.error` is how these functions say "no", see suspenders.c of Pyodide.
  imports.saveState = () => {
    if (waits >= WAITS_NESTED_MAXIMUM) {
      return module.error;
    }
    const threadState = module._captureThreadState();
    if (threadState === 0) {
      return module.error;
    }
    waits += 1;
    return { threadState };
  };

  imports.restoreState = (state) => {
    waits -= 1;
    module._restoreThreadState(state.threadState);
  };

  // The promise is the first argument in one form of stack switching, the second
  // in the other.
  imports.syncifyHandler = (first, second) => {
    try {
      return waitFor(first ?? second, beforeBlocking);
    } catch (error) {
      if (error?.pyodide_fatal_error) {
        throw error;
      }
      module.syncify_error = error;
      return module.error;
    }
  };
}

/// Blocks until `promise` is settled; returns its value or throws its reason.
function waitFor(promise, beforeBlocking) {
  let settled = false;
  let failed = false;
  let outcome;
  Promise.resolve(promise).then(
    (value) => {
      settled = true;
      outcome = value;
    },
    (reason) => {
      settled = true;
      failed = true;
      outcome = reason;
    },
  );
  beforeBlocking();
  host.block_until(() => settled);
  if (failed) {
    throw outcome;
  }
  return outcome;
}
