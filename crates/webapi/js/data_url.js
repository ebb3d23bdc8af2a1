// https://fetch.spec.whatwg.org/#data-url-processor

import { host } from "./operations.js";
import { Response } from "./response.js";
import { percentDecode } from "./urlencoded.js";

/** The response that a data: URL stands for. */
export function fetchData(url) {
  const text = url.slice("data:".length).replace(/#.*$/, "");
  const comma = text.indexOf(",");
  if (comma < 0) throw new TypeError("a data: URL needs a comma");
  const type = text.slice(0, comma).trim();
  const base64 = /;\s*base64$/i.exec(type);
  const bytes = percentDecode(host.utf8_encode(text.slice(comma + 1)));
  const essence = base64 === null ? type : type.slice(0, base64.index);
  return new Response(base64 === null ? bytes : decodeBase64(bytes), {
    headers: { "content-type": contentType(essence) },
  });
}

function contentType(type) {
  const whole = type.startsWith(";") ? `text/plain${type}` : type;
  return /^[^/;\s]+\/[^/;\s]+\s*(;.*)?$/.test(whole) ? whole : "text/plain;charset=US-ASCII";
}

function decodeBase64(bytes) {
  try {
    const text = atob(String.fromCharCode(...bytes));
    return Uint8Array.from(text, (character) => character.charCodeAt(0));
  } catch {
    throw new TypeError("a data: URL is not base64");
  }
}
