//! What can go wrong with a worker or a script.

use std::borrow::Cow;
use std::path::PathBuf;

/// Why a worker does not start, or a script does not end by itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An isolate.
    #[error(transparent)]
    Runtime(#[from] taipan_runtime::Error),
    /// The bundle.
    #[error(transparent)]
    Bundle(#[from] taipan_bundle::Error),
    /// The cache.
    #[error(transparent)]
    Store(#[from] taipan_store::Error),
    /// A file that cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// More bytes than a directory may have that a worker sees.
    #[error("{} holds more than {maximum} bytes", path.display())]
    TooLarge {
        /// The directory.
        path: PathBuf,
        /// The limit, in bytes.
        maximum: u64,
    },
    /// A warm-up request was not answered.
    #[error("the worker does not start: the warm-up request {path} fails: {message}")]
    Warmup {
        /// The path of the request.
        path: String,
        /// The last line of the traceback, or what was wrong.
        message: String,
        /// The traceback, cut to the user's frames; empty when there is none.
        traceback: String,
    },
    /// A snapshot of a bundle that this Taipan does not make.
    #[error("{} was taken from the bundle {bundle}, which this Taipan does not run", path.display())]
    OtherBundle {
        /// The file.
        path: PathBuf,
        /// The bundle's digest.
        bundle: String,
    },
    /// An isolate does not tell what its memory belongs to.
    #[error("nobody tells whose the memory is: {reason}")]
    NotMeasured {
        /// What happened instead.
        reason: String,
    },
    /// A script used more than it may.
    #[error("the script was stopped: {reason}")]
    ScriptLimit {
        /// What.
        reason: taipan_guest::Reason,
    },
    /// A script wrote more than it may.
    #[error("the script was stopped: its output is longer than it may be")]
    ScriptOutput,
    /// The operating system has no thread for a guest.
    #[error("there is no thread for Python")]
    Thread {
        /// What it says.
        #[source]
        source: std::io::Error,
    },
    /// A script broke the interpreter, as `os.abort` does.
    #[error("the interpreter cannot go on: {reason}")]
    Interpreter {
        /// What it said last.
        reason: String,
    },
    /// The client for outgoing requests.
    #[error("outgoing requests cannot be made")]
    Client(#[source] taipan_webapi::Error),
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            Self::Runtime(error) => return error.hint(),
            Self::Bundle(error) => return error.hint(),
            Self::Store(error) => return error.hint(),
            Self::Client(error) => return error.hint(),
            Self::TooLarge { .. } => {
                "mount or serve a directory that holds only what the program needs"
            }
            Self::OtherBundle { .. } => {
                "another version or machine has made it: take a new one with `taipan snapshot create`"
            }
            Self::Warmup { .. } => {
                "mend the handler, or take the path out of the configuration's `warmup`"
            }
            Self::Thread { .. }
            | Self::Read { .. }
            | Self::NotMeasured { .. }
            | Self::Interpreter { .. } => return None,
            // The caller has set the limit, so it knows how to raise it.
            Self::ScriptLimit { .. } | Self::ScriptOutput => return None,
        };
        Some(hint.into())
    }
}
