// https://w3c.github.io/FileAPI/#blob-section

import { host } from "./operations.js";
import { streamOfBytes } from "./streams.js";
import { decodeUtf8 } from "./text_decoder.js";
import {
  defineInterface, toBytes, toClampedInteger, toDictionary, toEnumeration, toSequence, toText,
} from "./webidl.js";

/** The bytes of a blob, not copied; TypeError for anything else. */
export let blobBytes;

/** Whether a value is a Blob or a File. */
export let isBlob;

/** A blob that takes the bytes as they are. */
let blobOf;

export class Blob {
  #bytes = new Uint8Array(0);
  #type = "";

  constructor(parts = undefined, options = undefined) {
    if (parts === undefined && options === undefined) return;
    const { endings = "transparent", type = "" } = toDictionary(options, "options");
    const ending = toEnumeration(endings, ["transparent", "native"], "endings");
    if (parts !== undefined) this.#bytes = concatenate(partBytes(parts, ending));
    this.#type = mimeType(type);
  }

  get size() { return this.#bytes.length; }
  get type() { return this.#type; }
  slice(start = undefined, end = undefined, contentType = "") {
    const { length } = this.#bytes;
    const from = position(start, 0, length);
    const to = Math.max(from, position(end, length, length));
    return blobOf(this.#bytes.subarray(from, to), mimeType(contentType));
  }
  stream() { return streamOfBytes(this.#bytes); }
  async text() { return decodeUtf8(this.#bytes); }
  async arrayBuffer() { return this.#bytes.slice().buffer; }
  async bytes() { return this.#bytes.slice(); }

  static {
    blobBytes = (blob) => blob.#bytes;
    isBlob = (value) => typeof value === "object" && value !== null && #bytes in value;
    blobOf = (bytes, type, blob = new Blob()) => {
      blob.#bytes = bytes;
      blob.#type = type;
      return blob;
    };
  }
}

defineInterface(Blob);

/** Makes `bytes`, which no other code keeps, the contents of a new Blob. */
export function blobOfBytes(bytes, type) {
  return blobOf(bytes, mimeType(type));
}

/** The contents of one blob for another, which may be a File. */
export function shareBlob(from, into) {
  return blobOf(blobBytes(from), from.type, into);
}

/** https://w3c.github.io/FileAPI/#convert-line-endings-to-native: here a line ends with "\n". */
function nativeEndings(text) {
  return text.replace(/\r\n?/g, "\n");
}

function partBytes(parts, ending) {
  return toSequence(parts, (part) => {
    if (isBlob(part)) return blobBytes(part);
    const bytes = toBytes(part);
    if (bytes !== null) return bytes.slice();
    const text = toText(part);
    return host.utf8_encode(ending === "native" ? nativeEndings(text) : text);
  }, "the parts of a Blob");
}

/** A chunk of fewer bytes costs more as an object than as bytes. */
const SMALL_BYTES = 256;

/** How many small chunks in a row are joined to one. */
const SMALL_IN_A_ROW_MAX = 256;

/** Chunks as they come, so kept that a million of one byte cost about a megabyte. */
export class Chunks {
  #list = [];
  #smallInARow = 0;

  add(chunk) {
    this.#list.push(chunk);
    this.#smallInARow = chunk.length < SMALL_BYTES ? this.#smallInARow + 1 : 0;
    if (this.#smallInARow === SMALL_IN_A_ROW_MAX) {
      this.#list.push(concatenate(this.#list.splice(-SMALL_IN_A_ROW_MAX)));
      this.#smallInARow = 0;
    }
  }

  concatenate() {
    return concatenate(this.#list);
  }
}

/** One array of all the chunks; a single chunk is taken as it is. */
export function concatenate(chunks) {
  if (chunks.length === 1) return chunks[0];
  const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

/** The type in lower case, or none when a character of it is not printable ASCII. */
function mimeType(type) {
  const text = toText(type);
  return /[^\x20-\x7e]/.test(text) ? "" : text.toLowerCase();
}

/** https://w3c.github.io/FileAPI/#slice-blob, one of the two positions. */
function position(value, otherwise, length) {
  if (value === undefined) return otherwise;
  const number = toClampedInteger(value);
  return number < 0 ? Math.max(length + number, 0) : Math.min(number, length);
}
