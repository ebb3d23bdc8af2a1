// The worker's own modules that are no ES modules: each becomes a module whose only export, `default`, is its value.
// CommonJS is as Node.js documents it (https://nodejs.org/api/modules.html), without its file name guessing.

import host from "taipan:host";
import { compiledModule } from "taipan:webassembly";

/** The values of JSON, text, data and WebAssembly modules, by name. */
const values = new Map();

/** The `module` of each CommonJS module that was begun, by name. */
const commonJsModules = new Map();

host.set_synthetic_factory(valueOf);

function valueOf(name) {
  const kind = host.module_kind(name);
  if (kind === "CommonJS") return commonJs(name).exports;
  if (!values.has(name)) values.set(name, makeValue(kind, name));
  return values.get(name);
}

function makeValue(kind, name) {
  switch (kind) {
    case "JSON": return parseJson(name);
    case "Text": return host.module_text(name);
    case "CompiledWasm": return compiledModule(name);
    case "Data": return host.module_bytes(name).buffer;
    default: throw new TypeError(`${name} is a module of the kind ${kind}, which has no value`);
  }
}

function parseJson(name) {
  try {
    return JSON.parse(host.module_text(name));
  } catch (error) {
    throw new SyntaxError(`${name} is not JSON: ${error.message}`);
  }
}

/** Runs a CommonJS module if it has not been; in a cycle, what it has exported so far counts. */
function commonJs(name) {
  const begun = commonJsModules.get(name);
  if (begun !== undefined) return begun;
  const module = { exports: {}, filename: name, id: name };
  commonJsModules.set(name, module);
  try {
    // On one line with the first of the text, so that line numbers are the file's.
    const body = host.evaluate(`(function (exports, require, module, __filename, __dirname) {${host.module_text(name)}\n})`, name);
    const directory = name.slice(0, name.lastIndexOf("/"));
    body.call(module.exports, module.exports, (specifier) => require(name, specifier), module, name, directory);
  } catch (error) {
    commonJsModules.delete(name);
    throw error;
  }
  return module;
}

function require(referrer, specifier) {
  const name = host.module_resolve(referrer, String(specifier));
  const kind = host.module_kind(name);
  return kind === "ESModule" || kind === "built-in" ? host.import_now(name) : valueOf(name);
}

/** `import()` for code that is no module, as Python: specifiers are relative to the directory of the main module. */
export async function importModule(specifier) {
  return import(host.module_resolve("", String(specifier)));
}
