//! The parts of a configuration that have no effect.

use std::fmt;

use crate::Location;

/// A part of a configuration that is left unused. The worker runs without it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// A key that no format knows, perhaps a misspelling of `suggestion`.
    Unknown {
        /// Where the key stands.
        at: Location,
        /// The key with its path.
        key: String,
        /// A known key that is spelt nearly the same.
        suggestion: Option<String>,
    },
    /// A key of the format that this version does not act on yet.
    Unsupported {
        /// Where the key stands.
        at: Location,
        /// The key with its path.
        key: String,
    },
    /// A key that only means something in the cloud.
    CloudOnly {
        /// Where the key stands.
        at: Location,
        /// The key with its path.
        key: String,
    },
    /// A value of `pyproject.toml` that the configuration overrides.
    Overridden {
        /// Where the unused value stands.
        at: Location,
        /// Its key with its path.
        key: String,
        /// Where the used value stands.
        by: Location,
        /// Its key with its path.
        by_key: String,
    },
    /// Rules that others of the same type leave without effect.
    Rule {
        /// Where the rule stands, or the one that leaves it without effect.
        at: Location,
        /// The rules.
        what: String,
        /// The key of the rule before them.
        by: String,
        /// The type.
        name: &'static str,
    },
    /// A line of `.dev.vars` that is not `NAME=value`, or does not end its quotes.
    Line {
        /// Where the line starts.
        at: Location,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Packages that the worker asks for, and that are not installed.
    NotInstalled {
        /// Where the first stands.
        at: Location,
        /// Some of them.
        named: Vec<String>,
        /// How many there are beside those.
        more: usize,
        /// What to do.
        remedy: &'static str,
    },
    /// Several configuration files: the first is used.
    Shadowed {
        /// The file that is used.
        used: &'static str,
        /// A file that is not.
        ignored: &'static str,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { at, key, suggestion: None } => {
                write!(f, "{at}: `{key}` is not a known key")
            }
            Self::Unknown { at, key, suggestion: Some(suggestion) } => {
                write!(f, "{at}: `{key}` is not a known key, did you mean `{suggestion}`?")
            }
            Self::Unsupported { at, key } => {
                write!(f, "{at}: `{key}` is not supported yet and has no effect")
            }
            Self::CloudOnly { at, key } => {
                write!(f, "{at}: `{key}` only concerns the cloud and has no effect here")
            }
            Self::Overridden { at, key, by, by_key } => {
                write!(f, "{at}: `{key}` has no effect, {by} says `{by_key}`")
            }
            Self::Rule { at, what, by, name } => {
                write!(
                    f,
                    "{at}: {what} has no effect: `{by}` is for {name} too and does not say `fallthrough` \
                     (`true` lets others follow, `false` silences this)"
                )
            }
            Self::Line { at, reason } => write!(f, "{at}: {reason}"),
            Self::NotInstalled { at, named, more, remedy } => {
                let others = match more {
                    0 => None,
                    1 => Some("1 other".to_owned()),
                    more => Some(format!("{more} others")),
                };
                let mut all: Vec<_> = named.iter().cloned().chain(others).collect();
                let last = all.pop().unwrap_or_default();
                let (all, are) = match all.len() {
                    0 => (last, "is"),
                    _ => (format!("{} and {last}", all.join(", ")), "are"),
                };
                write!(f, "{at}: {all} {are} asked for and not installed: {remedy}")
            }
            Self::Shadowed { used, ignored } => {
                write!(f, "{used} is used, {ignored} beside it is not")
            }
        }
    }
}
