//! The sources that run inside the isolate, as they ship in the binary.

/// One source file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// The module specifier of a JavaScript module; the path of a Python file.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

/// The ES modules. `taipan:pyodide/loader` is the one to start from; all import
/// `taipan:host`, which the isolate provides.
pub const JAVASCRIPT: &[Source] = &[
    Source { name: "taipan:pyodide/devices", text: include_str!("../js/devices.js") },
    Source { name: "taipan:pyodide/folderfs", text: include_str!("../js/folderfs.js") },
    Source { name: "taipan:pyodide/immediate", text: include_str!("../js/immediate.js") },
    Source { name: "taipan:pyodide/interrupts", text: include_str!("../js/interrupts.js") },
    Source { name: "taipan:pyodide/layerfiles", text: include_str!("../js/layerfiles.js") },
    Source { name: "taipan:pyodide/layerfs", text: include_str!("../js/layerfs.js") },
    Source { name: "taipan:pyodide/loader", text: include_str!("../js/loader.js") },
    Source { name: "taipan:pyodide/overlay", text: include_str!("../js/overlay.js") },
    Source { name: "taipan:pyodide/procfs", text: include_str!("../js/procfs.js") },
    Source { name: "taipan:pyodide/quota", text: include_str!("../js/quota.js") },
    Source { name: "taipan:pyodide/reasons", text: include_str!("../js/reasons.js") },
    Source { name: "taipan:pyodide/runsync", text: include_str!("../js/runsync.js") },
    Source { name: "taipan:pyodide/sidemodules", text: include_str!("../js/sidemodules.js") },
    Source { name: "taipan:pyodide/snapshots", text: include_str!("../js/snapshots.js") },
    Source { name: "taipan:pyodide/systemcalls", text: include_str!("../js/systemcalls.js") },
    Source { name: "taipan:pyodide/values", text: include_str!("../js/values.js") },
];

/// The Python modules, by their path in the standard library, to which they are
/// added when its layer is made.
pub const PYTHON: &[Source] = &[
    Source { name: "_taipan/__init__.py", text: include_str!("../python/_taipan/__init__.py") },
    Source { name: "_taipan/absent.py", text: include_str!("../python/_taipan/absent.py") },
    Source { name: "_taipan/bootstrap.py", text: include_str!("../python/_taipan/bootstrap.py") },
    Source {
        name: "_taipan/compile_modules.py",
        text: include_str!("../python/_taipan/compile_modules.py"),
    },
    Source { name: "_taipan/cycles.py", text: include_str!("../python/_taipan/cycles.py") },
    Source { name: "_taipan/eventloop.py", text: include_str!("../python/_taipan/eventloop.py") },
    Source { name: "_taipan/futures.py", text: include_str!("../python/_taipan/futures.py") },
    Source {
        name: "_taipan/interpreter.py",
        text: include_str!("../python/_taipan/interpreter.py"),
    },
    Source { name: "_taipan/limits.py", text: include_str!("../python/_taipan/limits.py") },
    Source { name: "_taipan/randoms.py", text: include_str!("../python/_taipan/randoms.py") },
    Source { name: "_taipan/script.py", text: include_str!("../python/_taipan/script.py") },
    Source { name: "_taipan/snapshots.py", text: include_str!("../python/_taipan/snapshots.py") },
    Source {
        name: "_taipan/snapshot_sizes.py",
        text: include_str!("../python/_taipan/snapshot_sizes.py"),
    },
    Source { name: "_taipan/sockets.py", text: include_str!("../python/_taipan/sockets.py") },
    Source { name: "_taipan/tasks.py", text: include_str!("../python/_taipan/tasks.py") },
    Source { name: "_taipan/tracebacks.py", text: include_str!("../python/_taipan/tracebacks.py") },
    Source { name: "_taipan/values.py", text: include_str!("../python/_taipan/values.py") },
    Source { name: "taipan/__init__.py", text: include_str!("../python/taipan/__init__.py") },
];
