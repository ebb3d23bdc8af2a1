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

// A signal ends a wait for as long as Python's handler of it takes, which runs in the state of the task that waits:
// what it raises, `run_sync` raises.

import host from "taipan:host";
import { undisturbed } from "taipan:pyodide/interrupts";
import { asError } from "taipan:pyodide/reasons";

/// Waits that may be under way one inside the other. Each holds a stretch of the native stack, and the stack of an
/// isolate's thread is fixed: 400 were seen to fit.
const WAITS_NESTED_MAXIMUM = 256;

/// How far into a thread state is looked for a field of it, and into the runtime's.
const THREAD_STATE_BYTES_MAXIMUM = 1024;
const RUNTIME_BYTES_MAXIMUM = 4096;

/// Thrown when a handler of a signal has raised an exception, which Python has then.
const RAISED = Symbol("raised");

/// Puts our functions in place of the stack switching imports of the main module.
/// `module` is Emscripten's, `imports` what it gives to the main module as `env`,
/// `beforeBlocking` is called each time before the event loop is entered again. Answers
/// a function that takes `_taipan.tasks`, which is there only once Python runs.
export function serveRunSync(module, imports, beforeBlocking) {
  let waits = 0;
  // What is known of Python once it runs.
  const python = { module };
  // What `saveState` has made for the wait that begins.
  let latest;

  imports.can_run_sync_js = () => Number(waits < WAITS_NESTED_MAXIMUM);
  // How these functions say that a Python error is set: `Module.error`, up to 0.27 null: then no value is null.
  const failed = () => module.error ?? null;
  imports.saveState = () => (latest = enterThreadState(python)) ?? failed();
  imports.restoreState = (state) => state.raised || leaveThreadState(python, state);

  function handle(signal, state) {
    leaveThreadState(python, state);
    python.main.PyErr_SetInterruptEx(signal);
    const entered = python.main.PyErr_CheckSignals() === 0 && enterThreadState(python);
    if (!entered) {
      state.raised = true;
      throw RAISED;
    }
    Object.assign(state, entered);
  }

  // The promise is the first argument in one form of stack switching, the second
  // in the other.
  imports.syncifyHandler = (first, second) => {
    const state = latest;
    waits += 1;
    try {
      if (waits > WAITS_NESTED_MAXIMUM) {
        throw new Error(`run_sync: more than ${WAITS_NESTED_MAXIMUM} waits are under way, one inside the other`);
      }
      const value = waitFor(first ?? second, beforeBlocking, (signal) => handle(signal, state));
      return value === failed() ? undefined : value;
    } catch (error) {
      if (error?.pyodide_fatal_error) {
        throw error;
      }
      if (error !== RAISED) module.syncify_error = asError(error);
      return failed();
    } finally {
      waits -= 1;
    }
  };

  return (tasks, main) => {
    const localPlaces = placesOfLocals(module, main, tasks);
    Object.assign(python, { tasks, main, localPlaces, mainState: placeOfMainState(module, main, localPlaces) });
  };
}

/// Where the runtime has the thread state to which it tells signals: of its fields the first that is the only state there
/// is at the start. That is since Python 3.13, as are the places of locals; before, it tells all.
function placeOfMainState({ HEAPU32, __PyRuntime: runtime }, main, localPlaces) {
  if (localPlaces.length === 0) return undefined;
  const words = HEAPU32.subarray(runtime >>> 2, (runtime + RUNTIME_BYTES_MAXIMUM) >>> 2);
  const index = words.indexOf(main.PyThreadState_Get());
  return index < 0 ? undefined : (runtime >>> 2) + index;
}

/// Has signals told to a thread state, which is the current one.
function tellSignalsTo({ module, mainState }, state) {
  if (mainState !== undefined) module.HEAPU32[mainState] = state;
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
/// release, and remember one state only; CPython's do not.
const enterThreadState = (python) => undisturbed(() => {
  const { module, main, tasks, localPlaces } = python;
  const wait = tasks.Wait();
  const entered = main.PyThreadState_New(main.PyInterpreterState_Get());
  if (entered === 0) {
    endWait(wait);
    return undefined;
  }
  const locals = main.PyThreadState_GetDict();
  const waiting = main.PyThreadState_Swap(entered);
  tellSignalsTo(python, entered);
  // For Python it is one thread, whichever task waits: `threading.local` has the same values.
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
});

/// Puts the waiting thread state back and removes the other.
const leaveThreadState = (python, { entered, waiting, locals, context, wait }) => undisturbed(() => {
  const { main } = python;
  main.PyDict_Update(locals, main.PyThreadState_GetDict());
  wait.leave();
  main.PyContext_Exit(context);
  main.PyThreadState_Swap(waiting);
  tellSignalsTo(python, waiting);
  main.PyThreadState_Clear(entered);
  main.PyThreadState_Delete(entered);
  endWait(wait);
});

function endWait(wait) {
  wait.end();
  wait.destroy();
}

/// Blocks until `promise` is settled; returns its value or throws its reason. `onSignal(number)` is called for each
/// signal that comes before.
function waitFor(promise, beforeBlocking, onSignal) {
  const outcome = { settled: false };
  Promise.resolve(promise).then(
    (value) => Object.assign(outcome, { settled: true, value }),
    (reason) => Object.assign(outcome, { settled: true, failed: true, reason }),
  );
  beforeBlocking();
  let signal;
  while ((signal = host.block_until(() => outcome.settled)) !== 0) {
    onSignal(signal);
  }
  if (outcome.failed) {
    throw outcome.reason;
  }
  return outcome.value;
}
