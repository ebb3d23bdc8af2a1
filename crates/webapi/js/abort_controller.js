// https://dom.spec.whatwg.org/#interface-abortcontroller

import { createSignal, signalAbort } from "./abort_signal.js";
import { defineInterface } from "./webidl.js";

export class AbortController {
  #signal = createSignal();

  get signal() { return this.#signal; }
  abort(reason = undefined) { signalAbort(this.#signal, reason); }
}

defineInterface(AbortController);
