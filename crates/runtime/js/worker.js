// Starts a worker: boots Python, imports the worker's main module, answers requests with it.

import { makeEnvironment } from "taipan:bindings/environment.js";
import createModule from "taipan:pyodide/glue";
import { boot, furnish as mountAgain } from "taipan:pyodide/loader";
import * as snapshots from "taipan:pyodide/snapshots";
import { pythonValues } from "taipan:pyodide/values";
import * as webAssembly from "taipan:webassembly";
import * as dispatch from "taipan:webapi/dispatch.js";
import { languageOf, setForeignValues } from "taipan:webapi/foreign.js";
import { inspect } from "taipan:webapi/inspect.js";
import { isEnded } from "taipan:webapi/operations.js";
import host from "taipan:host";
import * as entrypointHelper from "pyodide:python-entrypoint-helper";

export { dispatch };

export let pyodide;

/// The exceptions that are the end of a program, wherever they are raised; of a script `KeyboardInterrupt`, too.
const endsPython = new Set(["SystemExit"]);

/// A line of a traceback that says where the program was, and not the library.
const FRAME_OF_USER = /^ *File "(?!\/lib\/python|<frozen )/m;

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
      return { module: webAssembly.mainModule, instance: new WebAssembly.Instance(webAssembly.mainModule, imports) };
    },
    webAssembly,
    environment: JSON.parse(environment),
    layers: JSON.parse(layers),
    fileBytesMaximum,
    isEnded,
  });
  setForeignValues(pythonValues(pyodide));
  keepIterators();
  addEventListener("error", (event) => uncaught(event, event.error, false));
  addEventListener("unhandledrejection", (event) => uncaught(event, event.reason, isRequest(rejected.owners.get(event.promise))));
}

/// Handles what Python has raised and no code caught: ends the program if asked to; does not report a stop at a limit,
/// which the end of its request or isolate tells. What a callback raised still says where the time went.
function uncaught(event, error, endsRequest) {
  if (!(error instanceof pyodide.ffi.PythonError)) return;
  if (endsPython.has(error.type)) {
    event.preventDefault();
    pyodide.pyimport("_taipan.eventloop").end_by(error.type);
  } else if (isStop(error) && (endsRequest || !FRAME_OF_USER.test(error.message))) {
    event.preventDefault();
  }
}

/// Whether Python was told that its time is up: by the last line, since what comes back through JavaScript is wrapped.
const isStop = (error) => error.message.trimEnd().split("\n").at(-1).startsWith("taipan.CpuTimeLimitExceeded: ");

/// Whether the number of an owner is a request's (`owner.rs` of webapi).
const isRequest = (owner) => owner > 0 && owner < 2 ** 31;

/// Gives a script its files. Both arguments are JSON, see `furnish` of the loader.
export function furnishScript(folder, layers) {
  endsPython.add("KeyboardInterrupt");
  return mountAgain(pyodide, JSON.parse(folder), JSON.parse(layers));
}

/// What a worker finds beside its own modules: its `env`, and more. `places` is JSON, {first, packages, last}: directories
/// in which Python looks for modules, see `lookIn`. `flags` is JSON: {NAME: boolean}, the compatibility flags, which
/// Python finds as workerd has them.
export function furnish(places, flags) {
  const has = JSON.parse(flags);
  const { first, packages, last } = JSON.parse(places);
  lookIn(first, packages, last);
  dispatch.setEnvironment(makeEnvironment());
  pyodide.registerJsModule("_cloudflare_compat_flags", has);
  // Each entrypoint calls it: Python's own function is found at the price of the look.
  const patchWaitUntil = pyodide.pyimport("_taipan.entrypoints").patch_wait_until;
  // A copy: Pyodide 0.26 writes into what it is given.
  pyodide.registerJsModule("_pyodide_entrypoint_helper", { ...entrypointHelper, patchWaitUntil });
  if (has.python_process_pth_files) {
    pyodide.pyimport("site").addsitedir(packages);
  }
  return "";
}

/// Has Python look in the directory `first`, in the standard library, in `packages` and in `last`, in this order. Packages
/// come before any `site-packages`, as in workerd (setup_python_search_path.py).
function lookIn(first, packages, last) {
  const { path } = pyodide.pyimport("sys");
  const site = path.findIndex((place) => place.endsWith("/site-packages"));
  path.splice(site < 0 ? path.length : site, 0, packages);
  path.unshift(first);
  // The worker's own directory may be the project's.
  if (last !== first) {
    path.push(last);
  }
}

/// What is answered when the program was to do something, as JSON: `fault` is why it failed, the error's last line and the
/// traceback, which may be empty.
const done = "{}";
const failed = (message, traceback) => JSON.stringify({ fault: [message, traceback] });

/// The class of Python that answers what names no entrypoint.
const DEFAULT_ENTRYPOINT = "Default";

/// Imports the Python module `name`, and serves its handlers. Answers as `done` and `failed` say.
export async function loadPython(name) {
  const worker = pyodide.pyimport("_taipan.worker");
  const outcome = await worker.load(name, dispatch.environment, dispatch.HandlerFault, host.owner());
  if (outcome instanceof dispatch.HandlerFault) return failed(outcome.message, outcome.detail);
  for (const [entrypoint, answers] of Object.entries(outcome)) {
    const name = entrypoint === DEFAULT_ENTRYPOINT ? undefined : entrypoint;
    for (const [kind, answer] of Object.entries(answers)) {
      // Python keeps the environment, so that it need not be made a Python object each time.
      dispatch.setHandler(kind, (subject, _environment, context) => answer(subject, context), name);
    }
  }
  return done;
}

/// Imports the JavaScript module `name`, and serves its handlers. Answers as `loadPython`.
export async function loadJavascript(name) {
  let handlers;
  try {
    const main = await import(name);
    // What is exported may have getters, and throw.
    handlers = dispatch.kindNames.map((kind) => [kind, handlerOf(main.default, kind)]).filter(([, handler]) => handler !== null);
  } catch (error) {
    const [message, traceback] = [dispatch.faultMessage(error), inspect(error)];
    return failed(message, traceback.trimEnd() === message ? "" : traceback);
  }
  const functions = dispatch.kindNames.map((kind) => `\`${kind}\``).join(" or ");
  if (handlers.length === 0) return failed(`its main module has no default export with a function ${functions}`, "");
  for (const [kind, handler] of handlers) dispatch.setHandler(kind, handler);
  return done;
}

/// What answers calls of a kind at an entrypoint, which is a class or an object; or null.
function handlerOf(entrypoint, kind) {
  if (typeof entrypoint?.prototype?.[kind] === "function") {
    const Entrypoint = entrypoint;
    return (subject, environment, context) => new Entrypoint(context, environment)[kind](subject);
  }
  const handler = entrypoint?.[kind];
  if (typeof handler !== "function") return null;
  return (subject, environment, context) => Reflect.apply(handler, entrypoint, [subject, environment, context]);
}

/// The worker's top level is about to run; a snapshot is taken after it.
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
  // null for what is not computed yet
  const remembered = new Map([Request, Response, Headers, URL, ExecutionContext].map(({ prototype }) => [prototype, null]));
  imports.JsProxy_compute_typeflags = (object, isPythonJson) => {
    const prototype = host.prototype_of(object);
    const flags = remembered.get(prototype);
    if (typeof flags === "number") return flags;
    const computed = compute(object, isPythonJson);
    if (flags === null) remembered.set(prototype, computed);
    return computed;
  };
}

/// What Python gives to a function is taken back when that returns; a stream reads what it was given later.
function keepIterators() {
  const { PyProxy } = pyodide.ffi;
  const from = ReadableStream.from;
  ReadableStream.from = function (iterable) {
    return from.call(this, iterable instanceof PyProxy ? iterateAndDestroy(iterable.copy()) : iterable);
  };
}

async function* iterateAndDestroy(iterable) {
  try {
    // Its bytes may be freed once the generator goes on.
    for await (const item of iterable) yield languageOf(item)?.bytes(item) ?? item;
  } finally {
    iterable.destroy();
  }
}

/// Runs a function of the Python module `module` with `arguments_` (JSON): its result as JSON.
export function callPython(module, name, arguments_) {
  const result = pyodide.pyimport(module)[name](...JSON.parse(arguments_).map((value) => pyodide.toPy(value)));
  return JSON.stringify(result ?? null);
}

/// Cycles through both languages, as JSON: what is told of each.
export function cycles() {
  // What a proxy shares with its copies is registered, and behind it what says the address of its Python object: in a
  // list for some up to 0.27.
  const registered = host.registered();
  const targets = registered.filter((_, index) => index % 2 === 0);
  const addresses = targets.map((_, index) => registered[2 * index + 1]).map((held) => held.ptr ?? held[0]);
  const reached = (value) => host.reached(value, targets);
  const holding = (value, index) => describeHolder(value, (held) => host.reached(held, [targets[index]]).length > 0);
  const found = pyodide.pyimport("_taipan.cycles").find(addresses, reached, holding);
  return JSON.stringify(found.toJs());
}

/// What holds a proxy that `isHeld` knows: its kind, and the name of its property if it holds that directly.
function describeHolder(value, isHeld) {
  const isProxy = (value) => value instanceof pyodide.ffi.PyProxy && isHeld(value);
  if (isProxy(value)) return "proxy of it";
  const kind = typeof value === "function" ? `function ${value.name}` : Object.getPrototypeOf(value)?.constructor?.name;
  const properties = Object.entries(Object.getOwnPropertyDescriptors(value));
  const name = properties.find(([, property]) => isProxy(property.value))?.[0];
  return `${kind || "object"}${name === undefined ? "" : `, property \`${name}\``}`.trim();
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
  pyodide.pyimport("_taipan.compile_modules").compile_tree(root, takeBytecode);
  return "";
}

/// Compiles `paths` (JSON), which are relative to `root`, as `compileTree`.
export function compileFiles(root, paths) {
  pyodide.pyimport("_taipan.compile_modules").compile_files(root, pyodide.toPy(JSON.parse(paths)), takeBytecode);
  return "";
}

function takeBytecode(path, contents) {
  host.take_bytecode(path, contents.toJs());
  contents.destroy();
}

// A promise that was rejected is reported when the turn is over and it still has no handler.
const rejected = { reasons: new Map(), owners: new WeakMap() };
const reported = new WeakSet();
host.on_rejection((promise, reason, handled) => {
  if (!handled) {
    if (rejected.reasons.size === 0) setTimeout(reportRejections, 0);
    rejected.reasons.set(promise, reason);
    rejected.owners.set(promise, host.owner());
  } else if (!rejected.reasons.delete(promise) && reported.delete(promise)) {
    dispatch.rejectionHandled(promise, reason);
  }
});

function reportRejections() {
  const all = [...rejected.reasons];
  rejected.reasons.clear();
  for (const [promise, reason] of all) {
    reported.add(promise);
    dispatch.unhandledRejection(promise, reason);
  }
}
