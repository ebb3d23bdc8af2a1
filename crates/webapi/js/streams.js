// https://streams.spec.whatwg.org/
//
// The classes are those of the library web-streams-polyfill; here is only what
// the platform itself needs of them.

import {
  ByteLengthQueuingStrategy, CountQueuingStrategy, ReadableByteStreamController, ReadableStream,
  ReadableStreamBYOBReader, ReadableStreamBYOBRequest, ReadableStreamDefaultController,
  ReadableStreamDefaultReader, TransformStream, TransformStreamDefaultController, WritableStream,
  WritableStreamDefaultController, WritableStreamDefaultWriter,
} from "taipan:web-streams";

import { keptMembers, languageOf } from "./foreign.js";

/** Chunks that were bytes of another language: where a text belongs they are one, in UTF-8. */
const foreignBytes = new WeakSet();

export function isForeignBytes(chunk) {
  return foreignBytes.has(chunk);
}

function ownChunk(chunk) {
  const bytes = languageOf(chunk)?.bytes(chunk) ?? null;
  if (bytes === null) return chunk;
  foreignBytes.add(bytes);
  return bytes;
}

export { ReadableStream, TransformStream, WritableStream };

/** Every interface of the standard, by name. */
export const STREAM_INTERFACES = {
  ByteLengthQueuingStrategy, CountQueuingStrategy, ReadableByteStreamController,
  ReadableStream: keeping(ReadableStream), ReadableStreamBYOBReader, ReadableStreamBYOBRequest,
  ReadableStreamDefaultController, ReadableStreamDefaultReader, TransformStream: keeping(TransformStream),
  TransformStreamDefaultController, WritableStream: keeping(WritableStream), WritableStreamDefaultController,
  WritableStreamDefaultWriter,
};

/** The class for those who make streams of what may be another language's: it is looked at as long as the stream lives. */
function keeping(Stream) {
  const construct = (target, given, newTarget) => Reflect.construct(target, given.map(keptMembers), newTarget);
  const constructor = new Proxy(Stream, { construct });
  Object.defineProperty(Stream.prototype, "constructor", { value: constructor });
  return constructor;
}

// Bytes of another language are copied when they are given: the caller may free them afterwards.
const CHUNK_TAKERS = [
  [ReadableStreamDefaultController, "enqueue"], [ReadableByteStreamController, "enqueue"],
  [TransformStreamDefaultController, "enqueue"], [WritableStreamDefaultWriter, "write"],
];

for (const [{ prototype }, name] of CHUNK_TAKERS) {
  const take = prototype[name];
  const method = {
    [name](chunk = undefined) { return take.call(this, ownChunk(chunk)); },
  }[name];
  Object.defineProperty(method, "length", { value: take.length, configurable: true });
  Object.defineProperty(prototype, name, { value: method });
}

/** One piece of a long source that is handed to a reader. */
const CHUNK_BYTES_MAX = 64 * 1024;

/** https://streams.spec.whatwg.org/#is-readable-stream-disturbed: the library's own field, see tests/js/streams.js. */
export function isDisturbed(stream) {
  return stream._disturbed;
}

/** A stream of bytes that are known already, which stay as they are. */
export function streamOfBytes(bytes) {
  let offset = 0;
  return new ReadableStream({
    type: "bytes",
    start(controller) {
      if (bytes.length === 0) controller.close();
    },
    pull(controller) {
      // Copied: the reader may transfer the buffer of what it gets.
      const chunk = bytes.slice(offset, offset + CHUNK_BYTES_MAX);
      offset += chunk.length;
      controller.enqueue(chunk);
      if (offset >= bytes.length) controller.close();
    },
  }, { highWaterMark: 0 });
}

/** A stream that another reader has read to its end. */
export function spentStream() {
  const stream = streamOfBytes(new Uint8Array(0));
  const reader = stream.getReader();
  reader.read();
  reader.releaseLock();
  return stream;
}

/** Calls `each` for all chunks that a reader gets, awaiting it; cancels the stream when that fails. */
export async function drain(reader, each) {
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    try {
      if (!(value instanceof Uint8Array)) throw notBytes(value);
      await each(value);
    } catch (error) {
      giveUp(reader, error);
      throw error;
    }
  }
}

function notBytes(value) {
  const remedy = typeof value === "string" ? ": write text to a TextEncoderStream" : "";
  return new TypeError(`a body's chunk is not a Uint8Array${remedy}`);
}

/** Cancels what a reader reads. That the source cannot even do that adds nothing to `reason`. */
export function giveUp(reader, reason) {
  reader.cancel(reason).catch(() => {});
}
