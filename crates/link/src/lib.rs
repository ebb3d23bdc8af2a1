//! The link step: WebAssembly in, WebAssembly out; knows no engine.
//!
//! Everything here is a function of bytes: no file system, no clock, no
//! engine. Nothing validates a module as a whole (the engine does that when it
//! compiles), but no input makes a function of this crate panic or use memory
//! out of proportion.

mod bulk;
mod dylink;
mod error;
mod exceptions;
mod fold;
mod globals;
mod imports;
mod link;
mod module;
mod names;
mod own;
mod room;
mod side;
mod state;
mod symbols;
mod touching;
mod window;
mod wrapper;

pub use bulk::check_stoppable;
pub use dylink::{Dylink, DylinkExport, DylinkFlags, DylinkImport, dylink};
pub use error::Error;
pub use exceptions::translate_exceptions;
pub use imports::{Import, ImportKind, Served, ServedBy, classify, imports};
pub use link::{Options, REVISION, Variant, link};
pub use side::{Exceptions, SideModule, check_exceptions, side_module};
pub use state::{Hidden, HiddenState, ImportName, RESERVED_PREFIX, hidden_state, import_export};
pub use window::{WINDOW_DATA_PREFIX, WINDOW_MODULE, WINDOW_START, window};
pub use wrapper::{Wrapper, WrapperType, wrapper_signature};
