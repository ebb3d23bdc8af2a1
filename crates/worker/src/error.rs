//! What can go wrong with a worker before it answers.

use std::borrow::Cow;
use std::path::PathBuf;

/// Why a bundle cannot be made or opened, or a worker does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The cache or the download.
    #[error(transparent)]
    Store(#[from] taipan_store::Error),
    /// The release.
    #[error(transparent)]
    Bundle(#[from] taipan_release::Error),
    /// The link step.
    #[error("{module} cannot be linked")]
    Link {
        /// Which module.
        module: &'static str,
        /// Why.
        #[source]
        source: taipan_link::Error,
    },
    /// The engine or the guest.
    #[error("{doing} failed")]
    Guest {
        /// What was being done.
        doing: &'static str,
        /// Why.
        #[source]
        source: taipan_guest::Error,
    },
    /// A file layer or a patch of the glue.
    #[error("{doing} failed")]
    Pyodide {
        /// What was being done.
        doing: &'static str,
        /// Why.
        #[source]
        source: taipan_pyodide::Error,
    },
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
    /// The user's program failed while it was imported, or has no handler.
    #[error("the worker does not start: {message}")]
    Program {
        /// The last line of the traceback.
        message: String,
        /// The traceback, cut to the user's frames; empty when there is none.
        traceback: String,
    },
    /// The top level left something that a snapshot cannot keep.
    #[error("the worker does not start: {}", messages.join("\n"))]
    Unsaved {
        /// For each thing: what it is, where it was begun, and what to do.
        messages: Vec<String>,
    },
    /// The start of a worker used more than it may.
    #[error("the worker does not start: {reason}")]
    Limit {
        /// What.
        reason: taipan_guest::Reason,
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
    /// A snapshot that is damaged, or of something else.
    #[error("the snapshot {} cannot be used", path.display())]
    Snapshot {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<taipan_snapshot::Error>,
    },
    /// A part of a snapshot that is not what its owner saved.
    #[error("the snapshot {} has a section `{section}` that cannot be used", path.display())]
    Section {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        section: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A program that does not fit into a snapshot.
    #[error("no snapshot can be taken")]
    NoSnapshot {
        /// Why.
        #[source]
        source: Box<taipan_snapshot::Error>,
    },
    /// A snapshot whose bundle the cache does not have.
    #[error("the bundle {bundle} is not in the cache")]
    NoBundle {
        /// The bundle's digest.
        bundle: String,
    },
    /// A snapshot of a bundle that this Taipan does not make.
    #[error("{} was taken from the bundle {bundle}, which this Taipan does not run", path.display())]
    OtherBundle {
        /// The file.
        path: PathBuf,
        /// The bundle's digest.
        bundle: String,
    },
    /// An isolate does not tell whose its memory is.
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
    /// A limit of the process that leaves no room for its isolates.
    #[error(
        "this process may have {} MiB of address space (RLIMIT_AS), and {} MiB are needed for {isolates} isolates",
        shortage.limit >> 20,
        shortage.needed >> 20
    )]
    AddressSpace {
        /// The limit, and what is needed.
        shortage: taipan_guest::Shortage,
        /// How many there may be.
        isolates: usize,
    },
    /// The client for outgoing requests.
    #[error("outgoing requests cannot be made")]
    Client(#[source] taipan_webapi::Error),
    /// A fault of Taipan's own.
    #[error("this is a fault of Taipan's own: {what}")]
    Bug {
        /// What should not have happened.
        what: String,
    },
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            Error::Store(error) => return error.hint(),
            Error::Bundle(error) => return error.hint(),
            Error::Client(error) => return error.hint(),
            Error::AddressSpace { isolates: many @ 2.., .. } => {
                return Some(
                    format!(
                        "raise the limit (`ulimit -v unlimited`, in systemd `LimitAS=infinity`), or set `max` of \
                         `isolates` to less than {many} in the configuration; most of it is only reserved and takes \
                         no memory"
                    )
                    .into(),
                );
            }
            Error::AddressSpace { .. } => {
                "raise the limit (`ulimit -v unlimited`, in systemd `LimitAS=infinity`); most of it is only reserved \
                 and takes no memory"
            }
            Error::TooLarge { .. } => {
                "mount or serve a directory that holds only what the program needs"
            }
            Error::Bug { .. } => "please report it, with this message and what you did",
            Error::Link { .. } | Error::Pyodide { .. } => {
                "the release in the cache may be damaged: run `taipan bundle verify`"
            }
            Error::Snapshot { .. } | Error::Section { .. } => {
                "remove the file: it is made again when it is needed"
            }
            Error::NoBundle { .. } => "`taipan bundle build` makes the bundles of this Taipan",
            Error::OtherBundle { .. } => {
                "another version or machine has made it: take a new one with `taipan snapshot create`"
            }
            Error::Warmup { .. } => {
                "mend the handler, or take the path out of the configuration's `warmup`"
            }
            Error::Guest { source, .. } if source.is_systems() => {
                "an isolate reserves several GiB of addresses, most of which it never uses: `ulimit -v` must leave room"
            }
            Error::Guest { .. }
            | Error::Thread { .. }
            | Error::NoSnapshot { .. }
            | Error::Read { .. }
            | Error::NotMeasured { .. }
            | Error::Interpreter { .. }
            | Error::Program { .. }
            | Error::Unsaved { .. } => return None,
            // What gives more of it, the caller knows, who has set the limit.
            Error::Limit { .. } | Error::ScriptLimit { .. } | Error::ScriptOutput => return None,
        };
        Some(hint.into())
    }
}
