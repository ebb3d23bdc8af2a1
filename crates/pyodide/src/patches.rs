//! Patches on the glue: what of `pyodide.asm.mjs` is not as we need it.
//!
//! The glue is Emscripten's output with the JavaScript half of Pyodide's bridge.
//! Most of what has to differ here is put in place from outside, by
//! `js/loader.js`, through the settings, the imports and the module object that
//! the glue works with. A patch is for what cannot be reached from there. Each is
//! a literal text that must occur exactly as often as it says, so that a new
//! release cannot lose one unnoticed.

use crate::Error;

/// One replacement in the text of the glue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patch {
    /// What the patch does, in a few words; errors call it by this.
    pub name: &'static str,
    /// Why the glue cannot stay as it is.
    pub reason: &'static str,
    /// The text to be replaced.
    pub find: &'static str,
    /// The text that takes its place.
    pub replace: &'static str,
    /// How often `find` occurs in the glue.
    pub count: usize,
}

/// The patches for release 314.0.7.
pub const PATCHES: &[Patch] = &[
    Patch {
        name: "random bytes from crypto",
        reason: "in a shell, for which the glue takes us, it runs `head` on /dev/urandom",
        find: "if(ENVIRONMENT_IS_SHELL){return view=>{",
        replace: "if(false){return view=>{",
        count: 1,
    },
    Patch {
        name: "no table slot for each export",
        reason: "it puts all 7,415 exported functions into the table, in case a shared object \
                 asks for one's address; `reportUndefinedSymbols` does so for those that are asked for",
        find: "updateGOT(origExports);",
        replace: "",
        count: 1,
    },
    Patch {
        name: "no shared memory",
        reason: "it makes a shared memory to sleep on while standard input says EAGAIN, which \
                 ours never says",
        find: "new Int32Array(new WebAssembly.Memory({shared:!0,initial:1,maximum:1}).buffer)",
        replace: "new Int32Array(1)",
        count: 1,
    },
    Patch {
        name: "strings for Python in one go",
        reason: "it looks at each character twice in JavaScript: 0.3 s for a MB",
        find: "function pn(t){let e=0,r=t.length,n=new Uint32Array(r),o=0;for(let l=0;l<r;l++){let \
               u=t.charCodeAt(l),d;if(u>=55296&&u<=56319){let p=t.charCodeAt(l+1);p>=56320&&p<=57343?\
               (d=(u-55296)*1024+(p-56320)+65536,l++):d=u}else d=u;n[o++]=d,e=d>e?d:e}let \
               i=_PyUnicode_New(o,e);if(i===0)throw new R;let s=_PyUnicode_Data(i);if(e>65535)for(let \
               l=0;l<o;l++)HEAPU32[(s>>>2)+l>>>0]=n[l];else if(e>255)for(let \
               l=0;l<o;l++)HEAPU16[(s>>>1)+l>>>0]=n[l];else for(let \
               l=0;l<o;l++)HEAPU8[(s>>>0)+l>>>0]=n[l];return i}",
        replace: "function pn(t){let m=Module.measureString(t),e=m%2097152,\
                  i=_PyUnicode_New((m-e)/2097152,e);if(i===0)throw new R;\
                  Module.copyString(t,HEAPU8,_PyUnicode_Data(i),e);return i}",
        count: 1,
    },
    Patch {
        name: "run_sync is there",
        reason: "Python asks once whether there is stack switching, and refuses `run_sync` else; \
                 `js/runsync.js` takes its place",
        find: ":()=>jspiSupported};",
        replace: ":()=>1};",
        count: 1,
    },
    Patch {
        name: "callPromising without stack switching",
        reason: "Python may block on any stack here (`js/runsync.js`), so a call that may block \
                 is an ordinary call on a later turn",
        find: "if(!Module.jspiSupported)throw new Error(\"WebAssembly stack switching not \
               supported in this JavaScript runtime\");",
        replace: "_Py_IncRef(t);await new Promise(d=>API.scheduleCallback(d,0));\
                  try{return xe(t,e,r)}finally{_Py_DecRef(t)}",
        count: 1,
    },
];

/// The glue with all of [`PATCHES`] applied.
///
/// # Errors
///
/// [`Error::Patch`] when a patch's text does not occur as often as it should: the
/// glue is of another release.
pub fn apply(glue: &str) -> Result<String, Error> {
    let mut patched = glue.to_owned();
    for patch in PATCHES {
        let found = patched.matches(patch.find).count();
        if found != patch.count {
            return Err(Error::Patch { name: patch.name, expected: patch.count, found });
        }
        patched = patched.replace(patch.find, patch.replace);
    }
    Ok(patched)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text in which each patch matches as often as in the glue.
    fn glue() -> String {
        PATCHES
            .iter()
            .map(|patch| format!("before;{}after\n", patch.find).repeat(patch.count))
            .collect()
    }

    #[track_caller]
    fn check(damage: impl FnOnce(String) -> String, expect: Result<(), &str>) {
        let outcome = apply(&damage(glue())).map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(outcome, expect.map_err(str::to_owned));
    }

    #[test]
    fn as_released() {
        check(|glue| glue, Ok(()));
    }

    #[test]
    fn changed_text() {
        check(
            |glue| glue.replace("updateGOT(origExports)", "updateGOT(exports)"),
            Err("patch \"no table slot for each export\" matches 0 times in the glue, not 1"),
        );
    }

    #[test]
    fn text_found_twice() {
        check(
            |glue| format!("{glue}{glue}"),
            Err("patch \"random bytes from crypto\" matches 2 times in the glue, not 1"),
        );
    }

    #[test]
    fn applied_before() {
        check(
            |glue| apply(&glue).unwrap(),
            Err("patch \"random bytes from crypto\" matches 0 times in the glue, not 1"),
        );
    }
}
