// https://url.spec.whatwg.org/#application/x-www-form-urlencoded

import { host } from "./operations.js";
import { decodeUtf8 } from "./text_decoder.js";

const PERCENT = 0x25;

/** The [name, value] pairs of a query or of a form body. */
export function parseUrlencoded(text) {
  const pairs = [];
  for (const sequence of text.split("&")) {
    if (sequence === "") continue;
    const equals = sequence.indexOf("=");
    const name = equals < 0 ? sequence : sequence.slice(0, equals);
    const value = equals < 0 ? "" : sequence.slice(equals + 1);
    pairs.push([decode(name), decode(value)]);
  }
  return pairs;
}

export function serializeUrlencoded(pairs) {
  return pairs.map(([name, value]) => `${encode(name)}=${encode(value)}`).join("&");
}

function decode(text) {
  const spaced = text.includes("+") ? text.replaceAll("+", " ") : text;
  return spaced.includes("%") ? decodeUtf8(percentDecode(host.utf8_encode(spaced)), false, true) : spaced;
}

/** https://url.spec.whatwg.org/#percent-decode: the bytes are decoded in place. */
export function percentDecode(bytes) {
  let length = 0;
  for (let index = 0; index < bytes.length; index++) {
    const high = bytes[index] === PERCENT ? digit(bytes[index + 1]) : -1;
    const low = high < 0 ? -1 : digit(bytes[index + 2]);
    if (low < 0) {
      bytes[length++] = bytes[index];
    } else {
      bytes[length++] = high * 16 + low;
      index += 2;
    }
  }
  return bytes.subarray(0, length);
}

/** The value of a hexadecimal digit, or -1; `undefined` (past the end) is none. */
function digit(byte) {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1;
}

function encode(text) {
  if (/^[A-Za-z0-9*._-]*$/.test(text)) return text;
  let encoded = "";
  for (const byte of host.utf8_encode(text)) {
    const character = String.fromCharCode(byte);
    if (byte === 0x20) encoded += "+";
    else if (/[A-Za-z0-9*._-]/.test(character)) encoded += character;
    else encoded += `%${byte < 0x10 ? "0" : ""}${byte.toString(16).toUpperCase()}`;
  }
  return encoded;
}
