// Starts a worker: boots Python, imports the worker's main module, answers requests with it.

import createModule from "taipan:pyodide/glue";
import { boot } from "taipan:pyodide/loader";
import { mainModule } from "taipan:webassembly";
import * as dispatch from "taipan:webapi/dispatch.js";
import host from "taipan:host";

export { dispatch };

let pyodide;

/// Boots Python. `layers` is JSON: [{layer, path}]; `environment` is JSON: {NAME: value}.
export async function start(layers, environment, fileBytesMaximum) {
  pyodide = await boot({
    createModule,
    instantiate(imports) {
      return { module: mainModule, instance: new WebAssembly.Instance(mainModule, imports) };
    },
    environment: JSON.parse(environment),
    layers: JSON.parse(layers),
    fileBytesMaximum,
  });
}

/// Imports the module `name` of a worker, found in the directories of `path` (JSON), and serves its handler.
/// Answers "" or why it cannot be served: the error's last line, a zero character, the traceback.
export async function load(path, name, variables) {
  const worker = pyodide.pyimport("_taipan.worker");
  dispatch.setEnvironment(Object.freeze(JSON.parse(variables)));
  const outcome = await worker.load(JSON.parse(path), name, dispatch.HandlerFault);
  if (typeof outcome === "string") return outcome;
  dispatch.setHandler("fetch", outcome);
  return "";
}

/// Runs a function of the Python module `module` with `arguments_` (JSON): its result as JSON.
export function callPython(module, name, arguments_) {
  const result = pyodide.pyimport(module)[name](...JSON.parse(arguments_).map((value) => pyodide.toPy(value)));
  return JSON.stringify(result ?? null);
}

/// Compiles the Python files under `root`; `host.take_bytecode(path, bytes)` gets each.
export function compileTree(root) {
  pyodide.pyimport("_taipan.compile_modules").compile_tree(root, (path, contents) => {
    host.take_bytecode(path, contents.toJs());
    contents.destroy();
  });
  return "";
}

// A promise that was rejected is reported when the turn is over and it still has no handler.
const rejected = new Map();
const reported = new WeakSet();
host.on_rejection((promise, reason, handled) => {
  if (!handled) {
    if (rejected.size === 0) setTimeout(reportRejections, 0);
    rejected.set(promise, reason);
  } else if (!rejected.delete(promise) && reported.delete(promise)) {
    dispatch.rejectionHandled(promise, reason);
  }
});

function reportRejections() {
  const all = [...rejected];
  rejected.clear();
  for (const [promise, reason] of all) {
    reported.add(promise);
    dispatch.unhandledRejection(promise, reason);
  }
}
