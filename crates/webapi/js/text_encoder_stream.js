// https://encoding.spec.whatwg.org/#interface-textencoderstream

import { host } from "./operations.js";
import { TransformStream, isForeignBytes } from "./streams.js";
import { decodeUtf8 } from "./text_decoder.js";
import { defineInterface } from "./webidl.js";

const HIGH_SURROGATE = /[\ud800-\udbff]$/;

export class TextEncoderStream {
  #transform;

  constructor() {
    // The first half of a character whose second half is in the next chunk.
    let pending = "";
    this.#transform = new TransformStream({
      transform(chunk, controller) {
        const text = pending + (isForeignBytes(chunk) ? decodeUtf8(chunk, false, true) : `${chunk}`);
        pending = HIGH_SURROGATE.test(text) ? text.slice(-1) : "";
        const whole = text.slice(0, text.length - pending.length);
        if (whole !== "") controller.enqueue(host.utf8_encode(whole));
      },
      flush(controller) {
        if (pending !== "") controller.enqueue(host.utf8_encode(pending));
      },
    });
  }

  get encoding() {
    this.#transform;
    return "utf-8";
  }
  get readable() { return this.#transform.readable; }
  get writable() { return this.#transform.writable; }
}

defineInterface(TextEncoderStream);
