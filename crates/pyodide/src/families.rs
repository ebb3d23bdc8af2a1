//! What differs between Pyodide's releases: one family for those that boot in the same way.
//!
//! All that differs is data, here: the patches on the glue. `js/loader.js` and
//! `python/` serve every family; where they have to ask, they ask for what is
//! there, not for a version.

use crate::Error;
use crate::patches::Patch;

/// Releases that boot in the same way.
#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    /// The first two numbers of their versions, or the first.
    versions: &'static [&'static str],
    /// What of their glue has to be otherwise.
    groups: &'static [&'static [Patch]],
}

impl Family {
    /// The family of a version of Pyodide.
    ///
    /// # Errors
    ///
    /// [`Error::Family`] when no family has it.
    pub fn of(version: &str) -> Result<&'static Self, Error> {
        let is_of =
            |prefix: &&str| version.strip_prefix(*prefix).is_some_and(|rest| rest.starts_with('.'));
        FAMILIES
            .iter()
            .find(|family| family.versions.iter().any(is_of))
            .ok_or_else(|| Error::Family { version: version.to_owned() })
    }

    /// The patches on the glue, in the order in which they are applied.
    #[must_use]
    pub fn patches(&self) -> Vec<Patch> {
        self.groups.concat()
    }
}

const FAMILIES: &[Family] = &[
    Family {
        versions: &["314", "315"],
        groups: &[
            ALL,
            &[RANDOM, EXPORTS_OUT_OF_TABLE, STRINGS, GLUE_FRAMES],
            &[SIDE_MODULES, SIDE_EXPORTS_OUT_OF_TABLE, FAILED_LOADS],
        ],
    },
    Family {
        versions: &["0.29"],
        groups: &[
            ALL,
            RELOCATABLE,
            &[
                NO_MEMORY_YET,
                NO_TABLE_YET,
                MEMORY_OF_MAIN,
                RANDOM,
                STRINGS_BY_CHARACTER,
                NO_SCRIPTS,
            ],
            &[SIDE_MODULES],
        ],
    },
    Family {
        versions: &["0.28"],
        groups: &[
            ALL,
            RELOCATABLE,
            &[NO_MEMORY_YET, NO_TABLE_YET, MEMORY_OF_MAIN, RANDOM, STRINGS_BY_CHARACTER],
            &[NO_ENVIRONMENT, SIDE_MODULES],
        ],
    },
    Family {
        versions: &["0.27"],
        groups: &[ALL, RELOCATABLE, OLD, &[STRINGS_BY_CHARACTER, NO_ENVIRONMENT]],
    },
    Family {
        versions: &["0.26"],
        groups: &[ALL, RELOCATABLE, OLD, &[STRINGS_BY_CHARACTER_OLD, NO_ENVIRONMENT]],
    },
];

/// Of every release.
const ALL: &[Patch] = &[
    SLEEP,
    RUN_SYNC,
    CALL_PROMISING,
    PLATFORM_FRAMES,
    FUNCTIONS_IN_TABLE,
    FUNCTIONS_OF_MODULE,
    ROOM,
    LATE_FUNCTIONS,
];

/// Of those whose main module can be relocated.
const RELOCATABLE: &[Patch] = &[
    MODULE,
    RELOCATED_BEFORE,
    RELOCATED_EXPORTS,
    RELOCATED_EXPORTS_OUT_OF_TABLE,
    NO_GRAPHICS,
    GLUE_FRAMES_OLD,
    HELD_CALLABLE,
    HELD_ITERATOR,
    SIDE_EXPORTS_OUT_OF_TABLE_OLD,
    FAILED_LOADS_OLD,
];

/// Of those whose glue has another Emscripten's (3.1.58) form.
const OLD: &[Patch] = &[
    SETTINGS_ARE_MODULE,
    NO_MEMORY_YET_OLD,
    NO_TABLE_YET_OLD,
    MEMORY_OF_MAIN_OLD,
    SIDE_MODULES_OLD,
];

const RANDOM: Patch = Patch {
    name: "random bytes from crypto",
    reason: "in a shell, for which the glue takes us, it runs `head` on /dev/urandom",
    find: "if(ENVIRONMENT_IS_SHELL){return view=>{",
    replace: "if(false){return view=>{",
    count: 1,
};

const EXPORTS_OUT_OF_TABLE: Patch = Patch {
    name: "no table slot for each export",
    reason: "it puts all 7,415 exported functions into the table, in case a shared object \
             asks for one's address; `reportUndefinedSymbols` does so for those that are asked for",
    find: "updateGOT(origExports);",
    replace: "",
    count: 1,
};

const SIDE_MODULES: Patch = Patch {
    name: "side modules that were compiled at set-up",
    reason: "an isolate generates no code, and what libc has read of the file would be in snapshots",
    find: "function loadLibData(){if(handle){var data=HEAPU32[handle+28>>>2>>>0];var \
           dataSize=HEAPU32[handle+32>>>2>>>0];if(data&&dataSize){var libData=HEAP8.slice(data,data+dataSize);\
           return flags.loadAsync?Promise.resolve(libData):libData}}var f=findLibraryFS(libName,flags.rpath);\
           if(f){var libData=FS.readFile(f,{encoding:\"binary\"});",
    replace: "function loadLibData(){if(handle){Module.clear(HEAPU32[handle+28>>>2>>>0],\
              HEAPU32[handle+32>>>2>>>0])}{var \
              libData=Module.sideModule(findLibraryFS(libName,flags.rpath)??libName);",
    count: 1,
};

const SIDE_MODULES_OLD: Patch = Patch {
    find: "if(!libData&&flags.fs&&flags.fs.findObject(libName)){libData=flags.fs.readFile(libName,{\
           encoding:\"binary\"});if(!(libData instanceof Uint8Array)){libData=new Uint8Array(libData)}}",
    replace: "libData=Module.sideModule(libName);",
    ..SIDE_MODULES
};

const SIDE_EXPORTS_OUT_OF_TABLE: Patch = Patch {
    find: "updateGOT(moduleExports);",
    replace: "Module.fillOffsets(libName,module,GOT,moduleExports,{updateGOT,resolveGlobalSymbol});",
    ..EXPORTS_OUT_OF_TABLE
};

const SIDE_EXPORTS_OUT_OF_TABLE_OLD: Patch = Patch {
    find: "moduleExports=relocateExports(instance.exports,memoryBase);",
    replace: "moduleExports=relocateExports(instance.exports,memoryBase,Module);\
              Module.fillOffsets(libName,module,GOT,moduleExports,{updateGOT,resolveGlobalSymbol});",
    ..EXPORTS_OUT_OF_TABLE
};

const FUNCTIONS_IN_TABLE: Patch = Patch {
    name: "places of functions in the table",
    reason: "it makes a JavaScript function of every element, 40,000 with scikit-learn, to find out \
             which is where; the host knows",
    find: "functionsInTableMap=new WeakMap;updateTableMap(0,wasmTable.length)",
    replace: "functionsInTableMap=Module.functionsInTable(wasmTable)",
    count: 1,
};

const FUNCTIONS_OF_MODULE: Patch = Patch {
    find: "updateTableMap(tableBase,metadata.tableSize);",
    replace: "",
    ..FUNCTIONS_IN_TABLE
};

const FAILED_LOADS: Patch = Patch {
    name: "a side module that could not be loaded is not there",
    reason: "the glue takes it for loaded the next time, and finds no symbol in it; what it asked for \
             stays undefined in the global offset table, where the glue finds it at each later load",
    find: "catch(e){dlSetError(`could not load dynamic lib: ${filename}\\n${e}`);return 0}",
    replace: "catch(e){Module.forgetUnfinished();\
              dlSetError(`could not load dynamic lib: ${filename}\\n${e}`);return 0}",
    count: 1,
};

const FAILED_LOADS_OLD: Patch = Patch {
    find: "catch(e){dlSetError(`Could not load dynamic lib: ${filename}\\n${e}`);return 0}",
    ..FAILED_LOADS
};

const ROOM: Patch = Patch {
    name: "memory for a side module, or an error",
    reason: "without memory it places the module at address 0, and up to 0.27 it clears the main module's data there",
    find: "getMemory(metadata.memorySize+memAlign)",
    replace: "Module.room(_calloc(metadata.memorySize+memAlign,1),metadata.memorySize,libName)",
    count: 1,
};

const LATE_FUNCTIONS: Patch = Patch {
    name: "functions that nobody has are named",
    reason: "its error ends the interpreter without a word of the module that calls",
    find: "throw new Error(`Dynamic linking error: cannot resolve symbol ${prop}`)",
    replace: "resolved=Module.lateFunction(libName,prop)",
    count: 1,
};

const HELD_CALLABLE: Patch = Patch {
    name: "a callable that JavaScript drops is freed",
    reason: "up to 0.29 the callback of its registry looks for `ptr` in an array, and frees nothing",
    find: "register(wrapper,[obj,undefined],wrapper)",
    replace: "register(wrapper,{ptr:obj},wrapper)",
    count: 1,
};

const HELD_ITERATOR: Patch = Patch {
    name: "an iterator that JavaScript drops is freed",
    find: "finalizationRegistry.register(«o»,[«n»,void 0],«t»)",
    replace: "finalizationRegistry.register(«o»,{ptr:«n»},«t»)",
    count: 2,
    ..HELD_CALLABLE
};

const SLEEP: Patch = Patch {
    name: "no shared memory",
    reason: "it makes a shared memory to sleep on while standard input says EAGAIN, which \
             ours never says",
    find: "new Int32Array(new WebAssembly.Memory({shared:!0,initial:1,maximum:1}).buffer)",
    replace: "new Int32Array(1)",
    count: 1,
};

const STRINGS: Patch = Patch {
    name: "strings for Python in one go",
    reason: "it looks at each character twice in JavaScript: 0.3 s for a MB",
    find: "function «f»(t){let e=0,r=t.length,n=new Uint32Array(r),o=0;for(let l=0;l<r;l++){let \
           u=t.charCodeAt(l),d;if(u>=55296&&u<=56319){let p=t.charCodeAt(l+1);p>=56320&&p<=57343?\
           (d=(u-55296)*1024+(p-56320)+65536,l++):d=u}else d=u;n[o++]=d,e=d>e?d:e}let \
           i=_PyUnicode_New(o,e);if(i===0)throw new «E»;let s=_PyUnicode_Data(i);if(e>65535)for(let \
           l=0;l<o;l++)HEAPU32[(s>>>2)+l>>>0]=n[l];else if(e>255)for(let \
           l=0;l<o;l++)HEAPU16[(s>>>1)+l>>>0]=n[l];else for(let \
           l=0;l<o;l++)HEAPU8[(s>>>0)+l>>>0]=n[l];return i}",
    replace: "function «f»(t){let m=Module.measureString(t),e=m%2097152,\
              i=_PyUnicode_New((m-e)/2097152,e);if(i===0)throw new «E»;\
              Module.copyString(t,HEAPU8,_PyUnicode_Data(i),e);return i}",
    count: 1,
};

const STRINGS_BY_CHARACTER: Patch = Patch {
    find: "function «f»(t){let e=0,r=[];for(let s of t){let l=s.codePointAt(0);r.push(l),e=l>e?l:e}let \
           n=r.length,o=_PyUnicode_New(n,e);if(o===0)throw new «E»;let \
           «i»=_PyUnicode_Data(o);if(e>65535)for(let s=0;s<n;s++)HEAPU32[(«i»>>2)+s>>>0]=r[s];else \
           if(e>255)for(let s=0;s<n;s++)HEAPU16[(«i»>>1)+s>>>0]=r[s];else for(let \
           s=0;s<n;s++)HEAPU8[«i»+s>>>0]=r[s];return o}",
    ..STRINGS
};

const STRINGS_BY_CHARACTER_OLD: Patch = Patch {
    find: "function «f»(r){let e=0,t=0;for(let a of r){t++;let s=a.codePointAt(0);e=s>e?s:e}let \
           n=_PyUnicode_New(t,e);if(n===0)throw new «E»;let o=_PyUnicode_Data(n);if(e>65535)for(let a \
           of r)HEAPU32[o/4]=a.codePointAt(0),o+=4;else if(e>255)for(let a of \
           r)HEAPU16[o/2]=a.codePointAt(0),o+=2;else for(let a of \
           r)HEAPU8[o]=a.codePointAt(0),o+=1;return n}",
    ..STRINGS
};

const RUN_SYNC: Patch = Patch {
    name: "run_sync is there",
    reason: "Python asks once whether there is stack switching, and refuses `run_sync` else; \
             `js/runsync.js` takes its place",
    find: ":()=>jspiSupported};",
    replace: ":()=>1};",
    count: 1,
};

const CALL_PROMISING: Patch = Patch {
    name: "callPromising without stack switching",
    reason: "Python may block on any stack here (`js/runsync.js`), so a call that may block \
             is an ordinary call on a later turn",
    find: "}«n»(«call»,\"callPyObjectKwargs\");async function «f»(«p»,«q»,«r»){\
           if(!Module.jspiSupported)throw new Error(\"WebAssembly stack switching not \
           supported in this JavaScript runtime\");",
    replace: "}«n»(«call»,\"callPyObjectKwargs\");async function «f»(«p»,«q»,«r»){\
              _Py_IncRef(«p»);await new Promise(d=>API.scheduleCallback(d,0));\
              try{return API.inOwnContext(()=>«call»(«p»,«q»,«r»))}finally{_Py_DecRef(«p»)}",
    count: 1,
};

const GLUE_FRAMES: Patch = Patch {
    name: "frames of the glue by its name here",
    reason: "a traceback that goes through JavaScript leaves out the glue's own frames, which it \
             knows by the name of its file",
    find: ".includes(\"pyodide.asm.mjs\"))return!1;",
    replace: ".startsWith(\"taipan:pyodide/\"))return!1;",
    count: 1,
};

const GLUE_FRAMES_OLD: Patch =
    Patch { find: ".includes(\"pyodide.asm.js\"))return!1;", ..GLUE_FRAMES };

const PLATFORM_FRAMES: Patch = Patch {
    name: "no frames of the platform",
    reason: "what the author of a worker calls is `fetch`, which other engines have no frame of; \
             and they have none of `apply`, by which the glue calls a function",
    find: ";for(let o of «r»){if(«p»(o))break;",
    replace: ";for(let o of «r»){if(«p»(o)){break}if(/^(taipan:|\\(native\\))/.test(o.fileName))continue;",
    count: 1,
};

const NO_SCRIPTS: Patch = Patch {
    name: "no scripts of a shell",
    reason: "a shell, for which the glue takes us, has a function `load`",
    find: "else if(«d».IN_SHELL)«f»=load;",
    replace: "else if(«d».IN_SHELL)«f»=()=>{throw new Error(\"no script can be loaded here\")};",
    count: 1,
};

const NO_ENVIRONMENT: Patch = Patch {
    name: "an environment that it does not know",
    reason: "it refuses to start in one, for want of a function that loads scripts",
    find: "else if(«q»)«f»=«l»;else throw new Error(\"Cannot determine runtime environment\");",
    replace: "else if(«q»)«f»=«l»;",
    count: 1,
};

const MODULE: Patch = Patch {
    name: "an ES module",
    reason: "the glue is a script that sets a property of the global object",
    find: "globalThis._createPyodideModule = _createPyodideModule;",
    replace: "export default _createPyodideModule;",
    count: 1,
};

const SETTINGS_ARE_MODULE: Patch = Patch {
    name: "the settings become the module object",
    reason: "the loader looks for what the glue adds in what it gave, as later releases have it",
    find: "var Module=Object.assign({},moduleArg);",
    replace: "var Module=moduleArg;",
    count: 1,
};

const NO_MEMORY_YET: Patch = Patch {
    name: "no memory before there is the main module",
    reason: "it makes the memory that the main module imports; ours has its own (crate `link`)",
    find: "{initMemory();",
    replace: "{",
    count: 1,
};

const NO_MEMORY_YET_OLD: Patch = Patch {
    find: "if(Module[\"wasmMemory\"]){wasmMemory=Module[\"wasmMemory\"]}else{var \
           INITIAL_MEMORY=Module[\"INITIAL_MEMORY\"]||20971520;wasmMemory=new WebAssembly.Memory({\
           \"initial\":INITIAL_MEMORY/65536,\"maximum\":«n»/65536})}updateMemoryViews();",
    replace: "",
    ..NO_MEMORY_YET
};

const NO_TABLE_YET: Patch = Patch {
    name: "no table before there is the main module",
    reason: "it makes the table that the main module imports; ours has its own (crate `link`)",
    find: "var wasmTable=new WebAssembly.Table({initial:«n»,element:\"anyfunc\"});",
    replace: "var wasmTable;",
    count: 1,
};

const NO_TABLE_YET_OLD: Patch = Patch {
    find: "var wasmTable=new WebAssembly.Table({\"initial\":«n»,\"element\":\"anyfunc\"});\
           Module[\"wasmTable\"]=wasmTable;",
    ..NO_TABLE_YET
};

const MEMORY_OF_MAIN_OLD: Patch = Patch {
    replace: "{wasmExports=instance.exports;wasmMemory=wasmImports.memory=wasmExports.memory;\
              Module[\"wasmTable\"]=wasmTable=wasmImports.__indirect_function_table=\
              wasmExports.__indirect_function_table;updateMemoryViews();\
              wasmExports=relocateExports(",
    ..MEMORY_OF_MAIN
};

const MEMORY_OF_MAIN: Patch = Patch {
    name: "memory, table and tags of the main module",
    reason: "the main module has its own (crate `link`); later releases are built like this",
    find: "{wasmExports=instance.exports;wasmExports=relocateExports(",
    replace: "{wasmExports=instance.exports;wasmMemory=wasmImports.memory=wasmExports.memory;\
              wasmTable=wasmImports.__indirect_function_table=wasmExports.__indirect_function_table;\
              ___cpp_exception=wasmImports.__cpp_exception=wasmExports.__cpp_exception;\
              ___c_longjmp=wasmImports.__c_longjmp=wasmExports.__c_longjmp;updateMemoryViews();\
              wasmExports=relocateExports(",
    count: 1,
};

const RELOCATED_BEFORE: Patch = Patch {
    name: "addresses in the main module's data once",
    reason: "they are there since the module was instantiated, and some have changed since: the \
             JavaScript engine allocates from the same heap",
    find: "__RELOC_FUNCS__.push(wasmExports[\"__wasm_apply_data_relocs\"]);",
    replace: "",
    count: 1,
};

const NO_GRAPHICS: Patch = Patch {
    name: "no OpenGL",
    reason: "each of its 274 functions would become a WebAssembly function in the table, which costs \
             every resume; `js/loader.js` does the same for later releases",
    find: "for(var[symName,entry]of Object.entries(GOT)){if(entry.value==0){",
    replace: "for(var[symName,entry]of Object.entries(GOT)){if(entry.value==0&&!symName.startsWith(\"emscripten_gl\")){",
    count: 1,
};

const RELOCATED_EXPORTS: Patch = Patch {
    name: "the main module's exports are told apart",
    reason: "for the next patch",
    find: "wasmExports=relocateExports(wasmExports,1024);",
    replace: "wasmExports=relocateExports(wasmExports,1024,Module);",
    count: 1,
};

const RELOCATED_EXPORTS_OUT_OF_TABLE: Patch = Patch {
    find: "updateGOT(relocated,replace);",
    replace: "if(replace!==Module){updateGOT(relocated, replace)}",
    ..EXPORTS_OUT_OF_TABLE
};

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(version: &str, first: Option<&str>) {
        let family = Family::of(version).ok();
        assert_eq!(family.map(|family| family.versions[0]), first);
    }

    #[test]
    fn versions() {
        check("314.0.7", Some("314"));
        check("315.0.0-alpha.2", Some("314"));
        check("0.29.5", Some("0.29"));
        check("0.2.5", None);
        check("3140.1", None);
        check("314", None);
        check("", None);
    }

    #[test]
    fn each_version_once() {
        let mut versions: Vec<_> = FAMILIES.iter().flat_map(|family| family.versions).collect();
        let count = versions.len();
        versions.sort_unstable();
        versions.dedup();
        assert_eq!(versions.len(), count);
    }
}
