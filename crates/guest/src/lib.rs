//! One isolate: store, memory mapping, calls across, the WebAssembly JavaScript interface.
//!
//! This crate knows neither Python nor Workers. A [`Program`] is what all
//! isolates of a kind share; an [`Isolate`] is one guest, in whose memory the
//! JavaScript engine lives; a [`Scope`] is the isolate, entered; host
//! operations are declared as [`Operation`]s.

mod address_space;
mod arenas;
mod capture;
mod code;
mod compiled;
mod control;
mod data;
mod engine;
mod engine_imports;
mod error;
mod exception;
mod function;
mod handle;
mod host;
mod host_memory;
mod isolate;
mod javascript;
mod js_error;
mod limits;
mod lost_page;
mod mapping;
mod memory;
mod modules;
mod operation;
mod origin;
mod processor;
mod program;
mod reference;
mod resume;
mod scope;
mod state;
mod thread_clock;
mod trampoline;
mod value;
mod webassembly;

pub use address_space::{Shortage, address_space_shortage};
pub use arenas::{bound_arenas, trim_arenas};
pub use code::{compile, load, map};
pub use compiled::{CompiledModule, Digest, digest};
pub use control::reason::Reason;
pub use control::{Control, CpuLimit, GRACE, SoftStop, Turn, Watchdog};
pub use engine::{STACK_BYTES_MAX, THREAD_STACK_BYTES, engine, fingerprint, processor};
pub use error::Error;
pub use handle::Handle;
pub use host::{Extensions, Host};
pub use host_memory::{Held, HostMemory, NoRoom};
pub use isolate::{Isolate, SourceType};
pub use js_error::JsError;
pub use lost_page::end_on_lost_pages;
pub use mapping::Run;
pub use modules::{ModuleRecord, Modules, join};
pub use operation::{Call, Operation, Output, Throw};
pub use program::{Parts, Program};
pub use reference::Reference;
pub use resume::Image;
pub use scope::{Argument, Collector, Scope};
pub use state::recorded::{Origin, Place, Taken};
pub use state::resume_times::ResumeTimes;
pub use state::{Locate, State};
pub use webassembly::SOURCE as JAVASCRIPT;

pub use wasmtime::Engine;

/// The linker that takes imports served in Rust.
pub type Linker = wasmtime::Linker<State>;
/// What such an import is called with.
pub type NativeCaller<'a> = wasmtime::Caller<'a, State>;
/// What such an import returns; an error ends the isolate.
pub type NativeResult<T> = wasmtime::Result<T>;
/// What defining such imports returns.
pub type DefineResult = wasmtime::Result<()>;
