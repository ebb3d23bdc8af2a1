//! A worker's configuration, read and checked.
//!
//! This crate only computes: text in, data out. It reads no file, no clock and
//! no environment; the `cli` hands it names and texts.
//!
//! ```text
//! names of files ──discover──► Source ──(the caller reads it)──► text
//! text ──parse──► Manifest + warnings ◄──complete_with── parse_pyproject ◄── text of pyproject.toml
//!                                     ◄──override_vars── parse_dev_vars ◄── text of .dev.vars
//! ```

mod bindings;
mod check;
mod date;
mod dev_vars;
mod discover;
mod error;
mod flags;
mod gates;
mod isolates;
mod keys;
mod limits;
mod location;
mod manifest;
mod modules;
mod packages;
mod reader;
mod requirements;
mod sourced;
mod taipan;
mod tree;
mod warning;

pub use bindings::Binding;
pub use check::{Checked, address, parse};
pub use date::Date;
pub use dev_vars::{DEV_VARS_FILE, DevVars, parse_dev_vars};
pub use discover::{CONFIGURATION_FILES, ENTRY_FILES, Source, discover, is_configuration};
pub use error::Error;
pub use flags::{Effect, FLAGS, Flag, Flags};
pub use gates::{GATES, Gate, gate};
pub use isolates::{Isolates, Isolation};
pub use limits::Limits;
pub use location::Location;
pub use manifest::{Dev, Manifest, RequiresPython};
pub use modules::{ModuleType, Modules, Rules};
pub use packages::PACKAGES_DIRECTORY;
pub use requirements::{REQUIREMENTS_FILE, requirements};
pub use taipan::{PYPROJECT_FILE, Pyproject, parse_pyproject};
pub use tree::Format;
pub use warning::Warning;
