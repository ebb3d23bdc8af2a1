//! One worker: the snapshot that it starts from, and the isolates that answer its requests.
//!
//! [`Worker::start`] finds the snapshot of a worker in the cache, or runs its top level and takes one. Its pool resumes
//! isolates from that, one for each slot, and gives them requests; a slot is an actor. A script runs to its end
//! ([`run_script`]).

mod actor;
mod author;
mod code;
mod error;
mod held;
mod inspection;
mod interpreter;
mod isolates;
mod listed;
mod packages;
mod pool;
mod resumed;
mod script;
mod script_folder;
mod settings;
mod side_modules;
mod slot;
mod start;
mod top_level;
mod webassembly;
mod windows;
mod worker;

pub use code::{Code, PACKAGES_BYTES_MAX, from_directory, from_project, packages_of_project};
pub use error::Error;
pub use inspection::{
    Check, Made, ModuleSize, Owners, check_bundle, copy, create, cycles, glance, snapshot_of,
};
pub use interpreter::Interpreter;
pub use packages::{Packages, packages_path};
pub use script::{Mount, Program, Script, ScriptLimits, ScriptSignal, WritableMount, run_script};
pub use script_folder::{Modules, modules_of};
pub use settings::{Isolation, Limits, Network, PoolSettings, Settings};
pub use side_modules::SideModules;
pub use start::{SNAPSHOT_ENTRIES, SNAPSHOT_FILE};
pub use webassembly::{WEBASSEMBLY_ENTRIES, webassembly_prefix};
pub use worker::{Shown, Worker};
