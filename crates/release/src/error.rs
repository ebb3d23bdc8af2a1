//! Why there is no such release, or why it cannot be had.

use std::borrow::Cow;
use std::path::PathBuf;

use crate::releases::RELEASES;

/// What can go wrong on the way to a release's files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A version that the release table does not have.
    #[error("no Pyodide release `{version}` is known; there are {}", known())]
    Unknown {
        /// What was asked for.
        version: String,
    },
    /// A directory that holds no build of Pyodide.
    #[error("{} is no build of Pyodide: {reason}", folder.display())]
    Development {
        /// The directory.
        folder: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// The files could not be fetched or kept.
    #[error("cannot get the files of Pyodide {version}")]
    Fetch {
        /// The release.
        version: &'static str,
        /// The cause.
        source: taipan_store::Error,
    },
}

impl Error {
    /// What the reader can do about it, where there is something.
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            Error::Unknown { .. } => {
                "a build of your own is `--pyodide development --source DIR`; it cannot be exported"
            }
            Error::Development { .. } => {
                "name the directory that the build leaves, `dist`, or an unpacked package"
            }
            Error::Fetch { source, .. } => return source.hint(),
        };
        Some(hint.into())
    }
}

fn known() -> String {
    let versions: Vec<_> = RELEASES.iter().map(|release| release.version).collect();
    versions.join(", ")
}
