//! What can go wrong while packages are set up.

use std::borrow::Cow;

/// Why there are no packages.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The cache.
    #[error(transparent)]
    Store(#[from] taipan_store::Error),
    /// The bundle, whose Python compiles them.
    #[error(transparent)]
    Bundle(#[from] taipan_bundle::Error),
    /// An isolate that compiles them.
    #[error(transparent)]
    Runtime(#[from] taipan_runtime::Error),
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Store(error) => error.hint(),
            Self::Bundle(error) => error.hint(),
            Self::Runtime(error) => error.hint(),
        }
    }
}
