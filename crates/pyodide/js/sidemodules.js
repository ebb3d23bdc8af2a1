// What Emscripten's dynamic linker needs of us: the side modules, which were compiled at set-up, and addresses in the
// global offset table (https://github.com/WebAssembly/tool-conventions/blob/main/DynamicLinking.md).

import { isReplaced } from "taipan:pyodide/overlay";

/// The file of a library: where it says it is, or else in a directory of `LD_LIBRARY_PATH`, where glues up to 0.27 do
/// not look; undefined if it is in none.
function find({ FS, ENV }, path) {
  const directories = path.startsWith("/") ? [] : (ENV.LD_LIBRARY_PATH ?? "").split(":");
  return [path, ...directories.map((directory) => `${directory}/${path}`)].find((path) => FS.analyzePath(path).exists);
}

const isLoading = ({ exports }) => exports === "loading";

/// Whether an address of the global offset table is known. The glue has 0 for one that is not, later releases -1.
const isKnown = ({ value }) => value > 0;

const REMEDY = "install the package that has it, or a wheel that is built for this release of Pyodide";

/// Gives the glue's dynamic linker what it asks for, by patches on the glue as properties of `module`.
/// `webAssembly` is of `taipan:webassembly`; `end` ends the interpreter and says why.
export function serveSideModules(module, imports, webAssembly, end) {
  /// The exports of all side modules, in the order in which they were loaded; of which module they are, and which
  /// addresses of the global offset table are theirs.
  const loaded = new Map();
  const { LinkError } = WebAssembly;

  module.sideModule = (path) => {
    const file = find(module, path);
    if (file !== undefined) {
      // A link is the file that it names.
      const { node } = module.FS.lookupPath(file, { follow: true });
      const found = module.FS.getPath(node);
      if (isReplaced(node)) {
        throw new WebAssembly.CompileError(`${found} was written over, and no code is compiled while a program runs`);
      }
      return webAssembly.compiledModule(found);
    }
    const loading = Object.values(module.LDSO.loadedLibsByName).filter(isLoading);
    // The last one is this library itself.
    const needing = loading.at(-2)?.name;
    throw new LinkError(`the shared library ${path}${needing ? `, which ${needing} needs,` : ""} is not there: ${REMEDY}`);
  };

  /// The `address` of `bytes` of memory that `path` asks for, if there is room.
  module.room = (address, bytes, path) => {
    if (address !== 0) return address;
    throw new RangeError(`${path} asks for ${bytes} bytes of memory, and there is no room for them`);
  };

  module.clear = (address, bytes) => module.HEAPU8.fill(0, address, address + bytes);

  /// Sets what a new side module asks for and others define: the main module, then side modules in their order.
  module.fillOffsets = (path, sideModule, offsets, exports, { updateGOT, resolveGlobalSymbol }) => {
    const given = [];
    loaded.set(exports, { sideModule, given });
    const missing = new Set();
    for (const { module: namespace, name } of WebAssembly.Module.imports(sideModule)) {
      // The glue itself looks in the main module.
      if (!namespace.startsWith("GOT.") || isKnown(offsets[name]) || resolveGlobalSymbol(name, true).sym) continue;
      const definer = definerOf(name);
      if (definer !== undefined) {
        updateGOT({ [name]: definer[name] });
        if (definer === exports) given.push(name);
      } else if (offsets[name].required) {
        missing.add(`\`${name}\``);
      }
    }
    if (missing.size > 0) {
      throw new LinkError(`${path} asks for the address of ${[...missing].join(", ")}, which no module defines: ${REMEDY}`);
    }
  };

  const definerOf = (name) => {
    for (const exports of loaded.keys()) {
      if (name in exports) return exports;
    }
    return undefined;
  };

  /// The function that `path` calls, and that was not there yet when it was loaded.
  module.lateFunction = (path, name) => {
    const found = definerOf(name)?.[name];
    if (found === undefined) end(`${path} calls the function \`${name}\`, which no module defines: ${REMEDY}`);
    return found;
  };

  module.functionsInTable = (table) => ({
    /// Where JavaScript's own functions were put.
    own: new WeakMap(),
    get(value) {
      return this.own.get(value) ?? webAssembly.placeInTable(table, value);
    },
    set(value, place) {
      this.own.set(value, place);
    },
    delete(value) {
      this.own.delete(value);
    },
  });

  /// Forgets the modules that could not be loaded, and what they asked for and gave: it would be in the way of others.
  module.forgetUnfinished = () => {
    const { LDSO, GOT } = module;
    for (const libraries of [LDSO.loadedLibsByName, LDSO.loadedLibsByHandle]) {
      for (const key in libraries) {
        if (isLoading(libraries[key])) delete libraries[key];
      }
    }
    const finished = new Set(Object.values(LDSO.loadedLibsByName).map(({ exports }) => exports));
    for (const [exports, { given }] of loaded) {
      if (finished.has(exports)) continue;
      loaded.delete(exports);
      for (const name of given) {
        // Another module may have asked for it, and can do without.
        GOT[name].value = 0;
        delete GOT[name];
      }
    }
    for (const name in GOT) {
      if (GOT[name].required && !isKnown(GOT[name])) delete GOT[name];
    }
  };

  // An export that no side module asks for is there once it is looked up.
  const lookUp = imports.env._dlsym_js;
  imports.env._dlsym_js = (handle, symbol, index) => {
    const exports = module.LDSO.loadedLibsByHandle[handle]?.exports;
    const name = module.UTF8ToString(symbol);
    if (loaded.has(exports) && !(name in exports)) {
      const found = webAssembly.sideExport(loaded.get(exports).sideModule, name);
      if (found !== undefined) exports[name] = found;
    }
    return lookUp(handle, symbol, index);
  };
}
