//! Boots CPython: loader, glue patches, file layers; what to capture and how to resume.
//!
//! The part that runs inside the isolate is JavaScript (`js/`) and Python
//! (`python/`); [`JAVASCRIPT`] and [`PYTHON`] hold their texts. This crate does
//! not run them: it knows bytes, and no engine.

mod error;
pub mod patches;
mod sources;

pub use error::Error;
pub use sources::{JAVASCRIPT, PYTHON, Source};
