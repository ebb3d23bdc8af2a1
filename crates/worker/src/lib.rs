//! One worker: set up, dispatch, stop.
//!
//! [`prepare`] makes a [`Bundle`] from a Pyodide release: links, compiles,
//! and has the guest's own Python compile the standard library. A [`Worker`]
//! runs a program's top level once, takes a snapshot, and answers requests in
//! isolates that are resumed from it; a script runs to its end ([`run_script`]).
//! An isolate is an actor: events go in, one at a time, on a thread of the
//! blocking pool.

mod actor;
mod author;
mod availability;
mod boot;
mod bundle;
mod clock;
mod code;
mod error;
mod events;
mod frozen;
mod health;
mod held;
mod inbox;
mod inspection;
mod instance;
mod limits;
mod log;
mod pool;
mod registry;
mod script;
mod script_folder;
mod slot;
mod snapshots;
mod streams;
mod top_level;
mod webassembly;
mod worker;

pub use bundle::{Bundle, bundle_id, find, prepare, release_of};
pub use code::{Code, from_directory, from_project};
pub use error::Error;
pub use inspection::{
    Created, ModuleSize, Owners, SnapshotFile, Standing, create, cycles, standing,
};
pub use limits::{Guard, Limits, check_address_space};
pub use log::{Log, Milestone, Record, ResumeTimes};
pub use pool::{Isolation, Settings as PoolSettings};
pub use registry::{ModuleKind, OwnModules};
pub use script::{Mount, Program, Script, ScriptLimits, Signal, WritableMount, run_script};
pub use script_folder::{Modules, modules_of};
pub use top_level::Network;
pub use webassembly::{WEBASSEMBLY_ENTRIES, webassembly_prefix};
pub use worker::{Incoming, Settings, Shown, Worker};

pub use taipan_guest::{Reason, THREAD_STACK_BYTES, bound_arenas, end_on_lost_pages, processor};
