// Forms as bytes: multipart/form-data (RFC 7578, and
// https://andreubotella.github.io/multipart-form-data/ for what browsers do)
// and application/x-www-form-urlencoded.

import { blobBytes, blobOfBytes, concatenate } from "./blob.js";
import { fileOfBlob } from "./file.js";
import { FormData } from "./form_data.js";
import { host } from "./operations.js";
import { decodeUtf8 } from "./text_decoder.js";
import { parseUrlencoded } from "./urlencoded.js";

/** Random bytes in a boundary: two bodies never share one. */
const BOUNDARY_RANDOM_BYTES = 16;
/** Bytes in which the host looks for a boundary in one go: it cannot be stopped meanwhile. */
const SLICE_BYTES_MAX = 1024 * 1024;
/** The longest boundary (RFC 2046, 5.1.1). */
const BOUNDARY_CHARACTERS_MAX = 70;
/** The longest header line of a part, in bytes. */
const HEADER_BYTES_MAX = 16 * 1024;
const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;
const DASH = 0x2d;

/** https://html.spec.whatwg.org/#multipart-form-data: { bytes, type } */
export function serializeMultipart(form) {
  const random = new Uint8Array(BOUNDARY_RANDOM_BYTES);
  host.random_fill(random);
  const boundary = `----TaipanFormBoundary${random.toHex()}`;
  const chunks = [];
  const add = (text) => chunks.push(host.utf8_encode(text));
  for (const [name, value] of form) {
    const field = `--${boundary}\r\nContent-Disposition: form-data; name="${escapeName(withLineBreaks(name))}"`;
    if (typeof value === "string") {
      add(`${field}\r\n\r\n${withLineBreaks(value)}\r\n`);
    } else {
      const type = value.type === "" ? "application/octet-stream" : value.type;
      add(`${field}; filename="${escapeName(value.name)}"\r\nContent-Type: ${type}\r\n\r\n`);
      chunks.push(blobBytes(value));
      add("\r\n");
    }
  }
  add(`--${boundary}--\r\n`);
  return { bytes: concatenate(chunks), type: `multipart/form-data; boundary=${boundary}` };
}

function withLineBreaks(text) {
  return text.replace(/\r\n|\r|\n/g, "\r\n");
}

function escapeName(name) {
  return name.replaceAll("\n", "%0A").replaceAll("\r", "%0D").replaceAll('"', "%22");
}

/** The form that a body of this content type holds; TypeError when it holds none. */
export function parseFormData(bytes, contentType) {
  const type = contentType ?? "";
  const essence = type.split(";", 1)[0].trim().toLowerCase();
  const form = new FormData();
  if (essence === "application/x-www-form-urlencoded") {
    for (const [name, value] of parseUrlencoded(decodeUtf8(bytes, false, true))) form.append(name, value);
    return form;
  }
  if (essence !== "multipart/form-data") throw new TypeError(`a body of type ${JSON.stringify(type)} is not a form`);
  const boundary = /;\s*boundary=(?:"([^"]+)"|([^\s;]+))/i.exec(type);
  if (boundary === null) throw new TypeError("the content type names no boundary");
  const name = boundary[1] ?? boundary[2];
  if (name.length > BOUNDARY_CHARACTERS_MAX) {
    throw new TypeError(`the content type names a boundary of more than ${BOUNDARY_CHARACTERS_MAX} characters`);
  }
  parseMultipart(bytes, name, form);
  return form;
}

function malformed(what) {
  return new TypeError(`malformed multipart/form-data: ${what}`);
}

function parseMultipart(bytes, boundary, form) {
  const delimiter = host.utf8_encode(`\r\n--${boundary}`);
  // The first delimiter has no line break before it; anything earlier is a preamble.
  const first = delimiter.subarray(2);
  const found = occurrences(bytes, delimiter);
  let position = startsWith(bytes, first, 0) ? first.length : afterDelimiter(found, delimiter);
  for (;;) {
    if (bytes[position] === DASH && bytes[position + 1] === DASH) return;
    position = expectLineBreak(bytes, position);
    let end = found.next().value;
    while (end < position) end = found.next().value;
    if (end === undefined) throw malformed("the last part does not end");
    const body = parsePart(bytes, position, end, form);
    if (body > end) throw malformed("a part has no body");
    position = end + delimiter.length;
  }
}

function afterDelimiter(found, delimiter) {
  const { value } = found.next();
  if (value === undefined) throw malformed("the boundary does not occur");
  return value + delimiter.length;
}

function expectLineBreak(bytes, position) {
  let after = position;
  while (bytes[after] === 0x20 || bytes[after] === 0x09) after++;
  if (bytes[after] !== CARRIAGE_RETURN || bytes[after + 1] !== LINE_FEED) {
    throw malformed("a boundary is not followed by a line break");
  }
  return after + 2;
}

/** Adds the part between the two positions to the form; returns where its body begins. */
function parsePart(bytes, start, end, form) {
  const headers = new Map();
  let position = start;
  for (;;) {
    if (bytes[position] === CARRIAGE_RETURN && bytes[position + 1] === LINE_FEED) break;
    const lineEnd = bytes.indexOf(CARRIAGE_RETURN, position);
    if (lineEnd < 0 || lineEnd >= end || bytes[lineEnd + 1] !== LINE_FEED) throw malformed("a header does not end");
    if (lineEnd - position > HEADER_BYTES_MAX) throw malformed(`a header has more than ${HEADER_BYTES_MAX} bytes`);
    const line = decodeUtf8(bytes.subarray(position, lineEnd), false, true);
    const colon = line.indexOf(":");
    if (colon <= 0) throw malformed("a header has no name");
    headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
    position = lineEnd + 2;
  }
  const body = position + 2;
  const disposition = headers.get("content-disposition") ?? "";
  const name = parameter(disposition, "name");
  if (!/^form-data\s*(;|$)/i.test(disposition) || name === null) throw malformed("a part has no name");
  addEntry(form, name, parameter(disposition, "filename"), headers.get("content-type"), bytes.subarray(body, end));
  return body;
}

function addEntry(form, name, filename, type, contents) {
  if (filename === null) {
    form.append(name, decodeUtf8(contents, false, true));
  } else {
    form.append(name, fileOfBlob(blobOfBytes(contents.slice(), type ?? "text/plain"), filename));
  }
}

/** A parameter of a Content-Disposition header, or null. */
function parameter(disposition, name) {
  const found = new RegExp(`;\\s*${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s;]+))`, "i").exec(disposition);
  if (found === null) return null;
  const value = found[1] === undefined ? found[2] : found[1].replaceAll(`\\"`, `"`);
  return value.replace(/%0a/gi, "\n").replace(/%0d/gi, "\r").replaceAll("%22", '"');
}

/** Where `pattern` begins, one place after the other. */
function* occurrences(bytes, pattern) {
  const overlap = pattern.length - 1;
  for (let from = 0; from < bytes.length; from += SLICE_BYTES_MAX) {
    const slice = bytes.subarray(from, from + SLICE_BYTES_MAX + overlap);
    const places = host.bytes_find(slice, pattern);
    if (places !== "") for (const place of places.split(" ")) yield from + Number(place);
  }
}

function startsWith(bytes, pattern, at) {
  if (at + pattern.length > bytes.length) return false;
  for (let index = 0; index < pattern.length; index++) {
    if (bytes[at + index] !== pattern[index]) return false;
  }
  return true;
}
