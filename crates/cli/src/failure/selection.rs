//! Why no release of Pyodide, or no gate, is what was asked for, and what to do.

use std::borrow::Cow;

use taipan_manifest::Location;
use taipan_release::DEVELOPMENT;

/// Why there is no release, or no gate, to run with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Selection {
    /// A pin names a version that does not exist.
    #[error("{at}: `{key}` must be a version of Pyodide, one of {}; found {version:?}", known.join(", "))]
    UnknownVersion {
        /// Where the pin stands.
        at: Location,
        /// The key that pins.
        key: String,
        /// What it says.
        version: String,
        /// The versions that there are.
        known: Vec<&'static str>,
    },
    /// A pin names a version of Python that no release has.
    #[error("no release has Python {python}; there are {}", known.join(", "))]
    UnknownPython {
        /// What the pin says.
        python: String,
        /// The versions that there are.
        known: Vec<&'static str>,
    },
    /// The release that is a directory is chosen, and no directory is named.
    #[error("the release `{DEVELOPMENT}` is a directory, and none is named")]
    NoDirectory,
    /// The release is experimental, and that is not allowed.
    #[error("Pyodide {version} is experimental")]
    ExperimentalRelease {
        /// Its version.
        version: &'static str,
    },
    /// Gates are experimental, and that is not allowed.
    #[error("{place} opens what is experimental")]
    ExperimentalGate {
        /// The option or the key that opens them.
        place: &'static str,
    },
    /// A gate that does not exist is to be opened.
    #[error("there is no gate {name:?}; there are {}", known.join(", "))]
    UnknownGate {
        /// Its name.
        name: String,
        /// Those that there are.
        known: Vec<&'static str>,
    },
    /// Both versions are pinned, and the release has another Python.
    #[error(
        "the pin `python = \"{python}\"` and `pyodide = \"{version}\"`, which has Python {has}, contradict each other"
    )]
    PythonAndPyodide {
        /// The pin of Python.
        python: String,
        /// The pin of Pyodide.
        version: &'static str,
        /// The Python that it has.
        has: &'static str,
    },
    /// A flag names a release, and a pin another.
    #[error(
        "the flag `{flag}`, which is Pyodide {named}, and the pin to Pyodide {pinned} contradict each other"
    )]
    FlagAndPin {
        /// The flag.
        flag: String,
        /// The release that it names.
        named: &'static str,
        /// The release that is pinned.
        pinned: &'static str,
    },
    /// A release is to be pinned in `pyproject.toml`, and the configuration pins another.
    #[error("{at}: `{key}` pins the worker to another release than Pyodide {version}")]
    PinnedElsewhere {
        /// Where it does.
        at: Location,
        /// The key that pins.
        key: String,
        /// What is to be pinned.
        version: String,
    },
    /// The project requires another Python than the release has.
    #[error("{at} asks for Python {required}, and Pyodide {version} has {python}")]
    RequiresPython {
        /// Where the project does.
        at: Location,
        /// What it requires, as it is written.
        required: String,
        /// The release that is chosen.
        version: &'static str,
        /// The Python that it has.
        python: &'static str,
        /// The newest release that has what is required.
        fitting: Option<&'static str>,
    },
}

impl Selection {
    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            Self::UnknownVersion { version, .. } => {
                return taipan_release::Error::Unknown { version: version.clone() }.hint();
            }
            Self::UnknownPython { .. } | Self::RequiresPython { fitting: None, .. } => {
                "`taipan bundle list` shows the releases, `taipan flags` what selects them"
            }
            Self::NoDirectory => "name it with `--source DIR`",
            Self::ExperimentalRelease { .. } | Self::ExperimentalGate { .. } => {
                "the compatibility flag `experimental` allows it, and so does --experimental"
            }
            Self::UnknownGate { .. } => "`taipan flags --experimental` tells what is behind each",
            Self::PythonAndPyodide { has, .. } => {
                return Some(format!("leave out one of them, or say `python = \"{has}\"`").into());
            }
            Self::FlagAndPin { flag, named, .. } => {
                let hint =
                    format!("remove the pin to run on Pyodide {named}, or the flag `{flag}`");
                return Some(hint.into());
            }
            Self::PinnedElsewhere { .. } => "change it there, or leave out `--pyodide`",
            Self::RequiresPython { fitting: Some(fitting), .. } => {
                let hint =
                    format!("Pyodide {fitting} has it: pin that, or say `--pyodide {fitting}`");
                return Some(hint.into());
            }
        };
        Some(hint.into())
    }
}
