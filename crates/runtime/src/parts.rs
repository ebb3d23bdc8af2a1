//! The parts of the platform.

use crate::part::{Part, PartState};
use crate::sources::{JAVASCRIPT, PYTHON};
use crate::{event_loop, registry};

/// All of them, those first that others stand on.
pub const PARTS: [Part; 3] = [PYODIDE, WEBAPI, RUNTIME];

/// What boots CPython, and what it has of the host.
const PYODIDE: Part = Part {
    name: "pyodide",
    javascript: || taipan_pyodide::JAVASCRIPT.iter().map(|it| (it.name, it.text)).collect(),
    python: || taipan_pyodide::PYTHON.iter().map(|it| (it.name, it.text)).collect(),
    operations: &[taipan_pyodide::OPERATIONS, taipan_pyodide::FOLDER_OPERATIONS],
    state: Some(PartState {
        version: 1,
        save: |scope| Ok(taipan_pyodide::save(scope)?),
        check: |saved| Ok(taipan_pyodide::check(saved)?),
        restore: |scope, saved| Ok(taipan_pyodide::restore(scope, saved)?),
    }),
};

/// The web platform.
const WEBAPI: Part = Part {
    name: "webapi",
    javascript: || taipan_webapi::JAVASCRIPT.iter().map(|it| (it.name, it.text)).collect(),
    python: Vec::new,
    operations: &[taipan_webapi::OPERATIONS],
    state: Some(PartState {
        version: 1,
        save: |scope| Ok(taipan_webapi::save(scope)?),
        check: |saved| Ok(taipan_webapi::check(saved)?),
        restore: |scope, saved| Ok(taipan_webapi::restore(scope, saved)?),
    }),
};

/// What starts a worker, its event loop and its modules. What it keeps is a section of its own (`sections.rs`).
const RUNTIME: Part = Part {
    name: "runtime",
    javascript: || JAVASCRIPT.to_vec(),
    python: || PYTHON.to_vec(),
    operations: &[event_loop::OPERATIONS, registry::OPERATIONS],
    state: None,
};
