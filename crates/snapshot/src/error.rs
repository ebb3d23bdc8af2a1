//! What can be wrong with a snapshot.

use std::borrow::Cow;

use crate::digest::Digest;
use crate::format::{FORMAT, FormatVersion};

/// Why a snapshot cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is something else.
    #[error("not a snapshot file")]
    Magic,

    /// The file is of another version.
    #[error("snapshot format is {found}, this build reads {FORMAT}")]
    Format {
        /// The version found.
        found: FormatVersion,
    },

    /// The file ends too early.
    #[error("snapshot ends inside its {part}")]
    Truncated {
        /// The part that is cut off.
        part: &'static str,
    },

    /// The file is not as long as it says.
    #[error("snapshot has {found} bytes, its metadata says {expected}")]
    FileBytes {
        /// The size of the file.
        found: u64,
        /// The size that follows from the metadata.
        expected: u64,
    },

    /// The metadata is not what was written.
    #[error("checksum of the snapshot is {found}, its header says {expected}")]
    Checksum {
        /// What the bytes give.
        found: Digest,
        /// What the header says.
        expected: Digest,
    },

    /// The pages are not what was written.
    #[error("digest of the snapshot's pages is {found}, its metadata says {expected}")]
    PageDigest {
        /// What the bytes give.
        found: Digest,
        /// What the metadata says.
        expected: Digest,
    },

    /// The metadata has the right checksum, but no meaning.
    #[error("metadata of the snapshot cannot be decoded")]
    Decode(#[source] postcard::Error),

    /// The metadata cannot be written.
    #[error("metadata of the snapshot cannot be encoded")]
    Encode(#[source] postcard::Error),

    /// There are bytes where none belong.
    #[error("snapshot has {what} that is not empty")]
    Leftover {
        /// Where they are.
        what: &'static str,
    },

    /// There is more of something than is allowed.
    #[error("snapshot has {found} {what}, at most {max} are allowed")]
    Limit {
        /// Of what.
        what: &'static str,
        /// How much there is.
        found: u64,
        /// How much there may be.
        max: u64,
    },

    /// A memory is no whole number of WebAssembly pages.
    #[error("{what} has {found} bytes, which are no whole pages")]
    MemoryBytes {
        /// Which memory.
        what: &'static str,
        /// Its size.
        found: usize,
    },

    /// A run of pages is empty.
    #[error("run {run} of the snapshot has no pages")]
    EmptyRun {
        /// Its place in the list.
        run: usize,
    },

    /// A run of pages does not lie within the memory.
    #[error("run {run} of the snapshot ends at page {end}, the memory has {pages}")]
    RunRange {
        /// Its place in the list.
        run: usize,
        /// The page after its last.
        end: u64,
        /// Pages of the memory.
        pages: u64,
    },

    /// A part of the state refers to nothing.
    #[error("{what} {index} in the state of the snapshot is out of range, there are {count}")]
    StateIndex {
        /// What is referred to.
        what: &'static str,
        /// The number found.
        index: u32,
        /// How many there are.
        count: usize,
    },

    /// The memory of a baseline belongs to a worker's snapshot and to no other.
    #[error("memory of a baseline {} for a {kind} snapshot", if *given { "given" } else { "missing" })]
    Baseline {
        /// What the provenance says.
        kind: &'static str,
        /// Whether there is such a memory.
        given: bool,
    },

    /// The memory is smaller than the one that it grew from.
    #[error("memory has {found} bytes, its baseline has {baseline}")]
    Shrunk {
        /// Bytes of the memory.
        found: u64,
        /// Bytes of the baseline's memory.
        baseline: u64,
    },

    /// The snapshot was made from something else.
    #[error("snapshot was taken with {what} {found}, expected {expected}")]
    Provenance {
        /// What differs.
        what: String,
        /// The digest found, or `none`.
        found: String,
        /// The digest expected, or `none`.
        expected: String,
    },

    /// Two snapshots hold pages that differ from different things.
    #[error("snapshots cannot be compared, they build on different baselines")]
    Incomparable,
}

impl Error {
    /// What the user can do about it, where there is something.
    #[must_use]
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            Self::Magic => {
                "name a file that `taipan snapshot create` made, or the directory of a worker"
            }
            Self::Format { .. }
            | Self::Truncated { .. }
            | Self::FileBytes { .. }
            | Self::Checksum { .. }
            | Self::PageDigest { .. }
            | Self::Decode(_)
            | Self::Leftover { .. }
            | Self::EmptyRun { .. }
            | Self::RunRange { .. }
            | Self::StateIndex { .. }
            | Self::Provenance { .. } => "run `taipan snapshot create` to take a new one",
            Self::Incomparable => "compare snapshots of the same kind and baseline",
            Self::Encode(_)
            | Self::Limit { .. }
            | Self::MemoryBytes { .. }
            | Self::Baseline { .. }
            | Self::Shrunk { .. } => return None,
        };
        Some(hint.into())
    }
}
