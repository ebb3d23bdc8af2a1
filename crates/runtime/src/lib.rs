//! One isolate with Python, the web platform and an event loop.
//!
//! [`boot()`] boots Python in an isolate of a program; [`take`] takes it apart into a snapshot, and an [`IsolateImage`]
//! resumes isolates from that. What comes to an isolate are [`Event`]s, which it takes from an [`Inbox`]: they are handled
//! one at a time, on a thread that the isolate blocks ([`Instance::turn`]).
//!
//! This crate knows neither where a program comes from nor who gives it requests.

mod bindings;
mod boot;
mod call;
mod clock;
mod error;
mod event;
mod event_loop;
mod faults;
mod health;
mod image;
mod inbox;
mod instance;
mod limits;
mod log;
mod part;
mod parts;
mod recorded;
mod registry;
mod saved;
mod sections;
mod snapshot_file;
mod sources;
mod state;
mod streams;
mod world;

pub use bindings::{Binding, Bindings, saved_bindings};
pub use boot::{Boot, boot, on_large_stack};
pub use call::{Call, CallKind, Incoming, Lease, Scheduled};
pub use clock::{Machine, Virtual};
pub use error::{Error, guest, pyodide};
pub use event::{Availability, Event, Signal};
pub use faults::{fault, late};
pub use image::IsolateImage;
pub use inbox::Inbox;
pub use instance::Instance;
pub use limits::{Guard, check_address_space, impose, impose_on, stopped};
pub use log::{Log, Milestone, Record, ResumeTimes};
pub use part::{Part, PartError};
pub use parts::PARTS;
pub use recorded::{Recorded, SavedRecord};
pub use registry::{Javascript, ModuleKind, OwnModules, Registry, WORKER_DIRECTORY};
pub use saved::check_saved;
pub use sections::{Rest, take};
pub use snapshot_file::SnapshotFile;
pub use sources::PYTHON;
pub use streams::{Mute, ToLog};
pub use world::{Mount, Mounts, World};

pub use taipan_guest::{Reason, THREAD_STACK_BYTES, bound_arenas, end_on_lost_pages, processor};
