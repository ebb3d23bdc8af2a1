//! What can go wrong in this crate.

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
}

impl Error {
    /// What to do about it, where there is something.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Error::Patch { .. } => {
                Some("use the Pyodide release that this version of Taipan was made for")
            }
        }
    }
}
