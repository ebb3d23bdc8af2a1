//! What this crate does with a real Pyodide release.

mod glue;
mod imports;
mod release;
mod stdlib;
