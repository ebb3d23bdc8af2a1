//! What this crate does with a real Pyodide release.

mod glue;
mod release;
mod stdlib;
