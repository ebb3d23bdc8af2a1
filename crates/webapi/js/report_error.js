// https://html.spec.whatwg.org/multipage/webappapis.html#report-an-exception
//
// The global's listeners see it first; unless one of them cancels it, the
// worker's log has it.

import { logError } from "./console.js";
import { requireArguments } from "./webidl.js";

/** Set once the event classes exist; an event target is itself a user of this module. */
let dispatch = null;

export function setErrorDispatch(callback) {
  dispatch = callback;
}

export function reportException(error) {
  if (dispatch === null || dispatch(error)) logError("Uncaught", error);
}

/** https://html.spec.whatwg.org/#dom-reporterror */
export function reportError(error) {
  requireArguments(arguments.length, 1, "reportError");
  reportException(error);
}
