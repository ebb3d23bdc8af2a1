// https://encoding.spec.whatwg.org/#interface-textdecoder
//
// UTF-8 is cut at whole characters here and decoded by the engine's own
// routine; every other encoding is decoded in Rust. A decoder that is between
// two pieces of a stream of such an encoding holds a decoder of the host.

import { host } from "./operations.js";
import { defineInterface, toBytes, toDictionary, toText } from "./webidl.js";

const NO_BYTES = new Uint8Array(0);

/** Bytes that the host decodes in one go: it cannot be stopped meanwhile. */
const SLICE_BYTES_MAX = 256 * 1024;

/** A longer label is none, whatever white space is around it. */
const LABEL_CHARACTERS_MAX = 1024;

/** Host decoders whose TextDecoder was dropped in the middle of a stream. */
const abandoned = new FinalizationRegistry((id) => host.text_decoder_close(id));

export class TextDecoder {
  #encoding;
  #fatal;
  #ignoreBOM;
  #streaming = false;
  /** UTF-8: the first bytes of a character whose rest has not come. */
  #rest = NO_BYTES;
  #bomSeen = false;
  /** Other encodings: the host's decoder, or -1. */
  #decoder = -1;

  constructor(label = "utf-8", options = undefined) {
    const { fatal, ignoreBOM } = toDictionary(options, "options");
    const name = toText(label);
    const encoding = name === "utf-8" ? name : encodingFor(name);
    if (encoding === null || encoding === "replacement") {
      throw new RangeError(`unknown encoding ${name.slice(0, LABEL_CHARACTERS_MAX)}`);
    }
    this.#encoding = encoding;
    this.#fatal = Boolean(fatal);
    this.#ignoreBOM = Boolean(ignoreBOM);
  }

  get encoding() { return this.#encoding; }
  get fatal() { return this.#fatal; }
  get ignoreBOM() { return this.#ignoreBOM; }

  decode(input = undefined, options = undefined) {
    const stream = Boolean(toDictionary(options, "options").stream);
    const bytes = input === undefined ? NO_BYTES : toBytes(input);
    if (bytes === null) throw new TypeError("decode takes bytes");
    const continues = this.#streaming;
    this.#streaming = stream;
    if (this.#encoding !== "utf-8") return this.#decodeByHost(bytes, stream);
    if (!stream && !continues) return decodeUtf8(bytes, this.#fatal, this.#ignoreBOM);
    return this.#decodeUtf8Stream(bytes, stream, continues);
  }

  #decodeUtf8Stream(bytes, stream, continues) {
    if (!continues) {
      this.#rest = NO_BYTES;
      this.#bomSeen = false;
    }
    const all = this.#rest.length === 0 ? bytes : concatenate(this.#rest, bytes);
    const cut = stream ? all.length - unfinished(all) : all.length;
    this.#rest = all.slice(cut);
    if (cut === 0) return "";
    const ignoreBOM = this.#ignoreBOM || this.#bomSeen;
    this.#bomSeen = true;
    return decodeUtf8(all.subarray(0, cut), this.#fatal, ignoreBOM);
  }

  #decodeByHost(bytes, stream) {
    if (!stream && this.#decoder < 0 && bytes.length <= SLICE_BYTES_MAX) return host.text_decode(this.#encoding, bytes, this.#fatal, this.#ignoreBOM);
    if (this.#decoder < 0) {
      this.#decoder = host.text_decoder_open(this.#encoding, this.#fatal, this.#ignoreBOM);
      abandoned.register(this, this.#decoder, this);
    }
    const decoder = this.#decoder;
    let ended = !stream;
    try {
      let [text, at] = ["", 0];
      for (; bytes.length - at > SLICE_BYTES_MAX; at += SLICE_BYTES_MAX) {
        text += host.text_decoder_decode(decoder, bytes.subarray(at, at + SLICE_BYTES_MAX), false);
      }
      return text + host.text_decoder_decode(decoder, bytes.subarray(at), !stream);
    } catch (error) {
      ended = true;
      throw error;
    } finally {
      if (ended) {
        this.#decoder = -1;
        abandoned.unregister(this);
      }
    }
  }
}

defineInterface(TextDecoder);

/** https://encoding.spec.whatwg.org/#utf-8-decode for the whole of `bytes`. */
export function decodeUtf8(bytes, fatal = false, ignoreBOM = false) {
  return host.utf8_decode(bytes.buffer, bytes.byteOffset, bytes.byteLength, fatal, ignoreBOM);
}

function encodingFor(label) {
  return label.length > LABEL_CHARACTERS_MAX ? null : host.encoding_for_label(label);
}

function concatenate(first, second) {
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}

/** How many of the last bytes begin a character that may still be completed. */
function unfinished(bytes) {
  const { length } = bytes;
  for (let back = 1; back <= Math.min(3, length); back++) {
    const byte = bytes[length - back];
    if (byte >= 0x80 && byte < 0xc0) continue;
    const needed = byte < 0xc2 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : byte < 0xf5 ? 4 : 1;
    return needed > back && (back === 1 || secondFits(byte, bytes[length - back + 1])) ? back : 0;
  }
  return 0;
}

/** Whether `second` may follow `lead`: table 3-7 of the Unicode standard. */
function secondFits(lead, second) {
  switch (lead) {
    case 0xe0: return second >= 0xa0;
    case 0xed: return second < 0xa0;
    case 0xf0: return second >= 0x90;
    case 0xf4: return second < 0x90;
    default: return true;
  }
}
