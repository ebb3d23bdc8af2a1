//! What can go wrong with an isolate before it serves.

use std::borrow::Cow;
use std::path::PathBuf;

/// Why an isolate does not boot, does not come to its snapshot, or is not resumed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
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
    /// What a part of the platform keeps outside of an isolate's memory.
    #[error("the state of `{part}` cannot be {done}")]
    Part {
        /// Which part.
        part: &'static str,
        /// What was to be done with it.
        done: &'static str,
        /// Why it cannot be.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
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
            Self::AddressSpace { isolates: many @ 2.., .. } => {
                return Some(
                    format!(
                        "raise the limit (`ulimit -v unlimited`, in systemd `LimitAS=infinity`), or set `max` of \
                         `isolates` to less than {many} in the configuration; most of it is only reserved and takes \
                         no memory"
                    )
                    .into(),
                );
            }
            Self::AddressSpace { .. } => {
                "raise the limit (`ulimit -v unlimited`, in systemd `LimitAS=infinity`); most of it is only reserved \
                 and takes no memory"
            }
            Self::Bug { .. } | Self::Part { .. } => {
                "please report it, with this message and what you did"
            }
            Self::Pyodide { .. } => {
                "the release in the cache may be damaged: run `taipan bundle verify`"
            }
            Self::Snapshot { .. } | Self::Section { .. } => {
                "remove the file: it is made again when it is needed"
            }
            Self::Guest { source, .. } if source.is_systems() => {
                "an isolate reserves several GiB of addresses, most of which it never uses: `ulimit -v` must leave room"
            }
            Self::Guest { .. }
            | Self::NoSnapshot { .. }
            | Self::Read { .. }
            | Self::Program { .. }
            | Self::Unsaved { .. } => return None,
            // The caller has set the limit, so it knows how to raise it.
            Self::Limit { .. } => return None,
        };
        Some(hint.into())
    }
}

/// Says what the guest was doing when it failed.
pub fn guest(doing: &'static str) -> impl Fn(taipan_guest::Error) -> Error {
    move |source| Error::Guest { doing, source }
}

/// Says what was being done with the release when it failed.
pub fn pyodide(doing: &'static str) -> impl Fn(taipan_pyodide::Error) -> Error {
    move |source| Error::Pyodide { doing, source }
}
