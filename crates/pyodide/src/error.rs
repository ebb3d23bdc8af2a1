//! What can go wrong in this crate.

use std::borrow::Cow;

/// Why a Pyodide release cannot be used, or a file layer not be made or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The glue is not the text that the patches were made for.
    #[error("patch {name:?} matches {found} times in the glue, not {expected}")]
    Patch {
        /// The patch's name.
        name: &'static str,
        /// How often its text should occur.
        expected: usize,
        /// How often it does.
        found: usize,
    },
    /// A release of no known family.
    #[error("Pyodide {version} is of no family that this build can boot")]
    Family {
        /// Its version.
        version: String,
    },
    /// The glue does not say where it puts what.
    #[error("the glue does not say where `{name}` is")]
    Placement {
        /// What is missing.
        name: &'static str,
    },
    /// A file layer does not begin as one.
    #[error("not a file layer")]
    LayerMagic,
    /// A file layer of a format that this build does not read.
    #[error("file layer is of format {found}, this build reads {expected}")]
    LayerFormat {
        /// The format of the file.
        found: u32,
        /// The format that is read.
        expected: u32,
    },
    /// A file layer is shorter, or longer, than it says.
    #[error("file layer ends inside its {part}")]
    LayerTruncated {
        /// The part that is not whole.
        part: &'static str,
    },
    /// The table of nodes of a file layer is not a tree.
    #[error("node {index} of the file layer {problem}")]
    LayerNode {
        /// The node's number.
        index: u32,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// What is in a file layer is not what was put there.
    #[error("file layer is damaged: its digest does not match")]
    LayerDigest,
    /// A path that cannot go into a file layer.
    #[error("path {path:?} {problem}")]
    LayerPath {
        /// The path.
        path: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The archive of the standard library cannot be read.
    #[error("the standard library is not a readable zip file")]
    Archive(#[from] zip::result::ZipError),
    /// A file of the standard library cannot be unpacked.
    #[error("cannot unpack {path:?} of the standard library")]
    ArchiveFile {
        /// The file's path in the archive.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The archive of the standard library is larger than one can be.
    #[error("the standard library has more than {maximum} {what}")]
    ArchiveLimit {
        /// What there is too much of.
        what: &'static str,
        /// How much there may be.
        maximum: u64,
    },
    /// What a snapshot says of Python cannot be.
    #[error("the snapshot's state of Python is damaged: {what}")]
    Saved {
        /// What is wrong with it.
        what: String,
    },
    /// Python, when it was to make itself ready for a snapshot, answered something else than it does.
    #[error("what Python answers before a snapshot is not what Taipan's own code answers")]
    Prepared {
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// More files, or longer names, than the format can number.
    #[error("too many files for one file layer")]
    LayerTooLarge,
}

impl Error {
    /// What to do about it, where there is something.
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            Self::Patch { .. }
            | Self::Family { .. }
            | Self::Placement { .. }
            | Self::Archive(_)
            | Self::ArchiveFile { .. }
            | Self::ArchiveLimit { .. } => {
                "use the Pyodide release that this version of Taipan was made for"
            }
            Self::LayerMagic
            | Self::LayerFormat { .. }
            | Self::LayerTruncated { .. }
            | Self::LayerNode { .. }
            | Self::LayerDigest => "remove the cached bundle, so that it is made again",
            Self::Saved { .. } => "remove the snapshot, so that it is made again",
            Self::Prepared { .. } => {
                "the worker changes a module of Python's own; see docs/reference/snapshots.md"
            }
            Self::LayerPath { .. } | Self::LayerTooLarge => return None,
        };
        Some(hint.into())
    }
}
