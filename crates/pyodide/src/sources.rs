//! The sources that run inside the isolate, as they ship in the binary.

/// One source file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// The name by which it is imported: a JavaScript module specifier, or a
    /// Python module name.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

/// The ES modules. `taipan:pyodide/loader` is the one to start from; all import
/// `taipan:host`, which the isolate provides.
pub const JAVASCRIPT: &[Source] = &[
    Source { name: "taipan:pyodide/immediate", text: include_str!("../js/immediate.js") },
    Source { name: "taipan:pyodide/layerfs", text: include_str!("../js/layerfs.js") },
    Source { name: "taipan:pyodide/loader", text: include_str!("../js/loader.js") },
    Source { name: "taipan:pyodide/quota", text: include_str!("../js/quota.js") },
    Source { name: "taipan:pyodide/runsync", text: include_str!("../js/runsync.js") },
];

/// The Python modules that the isolate adds to the standard library.
pub const PYTHON: &[Source] = &[];
