// `run_sync`: Python waits for a promise on its own stack.
//
// Elsewhere this needs JavaScript's stack switching: the wasm stack is set aside,
// the event loop runs, and the stack is put back when the promise is settled. Here
// the host blocks the stack where it is (`host.block_until`) and dispatches the
// isolate's events on top of it, until the promise is settled.
//
// The consequence: waits end last in, first out. When A waits, and an event that
// is dispatched meanwhile starts B which waits too, then A goes on only after B is
// done, even if A's promise was settled first. So the host begins no request in an
// isolate that waits (`worker/src/pool.rs`): what is left are the tasks of one request.
// A cycle (B waits for what A does next) is a deadlock that stack switching would not
// have: the host sees that nothing can happen any more, and `block_until` throws.
//
// What runs meanwhile has a Python thread state of its own, as Pyodide does it for stack
// switching (src/core/stack_switching of 314.0.7): else its tasks would find themselves
// inside the waiting one.

import host from "taipan:host";
import { asError } from "taipan:pyodide/reasons";

/// Waits that may be under way one inside the other. Each holds a stretch of the
/// native stack, of which an isolate's thread has a fixed amount: 400 were seen to fit.
const WAITS_NESTED_MAXIMUM = 256;

/// How far into a thread state is looked for a field of it.
const THREAD_STATE_BYTES_MAXIMUM = 1024;

/// Puts our functions in place of the stack switching imports of the main module.
/// `module` is Emscripten's, `imports` what it gives to the main module as `env`,
/// `beforeBlocking` is called each time before the event loop is entered anew. Answers
/// a function that takes `_taipan.tasks`, which is there only once Python runs.
export function serveRunSync(module, imports, beforeBlocking) {
  let waits = 0;
  let tasks, main;
  let localPlaces = [];

  imports.can_run_sync_js = () => Number(waits < WAITS_NESTED_MAXIMUM);
  // How these functions say that a Python error is set: `Module.error`, up to 0.27 null, which is nobody's value then.
  const failed = () => module.error ?? null;
  imports.saveState = () => enterThreadState(module, main, tasks, localPlaces) ?? failed();
  imports.restoreState = (state) => leaveThreadState(main, state);

  // The promise is the first argument in one form of stack switching, the second
  // in the other.
  imports.syncifyHandler = (first, second) => {
    waits += 1;
    try {
      if (waits > WAITS_NESTED_MAXIMUM) {
        throw new Error(`run_sync: more than ${WAITS_NESTED_MAXIMUM} waits are under way, one inside the other`);
      }
      const value = waitFor(first ?? second, beforeBlocking);
      return value === failed() ? undefined : value;
    } catch (error) {
      if (error?.pyodide_fatal_error) {
        throw error;
      }
      module.syncify_error = asError(error);
      return failed();
    } finally {
      waits -= 1;
    }
  };

  return (python, exports) => {
    tasks = python;
    main = exports;
    localPlaces = placesOfLocals(module, main, tasks);
  };
}

/// Where in a thread state, in bytes from its beginning, is what `threading.local` finds its values by.
function placesOfLocals(module, main, tasks) {
  const parts = tasks.thread_local_parts();
  const state = main.PyThreadState_Get();
  const words = module.HEAPU32.subarray(state >>> 2, (state + THREAD_STATE_BYTES_MAXIMUM) >>> 2);
  const places = parts.toJs().map((part) => words.indexOf(part) * 4);
  parts.destroy();
  return places.filter((place) => place > 0);
}

/// Installs a new thread state; answers what `leaveThreadState` needs, or undefined
/// when Python could not make one. Pyodide's own functions for it differ from release to
/// release, and remember one state only; CPython's do not. `main` are the main module's exports.
function enterThreadState(module, main, tasks, localPlaces) {
  const wait = tasks.Wait();
  const entered = main.PyThreadState_New(main.PyInterpreterState_Get());
  if (entered === 0) {
    endWait(wait);
    return undefined;
  }
  const locals = main.PyThreadState_GetDict();
  const waiting = main.PyThreadState_Swap(entered);
  // For Python it is one thread, whoever waits: `threading.local` has the same values.
  main.PyDict_Update(main.PyThreadState_GetDict(), locals);
  for (const place of localPlaces) {
    const part = module.HEAPU32[(waiting + place) >>> 2];
    main.Py_IncRef(part);
    module.HEAPU32[(entered + place) >>> 2] = part;
  }
  const context = wait.context_address;
  main.PyContext_Enter(context);
  wait.enter();
  return { entered, waiting, locals, context, wait };
}

/// Puts the waiting thread state back and removes the other.
function leaveThreadState(main, { entered, waiting, locals, context, wait }) {
  main.PyDict_Update(locals, main.PyThreadState_GetDict());
  wait.leave();
  main.PyContext_Exit(context);
  main.PyThreadState_Swap(waiting);
  main.PyThreadState_Clear(entered);
  main.PyThreadState_Delete(entered);
  endWait(wait);
}

function endWait(wait) {
  wait.end();
  wait.destroy();
}

/// Blocks until `promise` is settled; returns its value or throws its reason.
function waitFor(promise, beforeBlocking) {
  const outcome = { settled: false };
  Promise.resolve(promise).then(
    (value) => Object.assign(outcome, { settled: true, value }),
    (reason) => Object.assign(outcome, { settled: true, failed: true, reason }),
  );
  beforeBlocking();
  host.block_until(() => outcome.settled);
  if (outcome.failed) {
    throw outcome.reason;
  }
  return outcome.value;
}
