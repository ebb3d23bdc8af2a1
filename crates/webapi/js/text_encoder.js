// https://encoding.spec.whatwg.org/#interface-textencoder

import { languageOf } from "./foreign.js";
import { host } from "./operations.js";
import { defineInterface, requireArguments, toText } from "./webidl.js";

export class TextEncoder {
  #brand;

  get encoding() {
    this.#brand;
    return "utf-8";
  }
  encode(input = undefined) {
    this.#brand;
    return host.utf8_encode(input === undefined ? "" : toText(input));
  }
  encodeInto(source, destination) {
    requireArguments(arguments.length, 2, "encodeInto");
    this.#brand;
    const language = languageOf(destination);
    if (language !== null) return language.borrow(destination, (bytes) => this.encodeInto(source, bytes));
    if (!(destination instanceof Uint8Array)) throw new TypeError("the destination is not a Uint8Array");
    const written = host.utf8_encode_into(toText(source), destination);
    return { read: host.utf8_units_read, written };
  }
}

defineInterface(TextEncoder);
