// What Emscripten's dynamic linker needs of us: the side modules, which were compiled at set-up, and addresses in the
// global offset table (https://github.com/WebAssembly/tool-conventions/blob/main/DynamicLinking.md).

/// The file of a library: where it says it is, or else in a directory of `LD_LIBRARY_PATH`, where glues up to 0.27 do
/// not look.
function find({ FS, ENV }, path) {
  if (path.startsWith("/") || FS.analyzePath(path).exists) return path;
  const directories = (ENV.LD_LIBRARY_PATH ?? "").split(":").map((directory) => `${directory}/${path}`);
  return directories.find((path) => FS.analyzePath(path).exists) ?? path;
}

/// Gives the glue's dynamic linker what it asks for, by patches on the glue as properties of `module`.
/// `webAssembly` is of `taipan:webassembly`.
export function serveSideModules(module, imports, webAssembly) {
  /// The exports of all side modules, in the order in which they were loaded, and of which module they are.
  const loaded = new Map();

  module.sideModule = (path) => {
    const { node, path: found } = module.FS.lookupPath(find(module, path));
    if (node?.changed) {
      throw new WebAssembly.CompileError(`${found} was written over, and no code is compiled while a program runs`);
    }
    return webAssembly.compiledModule(found);
  };

  module.clear = (address, bytes) => module.HEAPU8.fill(0, address, address + bytes);

  /// Sets what a new side module asks for and others define: the main module, then side modules in their order.
  module.fillOffsets = (sideModule, offsets, exports, { updateGOT, resolveGlobalSymbol }) => {
    loaded.set(exports, sideModule);
    for (const { module: namespace, name } of WebAssembly.Module.imports(sideModule)) {
      // The glue itself looks in the main module.
      if (!namespace.startsWith("GOT.") || offsets[name].value > 0 || resolveGlobalSymbol(name, true).sym) continue;
      for (const exports of loaded.keys()) {
        if (!(name in exports)) continue;
        updateGOT({ [name]: exports[name] });
        break;
      }
    }
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

  module.forgetUnfinished = (libraries) => {
    for (const name in libraries) {
      if (libraries[name].exports === "loading") delete libraries[name];
    }
  };

  // An export that no side module asks for is there once it is looked up.
  const lookUp = imports.env._dlsym_js;
  imports.env._dlsym_js = (handle, symbol, index) => {
    const exports = module.LDSO.loadedLibsByHandle[handle]?.exports;
    const name = module.UTF8ToString(symbol);
    if (loaded.has(exports) && !(name in exports)) {
      const found = webAssembly.sideExport(loaded.get(exports), name);
      if (found !== undefined) exports[name] = found;
    }
    return lookUp(handle, symbol, index);
  };
}
