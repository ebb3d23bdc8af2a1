// Starts a worker: boots Python, imports the worker's main module, answers requests with it.

import createModule from "taipan:pyodide/glue";
import { boot } from "taipan:pyodide/loader";
import * as snapshots from "taipan:pyodide/snapshots";
import { mainModule } from "taipan:webassembly";
import * as dispatch from "taipan:webapi/dispatch.js";
import host from "taipan:host";

export { dispatch };

let pyodide;

/// Boots Python. `layers` is JSON: [{layer, path}]; `environment` is JSON: {NAME: value}.
export async function start(layers, environment, fileBytesMaximum) {
  pyodide = await boot({
    async createModule(settings) {
      const module = await createModule(settings);
      host.interpreter_started();
      return module;
    },
    instantiate(imports) {
      rememberTypeFlags(imports.env);
      return { module: mainModule, instance: new WebAssembly.Instance(mainModule, imports) };
    },
    environment: JSON.parse(environment),
    layers: JSON.parse(layers),
    fileBytesMaximum,
  });
}

/// Imports the module `name` of a worker, found in the directories of `path` (JSON), and serves its handler. `flags` is
/// JSON: {NAME: boolean}, the compatibility flags, which Python finds as workerd has them.
/// Answers "" or why it cannot be served: the error's last line, a zero character, the traceback.
export async function load(path, name, variables, flags) {
  pyodide.registerJsModule("_cloudflare_compat_flags", JSON.parse(flags));
  const worker = pyodide.pyimport("_taipan.worker");
  const environment = Object.freeze(JSON.parse(variables));
  const outcome = await worker.load(pyodide.toPy(JSON.parse(path)), name, environment, dispatch.HandlerFault);
  if (typeof outcome === "string") return outcome;
  // Python keeps the environment, so that it need not be made a Python object each time.
  dispatch.setHandler("fetch", (request, _environment, context) => outcome(request, context));
  return "";
}

/// The worker's top level is about to run, of which a snapshot is taken.
export function beginSnapshot() {
  snapshots.begin(pyodide);
  return "";
}

/// Makes ready for a snapshot: called when the top level has run.
export const prepareSnapshot = () => snapshots.prepare(pyodide);

/// The first call in an isolate that was resumed, if `prepareSnapshot` said so.
export const resumeSnapshot = snapshots.resume;

/// The variables that were assigned at places.
export const { variables } = snapshots;

/// Which Python protocols an object has is found out by some thirty questions to it (Pyodide's
/// `JsProxy_compute_typeflags`). Objects of the platform answer as their class does.
function rememberTypeFlags(imports) {
  const compute = imports.JsProxy_compute_typeflags;
  const remembered = new Map([Request, Response, Headers, URL, ExecutionContext].map(({ prototype }) => [prototype, undefined]));
  imports.JsProxy_compute_typeflags = (object, ...rest) => {
    const prototype = Object.getPrototypeOf(object);
    if (!remembered.has(prototype)) return compute(object, ...rest);
    let flags = remembered.get(prototype);
    if (flags === undefined) remembered.set(prototype, (flags = compute(object, ...rest)));
    return flags;
  };
}

/// Runs a function of the Python module `module` with `arguments_` (JSON): its result as JSON.
export function callPython(module, name, arguments_) {
  const result = pyodide.pyimport(module)[name](...JSON.parse(arguments_).map((value) => pyodide.toPy(value)));
  return JSON.stringify(result ?? null);
}

/// The in-memory files, as JSON: [[path, bytes], …]. What a layer or a device serves takes no memory.
export function memoryFiles() {
  const { FS } = pyodide;
  const memory = FS.filesystems.MEMFS;
  const files = [];
  const directories = [["", FS.root]];
  while (directories.length > 0) {
    const [path, directory] = directories.pop();
    for (const [name, child] of Object.entries(directory.contents)) {
      const node = child.mounted?.root ?? child;
      if (node.mount.type !== memory) continue;
      if (FS.isDir(node.mode)) directories.push([`${path}/${name}`, node]);
      if (ArrayBuffer.isView(node.contents)) files.push([`${path}/${name}`, node.contents.byteLength]);
    }
  }
  return JSON.stringify(files);
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
