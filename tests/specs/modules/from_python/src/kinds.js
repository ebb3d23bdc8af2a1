import { env } from "cloudflare:workers";
import bytes from "./bytes.bin";
import data from "./data.json" with { type: "json" };
import same from "data.json";
import tool from "./lib/tool.cjs";
import { double } from "/lib/double.mjs";
import page from "./page.html";

export function describe() {
  const url = import.meta.url;
  return JSON.stringify({ bytes: [...new Uint8Array(bytes)], data, same: data === same, double: double(2), page, name: tool.name, env, url });
}
