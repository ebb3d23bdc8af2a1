// A call of the kind `scheduled`: a time of the worker's schedule has come.
// https://developers.cloudflare.com/workers/runtime-apis/handlers/scheduled/

import { host } from "./operations.js";
import { INTERNAL, defineInterface, refuseConstruction } from "./webidl.js";

class ScheduledController {
  #time;
  #cron;

  constructor(token, time, cron) {
    refuseConstruction(token);
    this.#time = time;
    this.#cron = cron;
  }

  /** Milliseconds since 1970 at which it was to run. */
  get scheduledTime() { return this.#time; }

  /** The expression of the schedule. */
  get cron() { return this.#cron; }

  /** Nothing is tried a second time here. */
  noRetry() { this.#time; }
}

defineInterface(ScheduledController);

export const scheduledCall = {
  subject: (time, cron) => new ScheduledController(INTERNAL, time, cron),
  cancel() {},
  isAnswer: (outcome) => outcome === undefined,
  whyNoAnswer: () => null,
  send,
};

/** The answer says nothing but that it is done. */
function send(requestId, entry) {
  host.response_start(requestId, 204, "", "", null, -1, entry.waiting === 1);
  return null;
}
