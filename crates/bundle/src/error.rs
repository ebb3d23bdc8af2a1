//! What can go wrong while a bundle is made or opened.

use std::borrow::Cow;
use std::path::PathBuf;

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The cache.
    #[error(transparent)]
    Store(#[from] taipan_store::Error),
    /// The release, or the download of it.
    #[error(transparent)]
    Release(#[from] taipan_release::Error),
    /// The link step.
    #[error("{module} cannot be linked")]
    Link {
        /// Which module.
        module: &'static str,
        /// Why.
        #[source]
        source: taipan_link::Error,
    },
    /// An isolate that has to do with it.
    #[error(transparent)]
    Runtime(#[from] taipan_runtime::Error),
    /// A file that cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A bundle that the cache does not have.
    #[error("the bundle {bundle} is not in the cache")]
    NoBundle {
        /// The bundle's digest.
        bundle: String,
    },
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            Self::Store(error) => return error.hint(),
            Self::Release(error) => return error.hint(),
            Self::Runtime(error) => return error.hint(),
            Self::Link { .. } => {
                "the release in the cache may be damaged: run `taipan bundle verify`"
            }
            Self::NoBundle { .. } => "`taipan bundle build` makes the bundles of this Taipan",
            Self::Read { .. } => return None,
        };
        Some(hint.into())
    }
}

/// Says what the guest was doing when it failed.
pub(crate) fn guest(doing: &'static str) -> impl Fn(taipan_guest::Error) -> Error {
    move |source| taipan_runtime::guest(doing)(source).into()
}

/// Says what was being done with the release when it failed.
pub(crate) fn pyodide(doing: &'static str) -> impl Fn(taipan_pyodide::Error) -> Error {
    move |source| taipan_runtime::pyodide(doing)(source).into()
}
