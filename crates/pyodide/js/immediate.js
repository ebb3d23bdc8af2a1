// Callbacks that run "at once, but not now": what Python's event loop is made of.
//
// Each `call_soon`, each step of a task is one. They share one timer of the host
// instead of taking one each.

import host from "taipan:host";

/// A queue of such callbacks. `schedule(callback, owner)` adds one, which runs in the name of `owner`.
/// `wake()` makes sure that those still waiting are run by an event of their own: to be called before
/// a callback blocks.
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
        const { callback, owner } = waiting.shift();
        host.set_owner(owner);
        callback();
      }
    } finally {
      wake();
    }
  }

  return {
    wake,
    schedule(callback, owner = host.owner()) {
      waiting.push({ callback, owner });
      wake();
    },
  };
}
