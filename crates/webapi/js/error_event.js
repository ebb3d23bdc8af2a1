// https://html.spec.whatwg.org/multipage/webappapis.html#errorevent

import { Event } from "./event.js";
import { defineInterface } from "./webidl.js";

export class ErrorEvent extends Event {
  #init;

  constructor(type, eventInit = undefined) {
    super(...arguments);
    const { message = "", filename = "", lineno = 0, colno = 0, error = undefined } = eventInit ?? {};
    this.#init = { message: `${message}`, filename: `${filename}`, lineno: lineno >>> 0, colno: colno >>> 0, error };
  }

  get message() { return this.#init.message; }
  get filename() { return this.#init.filename; }
  get lineno() { return this.#init.lineno; }
  get colno() { return this.#init.colno; }
  get error() { return this.#init.error; }
}

defineInterface(ErrorEvent);
