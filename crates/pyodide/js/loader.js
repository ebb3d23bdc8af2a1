// Boots Pyodide: what pyodide.mjs is elsewhere, without its package manager.
//
// It makes the settings with which Emscripten's glue starts, mounts the files,
// starts CPython, and finishes the public interface that Python sees as
// `pyodide_js`. It knows nothing of Workers. The order follows `loadPyodide` of
// Pyodide 314.0.7, src/js/pyodide.ts.

import host from "taipan:host";
import { serveRandomDevices } from "taipan:pyodide/devices";
import { folderFileSystem } from "taipan:pyodide/folderfs";
import { newImmediateQueue } from "taipan:pyodide/immediate";
import * as interrupts from "taipan:pyodide/interrupts";
import { serveLayerFiles } from "taipan:pyodide/layerfiles";
import { layerFileSystem } from "taipan:pyodide/layerfs";
import { listDescriptors } from "taipan:pyodide/procfs";
import { limitMemoryFiles } from "taipan:pyodide/quota";
import { asError, namingClass, tellable } from "taipan:pyodide/reasons";
import { serveRunSync } from "taipan:pyodide/runsync";
import { serveSideModules } from "taipan:pyodide/sidemodules";

const STANDARD_INPUT = 0;
const STANDARD_OUTPUT = 1;
const STANDARD_ERROR = 2;
/// Delays up to this many milliseconds are none, as for `scheduleCallback` of Pyodide.
const IMMEDIATE_MILLISECONDS_MAXIMUM = 2;
const HOME = "/session";
const TEMPORARY = "/tmp";
/// What the engine says when there is no stack left.
const STACK_USED_UP = "Maximum call stack size exceeded";
/// Where the folder of a script is mounted if it cannot be where it is outside.
const OWN_FOLDER = "/session/folder";

/// All false: no environment that the glue knows, so it takes no branch for one.
/// `IN_SHELL` keeps it from looking for `location`.
const RUNTIME = {
  IN_NODE: false,
  IN_BUN: false,
  IN_DENO: false,
  IN_SAFARI: false,
  IN_WORKERD: false,
  IN_BROWSER: false,
  IN_BROWSER_MAIN_THREAD: false,
  IN_BROWSER_WEB_WORKER: false,
  IN_NODE_COMMONJS: false,
  IN_NODE_ESM: false,
  IN_SHELL: true,
};

/// The file system type of layers, when it is made.
let layers;

/// Boots CPython and answers the `pyodide` object.
///
/// settings:
///   createModule          what the glue exports
///   instantiate(imports)  gives {instance, module} of pyodide.asm.wasm
///   webAssembly           the exports of `taipan:webassembly`
///   environment           {NAME: value}, added to what Python needs here
///   layers                [{layer, path, writable}]: file layers by number, where to
///                         mount them, and whether Python can write over them; the
///                         standard library first
///   fileBytesMaximum      limit of all in-memory files together
///   isEnded(error)        whether an error only says that its request has ended, and no caller waits
export async function boot(settings) {
  const queue = newImmediateQueue();
  const runSync = {};
  const emscripten = emscriptenSettings(settings, queue, runSync);
  const module = await settings.createModule(emscripten);
  const { API } = module;
  const handleError = module.handle_js_error;
  module.handle_js_error = (error) => handleError(namingClass(tellable(error)));
  // Python objects whose proxies are gone need not wait for the end of the turn.
  host.finalize_early(module.finalizationRegistry);
  API.scheduleCallback = (callback, milliseconds = 0) => {
    if (milliseconds <= IMMEDIATE_MILLISECONDS_MAXIMUM) {
      queue.schedule(callback);
    } else {
      setTimeout(callback, milliseconds);
    }
  };
  API.inOwnContext = (work) => inOwnContext(runSync.main, work);
  interrupts.connect(module);
  // A program that exits comes here too: with its status.
  API.on_fatal = (error) => (Number.isInteger(error.status) ? host.process_exit(error.status) : host.fatal(String(error)));
  API.fatal_error = failing(module, API.fatal_error);
  const pyodide = API.finalizeBootstrap();
  host.wasm_serve_test("env", "JsvNoValue_Check", module.novalue);
  withoutPackageManager(API, pyodide);
  API._pyodide.set_excepthook();
  connectStreams(API, pyodide);
  pyodide.pyimport("_taipan.bootstrap").finish(standardLibrary(settings), timersFor(queue, settings.isEnded), asError, host.cpu_time_exceeded);
  runSync.connect(pyodide.pyimport("_taipan.tasks"), runSync.main);
  return pyodide;
}

/// `fatal_error` of Pyodide, which does not reach `on_fatal` when memory runs out in itself: then it leaves an
/// interpreter behind whose every call gives undefined. What is no fatal error it throws as it is, without a mark. A
/// program that used up the stack is no mistake of Pyodide's, to be reported, which it asks for.
function failing(module, fatalError) {
  return (error) => {
    if (error instanceof RangeError && error.message === STACK_USED_UP) {
      end(module, `${error}, by a recursion deeper than the stack, which sys.setrecursionlimit() does not make larger`);
    }
    try {
      return fatalError(error);
    } catch (thrown) {
      if (thrown !== error || thrown?.pyodide_fatal_error) {
        host.interpreter_failed();
      }
      throw thrown;
    }
  };
}

/// Says where Python is, and ends it.
function end(module, reason) {
  module._dump_traceback?.();
  host.fatal(reason);
}

const standardLibrary = (settings) => settings.layers[0].path;

/// What Python's event loop is made of. The functions are kept: a program may put others in their place.
function timersFor(queue, isEnded) {
  const { setTimeout, clearTimeout } = globalThis;
  return {
    isEnded,
    endWait: host.end_wait,
    immediateMaximum: IMMEDIATE_MILLISECONDS_MAXIMUM,
    owner: host.owner,
    soon: queue.schedule,
    start: (callback, milliseconds) => setTimeout(callback, milliseconds),
    end(number, callback) {
      clearTimeout(number);
      callback.destroy();
    },
  };
}

/// Calls `work` with context variables of its own, as a call on a stack of its own has them.
function inOwnContext(main, work) {
  const context = main.PyContext_CopyCurrent();
  main.PyContext_Enter(context);
  try {
    return work();
  } finally {
    main.PyContext_Exit(context);
    main.Py_DecRef(context);
  }
}

function emscriptenSettings(settings, queue, runSync) {
  const emscripten = {
    noImageDecoding: true,
    noAudioDecoding: true,
    // `sys.executable`; there is no such file.
    thisProgram: standardLibrary(settings).replace("/lib/", "/bin/"),
    arguments: [],
    print: (line) => writeLine(STANDARD_OUTPUT, line),
    printErr: (line) => writeLine(STANDARD_ERROR, line),
    onExit: (code) => host.process_exit(code),
    onAbort: (reason) => end(emscripten, reason ? `it aborted: ${reason}` : "abort() was called"),
    preRun: [(module) => prepareFiles(module, settings), (module) => prepareEnvironment(module, settings)],
    measureString: host.string_measure,
    copyString: host.string_copy,
    API: {
      runtimeEnv: RUNTIME,
      config: {
        jsglobals: globalThis,
        enableRunUntilComplete: true,
        packages: [],
      },
    },
    instantiateWasm(imports, receive) {
      runSync.connect = serveRunSync(emscripten, imports.env, queue.wake);
      const marker = serveErrorMarker(imports);
      serveRejections(imports);
      serveLayerFiles(emscripten, imports);
      serveSideModules(emscripten, imports, settings.webAssembly, (reason) => end(emscripten, reason));
      const { instance, module } = settings.instantiate(imports);
      // Asked on every way between the languages: JavaScript need not be.
      host.wasm_serve_test("env", "JsvError_Check", marker) || host.wasm_serve_test("sentinel", "is_sentinel", marker);
      runSync.main = instance.exports;
      leaveOutGraphics(emscripten.GOT);
      return receive(instance, module) ?? {};
    },
  };
  return emscripten;
}

/// The value that stands for "a JavaScript error was raised". Pyodide makes it in a
/// small wasm module of its own; where that cannot be compiled it does as we do
/// here (src/core/jsverror.ts).
function serveErrorMarker(imports) {
  const marker = Symbol("error marker");
  const isMarker = (value) => Number(value === marker);
  imports.env.Jsv_GetError_import = () => marker;
  imports.env.JsvError_Check = isMarker;
  // Its names up to 0.29.
  imports.sentinel = { create_sentinel: () => marker, is_sentinel: isMarker };
  return marker;
}

/// An asynchronous iterator may fail with anything, too; see `_taipan/futures.py`.
function serveRejections(imports) {
  const handle = imports.env._agen_handle_result_js;
  imports.env._agen_handle_result_js = (promise, ...rest) =>
    handle(typeof promise?.then === "function" ? promise.then(undefined, throwAsError) : promise, ...rest);
}

function throwAsError(reason) {
  throw asError(reason);
}

/// OpenGL functions that the main module can hand out by name: null pointers, so
/// that no JavaScript function is made a wasm function for each of the 274.
function leaveOutGraphics(globalOffsets) {
  for (const name in globalOffsets) {
    if (name.startsWith("emscripten_gl")) {
      globalOffsets[name].value = 0;
    }
  }
}

function prepareFiles(module, settings) {
  const { FS, API } = module;
  const version = module.HEAPU32[module._Py_Version >>> 2];
  API.pyVersionTuple = [version >>> 24, (version >>> 16) & 0xff, (version >>> 8) & 0xff];
  API.sitePackages = `/lib/python${API.pyVersionTuple[0]}.${API.pyVersionTuple[1]}/site-packages`;
  const memory = limitMemoryFiles(module, settings.fileBytesMaximum);
  listDescriptors(module);
  serveRandomDevices(module);
  layers = layerFileSystem(module, memory);
  for (const { path, ...options } of settings.layers) {
    FS.mkdirTree(path);
    FS.mount(layers, options, path);
  }
  // Pyodide's main() says that the standard library is this file, and Python 3.15 warns when it is not there.
  // `_taipan.bootstrap` takes it away.
  FS.writeFile(`${standardLibrary(settings).replace(".", "")}.zip`, "");
  FS.mkdirTree(HOME);
  FS.mkdirTree(TEMPORARY);
  FS.chdir(HOME);
}

function prepareEnvironment(module, settings) {
  Object.assign(module.ENV, {
    HOME,
    PWD: HOME,
    TMPDIR: TEMPORARY,
    // Emscripten makes these up.
    USER: undefined,
    LOGNAME: undefined,
    PATH: undefined,
    _: undefined,
    // Pyodide's main() looks for a zip file only.
    PYTHONPATH: standardLibrary(settings),
    // Without it, printing a SystemExit would end the interpreter.
    PYTHONINSPECT: "1",
    // What is made at set-up is complete.
    PYTHONDONTWRITEBYTECODE: "1",
    ...settings.environment,
  });
}

/// Mounts the files of a script in a resumed interpreter, and connects its standard streams again if one is a terminal
/// now. `own` is where the script itself is, {layer, path} or null; `mounts` are others, {layer, path, writable} or
/// directories of this machine to write, {folder, path}. Answers the path under which the script's folder is found.
export function furnish(pyodide, own, mounts) {
  const module = pyodide._module;
  const { FS } = module;
  let folders;
  const mount = ({ path, ...options }) => {
    FS.mkdirTree(path);
    FS.mount(options.folder === undefined ? layers : (folders ??= folderFileSystem(module)), options, path);
  };
  mounts.forEach(mount);
  if (own !== null) {
    mountFolder(FS, own, mount);
  }
  if ([STANDARD_INPUT, STANDARD_OUTPUT, STANDARD_ERROR].some(host.stdio_is_terminal)) {
    connectStreams(pyodide._api, pyodide);
  }
  return own?.path ?? "";
}

/// A folder that this machine has and the guest has too, as `/tmp`, keeps what is in it there: what comes is linked.
function mountFolder(FS, { layer, path }, mount) {
  if (!FS.analyzePath(path).exists) {
    mount({ layer, path });
    return;
  }
  mount({ layer, path: OWN_FOLDER });
  for (const name of FS.readdir(OWN_FOLDER)) {
    const link = `${path === "/" ? "" : path}/${name}`;
    if (name !== "." && name !== ".." && !FS.analyzePath(link, true).exists) {
      FS.symlink(`${OWN_FOLDER}/${name}`, link);
    }
  }
}

const NO_PACKAGES = "nothing installs packages while a worker runs: those of Python alone are found in python_modules";

/// Takes out of the public interface what needs a package manager or a host that
/// is not here; each says so when it is called.
function withoutPackageManager(API, pyodide) {
  const absent = {
    loadPackage: NO_PACKAGES,
    loadPackagesFromImports: NO_PACKAGES,
    mountNodeFS: "there is no Node here",
    useNodeSockFS: "there is no Node here",
    mountNativeFS: "there is no browser file system here",
    makeMemorySnapshot: "snapshots are taken from outside",
  };
  for (const [name, reason] of Object.entries(absent)) {
    const value = () => {
      throw new Error(`pyodide.${name} is not available: ${reason}`);
    };
    Object.defineProperty(pyodide, name, { value, configurable: true, enumerable: true, writable: true });
  }
  delete pyodide.lockfileBaseUrl;
  pyodide.abiVersion = API.abiVersion;
  // It is not known here where the release's packages would come from.
  const [major, minor, patch] = API.pyVersionTuple;
  const info = { abi_version: API.abiVersion, arch: "wasm32", python: `${major}.${minor}.${patch}`, version: API.version };
  const value = { info, packages: {} };
  Object.assign(API, { lockfile: value, lockfile_info: info, lockfile_packages: value.packages });
  Object.defineProperty(pyodide, "lockfile", { value, configurable: true, enumerable: true, writable: true });
}

/// Connects Python's standard streams to the host's, byte by byte. `setStdin()` does so again.
function connectStreams(API, pyodide) {
  API.initializeStreams(() => null, writeNothing, writeNothing);
  const ours = { setStdin: reader, setStdout: () => writer(STANDARD_OUTPUT), setStderr: () => writer(STANDARD_ERROR) };
  for (const [name, make] of Object.entries(ours)) {
    const set = pyodide[name];
    pyodide[name] = (options = {}) => set(Object.values(options).some((value) => value !== undefined) ? options : make());
    pyodide[name]();
  }
}

function reader() {
  return {
    isatty: host.stdio_is_terminal(STANDARD_INPUT),
    read(buffer) {
      const bytes = orThrow(host.stdio_read(buffer.length));
      buffer.set(bytes);
      return bytes.length;
    },
  };
}

function writer(descriptor) {
  return {
    isatty: host.stdio_is_terminal(descriptor),
    write(buffer) {
      orThrow(host.stdio_write(descriptor, buffer));
      return buffer.length;
    },
  };
}

/// A result of the host, or the error whose name is in its place: the glue makes an
/// OSError of what has a `code`.
function orThrow(result) {
  if (typeof result === "string") {
    throw Object.assign(new Error(result), { code: result });
  }
  return result;
}

function writeLine(descriptor, line) {
  host.stdio_write(descriptor, new TextEncoder().encode(`${line}\n`));
}

function writeNothing() {}
