//! Boots CPython: loader, glue patches, file layers; what to capture and how to resume.
//!
//! The part that runs inside the isolate is JavaScript (`js/`) and Python
//! (`python/`); [`JAVASCRIPT`] and [`PYTHON`] hold their texts. The host's part
//! serves their operations, and some imports of the main module, in an isolate
//! of `guest`. Making and starting isolates is the work of `worker`.

mod changes;
mod clock;
mod descriptors;
mod error;
mod families;
mod folder;
mod frames;
mod generators;
pub mod import_table;
pub mod layer;
mod layers;
mod limits;
pub mod modules;
mod operations;
mod origins;
pub mod patches;
mod placement;
mod references;
mod rust_imports;
mod saved;
mod seeds;
mod snapshot_reply;
mod sources;
mod stat;
pub mod stdlib;
mod strings;

pub use error::Error;
pub use families::Family;
pub use folder::{FOLDER_OPERATIONS, Folder, Folders};
pub use frames::frames;
pub use generators::keep_generators;
pub use layers::{LayerBytes, Layers};
pub use limits::{set_collector, set_soft_stop};
pub use operations::{Ended, OPERATIONS, StandardStreams, Streams};
pub use origins::{LOCATE, PACKAGES_DIRECTORY, entropy, entropy_message};
pub use placement::placement;
pub use rust_imports::{MEMORY_BYTES_MAX, define};
pub use saved::{check, restore, save};
pub use snapshot_reply::{Failed, Prepared, outcome, prepared};
pub use sources::{JAVASCRIPT, PYTHON, Source};
pub use stat::mount_again;
