//! What can go wrong in a guest, as its caller sees it.

use crate::control::reason::Reason;
use crate::js_error::JsError;

/// How wasmtime's text of an error begins, if the operating system refuses memory: wasmtime takes a text only.
pub(crate) const MEMORY_REFUSED: &str = "the operating system refuses memory: ";

/// A fault of an isolate, or of the code that was to become one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// JavaScript threw, and nothing caught it.
    #[error(transparent)]
    Exception(JsError),
    /// WebAssembly trapped, or wasmtime refused.
    #[error("WebAssembly stopped")]
    Wasm(#[source] wasmtime::Error),
    /// The engine itself stopped, in the midst of its work: JavaScript cannot go on.
    #[error("the JavaScript engine stopped")]
    Engine(#[source] wasmtime::Error),
    /// The guest named bytes that its memory does not have.
    #[error(
        "{length} bytes at address {address} are outside of the guest's memory of {size} bytes"
    )]
    OutOfBounds {
        /// The first address.
        address: u32,
        /// How many bytes were asked for.
        length: u32,
        /// The memory's size in bytes.
        size: usize,
    },
    /// The guest's memory is used up.
    #[error("the isolate is out of memory: {what}")]
    OutOfMemory {
        /// What could not be made.
        what: &'static str,
    },
    /// The program does not fit together: a module lacks an export, or nothing serves an import.
    #[error("{module} does not link: {what}")]
    Link {
        /// The module that cannot be linked.
        module: &'static str,
        /// What is missing or of the wrong type.
        what: String,
    },
    /// The isolate holds something that a snapshot cannot.
    #[error("a snapshot cannot hold {what}")]
    CannotSave {
        /// What it is.
        what: String,
    },
    /// A snapshot of another program, or one that is damaged.
    #[error("the snapshot does not belong to this program: {what} is missing or different")]
    Snapshot {
        /// What does not fit.
        what: String,
    },
    /// The kernel refuses to map an image.
    #[error("a memory image cannot be mapped")]
    Map {
        /// Why.
        source: std::io::Error,
    },
    /// The isolate was stopped from outside, and cannot be entered again.
    #[error("the isolate was stopped: {reason}")]
    Stopped {
        /// Why.
        reason: Reason,
    },
    /// A module has an instruction by which the host would touch the guest's memory.
    #[error("a module that could not be stopped")]
    Unstoppable(#[source] taipan_link::Error),
    /// The side module's `dylink.0` section does not say how to place it.
    #[error("the side module cannot be placed")]
    Dylink(#[source] taipan_link::Error),
}

impl Error {
    /// Whether the operating system refused something, as memory beyond a limit of its own.
    #[must_use]
    pub fn is_systems(&self) -> bool {
        match self {
            Self::Wasm(source) | Self::Engine(source) => {
                source.is::<std::io::Error>() || source.to_string().starts_with(MEMORY_REFUSED)
            }
            Self::Map { .. } => true,
            _ => false,
        }
    }

    /// What a host operation ended the isolate with ([`crate::Throw::fatal`]), if it was a `T`.
    #[must_use]
    pub fn ended_by<T: std::error::Error + Send + Sync + 'static>(&self) -> Option<&T> {
        match self {
            Self::Wasm(error) => error.downcast_ref(),
            _ => None,
        }
    }

    /// A trap of the engine, which WebAssembly that called it must not take for its own: frames of the engine were
    /// left without their clean-up, it cannot be entered again.
    pub(crate) fn engine_stopped(error: wasmtime::Error) -> wasmtime::Error {
        if error.is::<wasmtime::Trap>() { wasmtime::Error::new(Self::Engine(error)) } else { error }
    }
}

impl From<wasmtime::Error> for Error {
    fn from(error: wasmtime::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(error) => error,
            Err(error) => Self::Wasm(error),
        }
    }
}
