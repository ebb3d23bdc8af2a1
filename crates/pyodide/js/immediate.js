// Callbacks that run "at once, but not now": what Python's event loop is made of.
//
// Each `call_soon`, each step of a task is one. They share one timer of the host
// instead of taking one each.

/// A queue of such callbacks. `schedule(callback)` adds one. `wake()` makes sure that
/// those still waiting are run by an event of their own: to be called before a
/// callback blocks.
export function newImmediateQueue() {
  const waiting = [];
  let awake = false; // whether a timer is on its way that will call `run`

  function wake() {
    if (waiting.length > 0 && !awake) {
      awake = true;
      setTimeout(run, 0);
    }
  }

  function run() {
    awake = false;
    // Those that are added meanwhile wait for the next turn, as in an event loop;
    // a callback that blocks may see some of these taken by the turn that it wakes.
    let remaining = waiting.length;
    try {
      while (remaining > 0 && waiting.length > 0) {
        remaining -= 1;
        waiting.shift()();
      }
    } finally {
      wake();
    }
  }

  return {
    wake,
    schedule(callback) {
      waiting.push(callback);
      wake();
    },
  };
}
