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
    /// The list of what is published beside a release.
    #[error("the pyodide-lock.json of Pyodide {version} cannot be used: {reason}")]
    Distribution {
        /// The release.
        version: &'static str,
        /// What is wrong with it.
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
            Self::Unknown { version } => match newest_of(series(version)) {
                Some(known) => {
                    return Some(format!("{known} is the one of its series; {OWN_BUILD}").into());
                }
                None => OWN_BUILD,
            },
            Self::Development { .. } => {
                "name the directory that the build leaves, `dist`, or an unpacked package"
            }
            Self::Fetch { version, source: taipan_store::Error::Offline { .. } } => {
                return Some(
                    format!(
                        "run `taipan bundle fetch {version}` without --offline first, or name a directory with --source"
                    )
                    .into(),
                );
            }
            Self::Distribution { .. } => {
                "the release in the cache may be damaged: run `taipan bundle verify`"
            }
            Self::Fetch { source, .. } => return source.hint(),
        };
        Some(hint.into())
    }
}

const OWN_BUILD: &str =
    "a build of your own is `--pyodide development --source DIR`; it cannot be exported";

/// What of a version is the same for releases that take each other's place: `0.29` of 0.29.5, `314` of 314.0.7.
fn series(version: &str) -> &str {
    let numbers = if version.starts_with("0.") { 2 } else { 1 };
    version.match_indices('.').nth(numbers - 1).map_or(version, |(end, _)| &version[..end])
}

/// The newest release of a series.
fn newest_of(wanted: &str) -> Option<&'static str> {
    RELEASES.iter().map(|release| release.version).rfind(|version| series(version) == wanted)
}

fn known() -> String {
    let versions: Vec<_> = RELEASES.iter().map(|release| release.version).collect();
    versions.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(version: &str, known: Option<&str>) {
        let hint = Error::Unknown { version: version.to_owned() }.hint().unwrap();
        let found = hint.split_once(" is the one of its series; ").map(|(found, _)| found);
        assert_eq!(found, known, "{hint}");
        assert!(hint.ends_with(OWN_BUILD), "{hint}");
    }

    #[test]
    fn a_release_of_the_same_series() {
        for (wanted, series) in
            [("0.29", "0.29."), ("0.29.1", "0.29."), ("314", "314."), ("315.0.0", "315.")]
        {
            let known =
                RELEASES.iter().rfind(|release| release.version.starts_with(series)).unwrap();
            check(wanted, Some(known.version));
        }
        for version in ["1.0", "0", "0.2", "31", ""] {
            check(version, None);
        }
    }
}
