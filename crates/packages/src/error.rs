//! What can go wrong while packages are set up.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

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
    /// The lock, or uv.
    #[error(transparent)]
    Lock(#[from] taipan_lock::Error),
    /// What a script says of its packages is wrong.
    #[error("the block `# /// script` of {} cannot be used: {problem}", path.display())]
    Inline {
        /// The script.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// What a script asks for is no package.
    #[error("{requirement:?} is no requirement of a package")]
    Requirement {
        /// What is there.
        requirement: String,
    },
    /// A script for other versions of Python.
    #[error("{} needs Python {needed}, and this is {python}", path.display())]
    Python {
        /// The script.
        path: PathBuf,
        /// What it asks for.
        needed: String,
        /// The version that it would run on.
        python: String,
    },
    /// A file that cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A shared library that packages need and no place has.
    #[error("{package} needs {file}, which no index has: it is published with the release")]
    Library {
        /// The package of the lock.
        package: String,
        /// The library's file.
        file: String,
        /// What the places say.
        source: taipan_store::Error,
    },
    /// An archive of a release's distribution.
    #[error("{file}, which is published with the release, {problem}")]
    Published {
        /// Its name.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A file that no package can have.
    #[error("{file} of the packages {problem}")]
    File {
        /// Its path.
        file: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// More than a worker may have.
    #[error("the packages have more than {maximum} {what}")]
    TooMuch {
        /// Of what.
        what: &'static str,
        /// How much there may be.
        maximum: u64,
    },
    /// A package without a list of its files.
    #[error("{package} has no RECORD, the list of its files")]
    NoRecord {
        /// Name and version.
        package: String,
    },
    /// A list that cannot be used.
    #[error("line {line} of the RECORD of {package} {problem}")]
    Record {
        /// Name and version.
        package: String,
        /// From 1.
        line: u64,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A file that an archive has elsewhere.
    #[error(
        "an archive of the packages has the file {file}, which would be outside of their directory"
    )]
    Outside {
        /// The file's path.
        file: String,
    },
    /// A file is not what its package says.
    #[error("{file} of {package} {problem}")]
    Claim {
        /// Name and version.
        package: String,
        /// The file's path.
        file: String,
        /// What is wrong.
        problem: Claim,
    },
    /// Two packages with different files of one name.
    #[error("{} and {} both have the file {file}, with different contents", packages[0], packages[1])]
    Claimed {
        /// The file's path.
        file: String,
        /// Names and versions.
        packages: [String; 2],
    },
    /// A file that no package says is its own.
    #[error("{file} is in the RECORD of no package")]
    Unclaimed {
        /// The file's path.
        file: String,
    },
    /// What a package says of itself cannot be.
    #[error("{directory} {problem}")]
    Metadata {
        /// The directory with what is told of it.
        directory: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Another version than is locked.
    #[error("{package} is {found}, and the lock says {locked}")]
    OtherVersion {
        /// The name.
        package: String,
        /// The version of the lock.
        locked: String,
        /// The version that is there.
        found: String,
    },
    /// A package that the lock does not name.
    #[error("{package} {version} was installed, and the lock does not name it")]
    NotLocked {
        /// The name.
        package: String,
        /// The version.
        version: String,
    },
    /// A package that the lock names, and that is not there.
    #[error("{package} was not installed, and the lock names it")]
    NotInstalled {
        /// The name.
        package: String,
    },
    /// An extension module for another Python.
    #[error(
        "{file} of the packages is for CPython 3.{found}, and this is CPython 3.{minor}-wasm32-emscripten"
    )]
    OtherPython {
        /// The file's path.
        file: String,
        /// What it is for: the minor version of CPython, and the platform.
        found: String,
        /// The minor version that is needed.
        minor: String,
    },
    /// A shared library of something else than WebAssembly.
    #[error("{file} of {package} is {found}, not a side module of WebAssembly")]
    Native {
        /// Name and version.
        package: String,
        /// The file's path.
        file: String,
        /// What it is.
        found: String,
    },
}

/// How a file differs from what its package says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is not there.
    Missing,
    /// Its contents have another digest.
    Different,
    /// The list has no digest of it, or one that proves nothing.
    Undigested,
}

impl fmt::Display for Claim {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Missing => "is not there",
            Self::Different => "is not the file that its RECORD has the digest of",
            Self::Undigested => "has no digest in its RECORD (sha256, sha384 or sha512)",
        })
    }
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            Self::Store(error) => return error.hint(),
            Self::Bundle(error) => return error.hint(),
            Self::Runtime(error) => return error.hint(),
            Self::Lock(error) => return error.hint(),
            Self::Library { .. } => {
                "`--source` names a directory that has this file, or a mirror of Pyodide's CDN"
            }
            Self::Inline { .. } => {
                "it is TOML in comments: https://packaging.python.org/specifications/inline-script-metadata"
            }
            Self::Requirement { .. } => {
                "a name, and versions where not all will do: `httpx>=0.28`, `jinja2[i18n]`, `name @ file:///PATH`"
            }
            Self::Python { .. } => {
                "choose a release with --pyodide: `taipan bundle list` shows them"
            }
            Self::Read { .. } | Self::Published { .. } => return None,
            Self::TooMuch { .. } => "leave out what the worker does not import",
            Self::Native { .. } => {
                "the package needs a wheel for Pyodide: choose a version that has one, or another package"
            }
            Self::OtherPython { .. } => {
                "its wheel has other modules than its name says: choose another version, and tell its authors"
            }
            Self::Claimed { .. } => "only one of them can be installed",
            Self::NotLocked { .. } | Self::OtherVersion { .. } | Self::NotInstalled { .. } => {
                "`taipan lock` makes the lock again"
            }
            Self::File { .. }
            | Self::NoRecord { .. }
            | Self::Record { .. }
            | Self::Outside { .. }
            | Self::Claim { .. }
            | Self::Unclaimed { .. }
            | Self::Metadata { .. } => {
                "the wheel is damaged or dishonest: choose another version, and tell its authors"
            }
        };
        Some(hint.into())
    }
}
