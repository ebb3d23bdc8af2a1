// https://encoding.spec.whatwg.org/#interface-textdecoderstream

import { TransformStream } from "./streams.js";
import { TextDecoder } from "./text_decoder.js";
import { defineInterface } from "./webidl.js";

export class TextDecoderStream {
  #decoder;
  #transform;

  constructor(label = "utf-8", options = undefined) {
    const decoder = new TextDecoder(label, options);
    this.#decoder = decoder;
    this.#transform = new TransformStream({
      transform(chunk, controller) {
        if (chunk === undefined) throw new TypeError("a chunk is not bytes");
        enqueueText(controller, decoder.decode(chunk, { stream: true }));
      },
      flush(controller) {
        enqueueText(controller, decoder.decode());
      },
    });
  }

  get encoding() { return this.#decoder.encoding; }
  get fatal() { return this.#decoder.fatal; }
  get ignoreBOM() { return this.#decoder.ignoreBOM; }
  get readable() { return this.#transform.readable; }
  get writable() { return this.#transform.writable; }
}

defineInterface(TextDecoderStream);

function enqueueText(controller, text) {
  if (text !== "") controller.enqueue(text);
}
