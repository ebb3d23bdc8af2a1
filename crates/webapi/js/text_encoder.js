// https://encoding.spec.whatwg.org/#interface-textencoder

import { host } from "./operations.js";
import { defineInterface, requireArguments } from "./webidl.js";

export class TextEncoder {
  #brand;

  get encoding() {
    this.#brand;
    return "utf-8";
  }
  encode(input = undefined) {
    this.#brand;
    return host.utf8_encode(input === undefined ? "" : `${input}`);
  }
  encodeInto(source, destination) {
    requireArguments(arguments.length, 2, "encodeInto");
    this.#brand;
    if (!(destination instanceof Uint8Array)) throw new TypeError("the destination is not a Uint8Array");
    const text = `${source}`;
    const written = host.utf8_encode_into(text, destination);
    return { read: unitsIn(text, written), written };
  }
}

defineInterface(TextEncoder);

/** How many UTF-16 code units of `text` make its first `bytes` UTF-8 bytes. */
function unitsIn(text, bytes) {
  let index = 0;
  for (let count = 0; count < bytes; ) {
    const point = text.codePointAt(index);
    count += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    index += point < 0x10000 ? 1 : 2;
  }
  return index;
}
