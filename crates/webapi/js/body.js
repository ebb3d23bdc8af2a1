// https://fetch.spec.whatwg.org/#body-mixin
//
// A body is a plain record; a stream is made only when it is asked for:
//
//   source   a string, a Uint8Array or a Blob: all of it, at once; or null
//   channel  a HostBody: bytes that come from the host; or null
//   stream   a ReadableStream, made by the user or from the above; or null
//   used     whether it was consumed without a stream

import { blobBytes, blobOfBytes, Chunks, isBlob } from "./blob.js";
import { languageOf, refuseOptions } from "./foreign.js";
import { FormData } from "./form_data.js";
import { HostBody } from "./host_body.js";
import { parseFormData, serializeMultipart } from "./form_data_body.js";
import { completion, host } from "./operations.js";
import { ReadableStream, drain, giveUp, isDisturbed, spentStream, streamOfBytes } from "./streams.js";
import { decodeUtf8 } from "./text_decoder.js";
import { URLSearchParams } from "./url_search_params.js";
import { bytesOf, isBufferSource } from "./webidl.js";

export const TEXT_TYPE = "text/plain;charset=UTF-8";
const URLENCODED_TYPE = "application/x-www-form-urlencoded;charset=UTF-8";

function bodyRecord(source, channel, stream) {
  return { source, channel, stream, used: false };
}

/** The body that the host names by `id`. */
export function bodyFromHost(id) {
  return bodyRecord(null, new HostBody(id), null);
}

/**
 * https://fetch.spec.whatwg.org/#concept-bodyinit-extract: [body, content type or null]. `json` is how another language
 * gives JSON there.
 */
export function extractBody(init, json) {
  if (typeof init === "string") return [bodyRecord(init, null, null), TEXT_TYPE];
  if (init instanceof ReadableStream) {
    if (isDisturbed(init) || init.locked) throw new TypeError("the stream is locked or has been read");
    return [bodyRecord(null, null, init), null];
  }
  if (isBufferSource(init)) return [bodyRecord(bytesOf(init).slice(), null, null), null];
  if (isBlob(init)) return [bodyRecord(init, null, null), init.type === "" ? null : init.type];
  if (init instanceof URLSearchParams) return [bodyRecord(init.toString(), null, null), URLENCODED_TYPE];
  if (init instanceof FormData) {
    const { bytes, type } = serializeMultipart(init);
    return [bodyRecord(bytes, null, null), type];
  }
  const foreign = languageOf(init)?.body(init, json);
  // The bytes are a copy already.
  if (foreign instanceof Uint8Array) return [bodyRecord(foreign, null, null), null];
  refuseOptions(init, ["body", "status", "statusText", "headers"], "Response.new(body, status=…)");
  return [bodyRecord(`${foreign ?? init}`, null, null), TEXT_TYPE];
}

export function isUsed(body) {
  return body !== null && (body.used || (body.stream !== null && isDisturbed(body.stream)));
}

export function isUnusable(body) {
  return body !== null && (isUsed(body) || (body.stream !== null && body.stream.locked));
}

/** What `.body` gives. */
export function streamOf(body) {
  if (body === null) return null;
  if (body.stream === null) {
    if (body.used) body.stream = spentStream();
    else if (body.channel !== null) body.stream = body.channel.stream();
    else body.stream = streamOfBytes(sourceBytes(body.source));
  }
  return body.stream;
}

/** https://fetch.spec.whatwg.org/#concept-body-clone */
export function cloneBody(body) {
  if (body === null) return null;
  if (body.source !== null && body.stream === null) return bodyRecord(body.source, null, null);
  const [first, second] = streamOf(body).tee();
  body.stream = first;
  body.channel = null;
  return bodyRecord(null, null, second);
}

/** Takes the body from one object for another, as `new Request(request)` does. */
export function moveBody(body) {
  if (body === null) return null;
  const moved = bodyRecord(body.source, body.channel, body.stream);
  body.used = true;
  body.stream = null;
  return moved;
}

/** Readers of what is left of the body get `reason`. */
export function abortBody(body, reason) {
  body?.channel?.abort(reason);
}

/**
 * What the host is given of a body: { data: string, bytes or null, id: body id or -1, sent, stop }.
 * When this side goes on writing, `sent` is a promise of its end and `stop(reason)` ends it; else `sent` is null.
 */
export function handOver(body) {
  if (body === null) return { data: null, id: -1, sent: null, stop: null };
  if (body.stream === null) {
    body.used = true;
    if (body.channel !== null) return { data: null, id: body.channel.release(), sent: null, stop: null };
    const data = isBlob(body.source) ? blobBytes(body.source) : body.source;
    return { data, id: -1, sent: null, stop: null };
  }
  const id = host.body_open();
  const reader = body.stream.getReader();
  return { data: null, id, sent: send(reader, id), stop: (reason) => giveUp(reader, reason) };
}

async function send(reader, id) {
  try {
    await drain(reader, (chunk) => completion(host.body_write(id, chunk)));
    host.body_close(id);
  } catch (error) {
    host.body_abort(id, `${error}`);
    throw error;
  }
}

function sourceBytes(source) {
  if (typeof source === "string") return host.utf8_encode(source);
  return isBlob(source) ? blobBytes(source) : source;
}

/** All bytes of a body that is not used yet; a source's own bytes are not copied. */
async function takeBytes(body) {
  if (body === null) return new Uint8Array(0);
  if (body.stream === null) {
    body.used = true;
    return body.channel === null ? sourceBytes(body.source) : readAll(body.channel);
  }
  const chunks = new Chunks();
  await drain(body.stream.getReader(), (chunk) => chunks.add(chunk));
  return chunks.concatenate();
}

async function readAll(channel) {
  const chunks = new Chunks();
  for (let chunk = await channel.read(); chunk !== null; chunk = await channel.read()) chunks.add(chunk);
  return chunks.concatenate();
}

async function takeText(body) {
  if (body === null) return "";
  if (typeof body.source === "string" && body.stream === null) {
    body.used = true;
    return withoutBom(body.source).toWellFormed();
  }
  return decodeUtf8(await takeBytes(body));
}

function withoutBom(text) {
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

/** Bytes that the caller may keep: those of a source are copied. */
async function takeOwnBytes(body) {
  const shared = body !== null && body.source instanceof Uint8Array || isBlob(body?.source);
  const bytes = await takeBytes(body);
  return shared || bytes.byteLength !== bytes.buffer.byteLength ? bytes.slice() : bytes;
}

/** Gives an interface the members of the mixin; `partsOf(object)` is { body, contentType }. */
export function defineBody(constructor, partsOf) {
  const usable = (object) => {
    const parts = partsOf(object);
    if (isUnusable(parts.body)) throw new TypeError("the body has been used or is locked");
    return parts;
  };
  const mixin = {
    get body() { return streamOf(partsOf(this).body); },
    get bodyUsed() { return isUsed(partsOf(this).body); },
    async arrayBuffer() { return (await takeOwnBytes(usable(this).body)).buffer; },
    async blob() {
      const { body, contentType } = usable(this);
      return blobOfBytes(await takeOwnBytes(body), contentType ?? "");
    },
    async bytes() { return takeOwnBytes(usable(this).body); },
    async formData() {
      const { body, contentType } = usable(this);
      return parseFormData(await takeBytes(body), contentType);
    },
    async json() { return JSON.parse(await takeText(usable(this).body)); },
    async text() { return takeText(usable(this).body); },
  };
  Object.defineProperties(constructor.prototype, Object.getOwnPropertyDescriptors(mixin));
}
