// https://console.spec.whatwg.org/

import { host } from "./operations.js";
import { inspect } from "./inspect.js";

let indent = "";
const counts = new Map();
const timers = new Map();

const INDENT = "  ";
/** So much is printed in one go; the host cannot be stopped meanwhile. */
const TEXT_CHARACTERS_MAX = 1024 * 1024;
/** Groups nested deeper than this are not indented further. */
const INDENT_CHARACTERS_MAX = 40;

// A namespace object, in the order of the standard.
export const console = Object.create({}, {
  [Symbol.toStringTag]: { value: "console", configurable: true },
});

Object.assign(console, {
  assert(condition = false, ...data) {
    if (condition) return;
    if (typeof data[0] === "string") data[0] = `Assertion failed: ${data[0]}`;
    else data.unshift("Assertion failed");
    print("error", data);
  },
  clear() { indent = ""; },
  debug(...data) { print("debug", data); },
  error(...data) { print("error", data); },
  info(...data) { print("info", data); },
  log(...data) { print("log", data); },
  table(data = undefined) {
    const rows = tableRows(data);
    if (rows === null) print("log", [data]);
    else write("log", drawTable(rows));
  },
  trace(...data) {
    const { stack } = new Error();
    write("log", `Trace: ${format(data)}\n${stack.split("\n").slice(1).join("\n").trimEnd()}`);
  },
  warn(...data) { print("warn", data); },
  dir(item = undefined) { write("log", inspect(item)); },
  dirxml(...data) { print("log", data); },
  count(label = "default") {
    const count = (counts.get(`${label}`) ?? 0) + 1;
    counts.set(`${label}`, count);
    write("info", `${label}: ${count}`);
  },
  countReset(label = "default") {
    if (!counts.delete(`${label}`)) write("warn", `there is no count named ${label}`);
  },
  group(...data) {
    if (data.length > 0) print("log", data);
    indent = (indent + INDENT).slice(0, INDENT_CHARACTERS_MAX);
  },
  groupCollapsed(...data) { console.group(...data); },
  groupEnd() { indent = indent.slice(INDENT.length); },
  time(label = "default") {
    if (timers.has(`${label}`)) write("warn", `a timer named ${label} runs already`);
    else timers.set(`${label}`, host.monotonic_now());
  },
  timeLog(label = "default", ...data) { printTimer(`${label}`, data); },
  timeEnd(label = "default") {
    printTimer(`${label}`, []);
    timers.delete(`${label}`);
  },
});

/** What the platform itself has to say: a title and a value. */
export function logError(title, value) {
  write("error", `${title} ${typeof value === "string" ? value : inspect(value)}`);
}

function printTimer(label, data) {
  const start = timers.get(label);
  if (start === undefined) return write("warn", `there is no timer named ${label}`);
  const rest = data.length === 0 ? "" : ` ${format(data)}`;
  return write("info", `${label}: ${(host.monotonic_now() - start).toFixed(3)}ms${rest}`);
}

function print(level, data) {
  write(level, format(data));
}

function write(level, text) {
  const more = text.length - TEXT_CHARACTERS_MAX;
  const shown = more > 0 ? `${text.slice(0, TEXT_CHARACTERS_MAX)}… ${more} more characters` : text;
  host.console(level, indent === "" ? shown : indent + shown.replaceAll("\n", `\n${indent}`));
}

/** https://console.spec.whatwg.org/#formatter */
function format(data) {
  if (data.length === 1 && typeof data[0] === "string") return data[0];
  const rest = [...data];
  const parts = [];
  if (typeof rest[0] === "string" && rest[0].includes("%")) {
    const template = rest.shift();
    parts.push(template.replace(/%([sdifoOc%])/g, (whole, directive) => {
      if (directive === "%") return "%";
      return rest.length === 0 ? whole : formatDirective(directive, rest.shift());
    }));
  }
  for (const value of rest) parts.push(typeof value === "string" ? value : inspect(value));
  return parts.join(" ");
}

function formatDirective(directive, value) {
  switch (directive) {
    case "s": return typeof value === "object" && value !== null ? inspect(value) : String(value);
    case "d":
    case "i": return typeof value === "symbol" ? "NaN" : String(Number.parseInt(value, 10));
    case "f": return typeof value === "symbol" ? "NaN" : String(Number.parseFloat(value));
    // Styles have no place in a log.
    case "c": return "";
    default: return inspect(value);
  }
}

/** The rows of a table as arrays of [column, text], or null for what has none. */
function tableRows(data) {
  if (typeof data !== "object" || data === null) return null;
  return Object.entries(data).map(([index, row]) => {
    const cells = typeof row === "object" && row !== null ? Object.entries(row) : [["Values", row]];
    return [["(index)", index], ...cells.map(([column, value]) => [column, inspect(value)])];
  });
}

function drawTable(rows) {
  const columns = [...new Set(["(index)", ...rows.flatMap((row) => row.map(([column]) => column))])];
  const table = [columns, ...rows.map((row) => {
    const cells = new Map(row);
    return columns.map((column) => cells.get(column) ?? "");
  })];
  const widths = columns.map((_, index) => Math.max(...table.map((row) => row[index].length)));
  const rule = (left, middle, right) => left + widths.map((width) => "─".repeat(width + 2)).join(middle) + right;
  const lines = table.map((row) => `│ ${row.map((cell, index) => cell.padEnd(widths[index])).join(" │ ")} │`);
  return [rule("┌", "┬", "┐"), lines[0], rule("├", "┼", "┤"), ...lines.slice(1), rule("└", "┴", "┘")].join("\n");
}
