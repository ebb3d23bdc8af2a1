//! Why a configuration is refused.

use std::borrow::Cow;

use crate::Location;

/// What keeps a configuration from being used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is not JSON or TOML.
    #[error("{at}: {reason}")]
    Syntax {
        /// Where the parser stopped.
        at: Location,
        /// What it says.
        reason: String,
    },
    /// A key has a value of the wrong type, or one that it cannot have.
    #[error("{at}: `{key}` must be {expected}, found {found}")]
    Value {
        /// Where the value stands.
        at: Location,
        /// The key with its path, such as `dev.port`.
        key: String,
        /// What the key takes.
        expected: String,
        /// What is there.
        found: String,
    },
    /// An object names a key twice.
    #[error("{at}: `{key}` is given twice")]
    Repeated {
        /// Where the second one stands.
        at: Location,
        /// The key with its path.
        key: String,
    },
    /// A limit that has two keys, given by both.
    #[error("{at}: `{key}` is `{other}` by another name, and both are given")]
    Both {
        /// Where the value of the second one stands.
        at: Location,
        /// The second key with its path.
        key: String,
        /// The first one.
        other: String,
    },
    /// Two bindings that have the same name.
    #[error("{at}: the name `{name}` in `env` is already given at {first}")]
    SameName {
        /// Where the second one is named.
        at: Location,
        /// The name.
        name: String,
        /// Where the first one is named.
        first: Location,
    },
    /// A configuration file without `main`.
    #[error("{file} has no `main`")]
    MainMissing {
        /// The configuration file.
        file: String,
    },
    /// A file that is too long to be a configuration.
    #[error("{file} is {bytes} bytes long, a configuration has at most {bytes_max}")]
    TooLong {
        /// The file.
        file: String,
        /// Its length.
        bytes: usize,
        /// The longest that is read.
        bytes_max: usize,
    },
    /// The file that `--config` names has an ending that says no format.
    #[error("{file} is not named .jsonc, .json or .toml")]
    Format {
        /// The file.
        file: String,
    },
    /// A directory with neither configuration nor entry file.
    #[error("no worker here: looked for {}", looked_for.join(", "))]
    NoWorker {
        /// Every name that would have done.
        looked_for: Vec<&'static str>,
    },
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            Self::MainMissing { file } if file.ends_with(".toml") => {
                "name the worker's Python file, for example main = \"src/entry.py\""
            }
            Self::MainMissing { .. } => {
                "name the worker's Python file, for example \"main\": \"src/entry.py\""
            }
            Self::NoWorker { .. } => {
                "write an entry.py with `async def on_fetch(request, env, ctx)`"
            }
            Self::Format { .. } => "rename the file, so that its ending says how to read it",
            Self::Both { .. } => "keep one of the two",
            Self::SameName { .. } => "give each binding a name of its own",
            Self::Syntax { .. }
            | Self::Value { .. }
            | Self::Repeated { .. }
            | Self::TooLong { .. } => return None,
        };
        Some(hint.into())
    }
}
