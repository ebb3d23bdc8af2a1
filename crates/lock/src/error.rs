//! Why there is no lock, or why one cannot be used.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use taipan_manifest::{Location, PYPROJECT_FILE};

use crate::backends::{NO_COMPILER, build_hint};
use crate::lacking::Lacking;
use crate::wheel::Target;

/// What can go wrong on the way to a lock, and with one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A lock that is no TOML.
    #[error("{at}: {reason}")]
    Syntax {
        /// Where the parser stopped.
        at: Location,
        /// What it says.
        reason: String,
    },
    /// A key of a lock has a value that it cannot have.
    #[error("{at}: `{key}` must be {expected}, found {found}")]
    Value {
        /// Where the value stands.
        at: Location,
        /// The key with its path, such as `packages[3].wheels[0].url`.
        key: String,
        /// What the key takes.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A key of a lock that has to be there.
    #[error("{at}: `{key}` is missing")]
    Missing {
        /// Where the table begins that lacks it.
        at: Location,
        /// The key with its path.
        key: String,
    },
    /// A lock of another version of the format.
    #[error("{at}: the lock has version {found}, and 1.0 is read")]
    Version {
        /// Where it says so.
        at: Location,
        /// The version that it has.
        found: String,
    },
    /// A package that says two things of itself.
    #[error("{at}: package {name}: {reason}")]
    Package {
        /// Where it begins.
        at: Location,
        /// Its name.
        name: String,
        /// Which two.
        reason: String,
    },
    /// A lock that is too long to be one.
    #[error("{file} is {bytes} bytes long, a lock has at most {bytes_max}")]
    TooLong {
        /// The file.
        file: String,
        /// Its length.
        bytes: usize,
        /// The longest that is read.
        bytes_max: usize,
    },
    /// Dependencies that only a build backend knows.
    #[error("{at}: `project.dynamic` has `dependencies`, and no build backend runs to say them")]
    Dynamic {
        /// Where the project begins.
        at: Location,
    },
    /// A project that has the name of a package that it needs: a resolver takes the project for it.
    #[error("{at}: the project is called `{name}`, and so is a package that it needs")]
    Itself {
        /// Where the project begins.
        at: Location,
        /// The name.
        name: String,
    },
    /// A dependency group that is not there, or includes itself.
    #[error("{file} has no dependency group `{name}`; there {}", those(known))]
    NoGroup {
        /// The file.
        file: String,
        /// What was asked for.
        name: String,
        /// Those that are there.
        known: Vec<String>,
    },
    /// No versions fit together.
    #[error(
        "no packages fit Pyodide {release} (Python {python}, {platform}):\n{}",
        why(reason, lacking, Target { release, python, platform })
    )]
    Unsatisfiable {
        /// The release.
        release: &'static str,
        /// Its Python.
        python: &'static str,
        /// The platform of its wheels.
        platform: &'static str,
        /// uv's derivation.
        reason: String,
        /// uv's hints, a line each.
        hints: String,
        /// The packages that have no wheel for the release, if that is the reason.
        lacking: Box<[Lacking]>,
    },
    /// Packages that stay behind by a major version, which nobody has allowed.
    #[error("{}:\n{table}", complaints.join("; "))]
    Downgrade {
        /// Their names.
        names: Vec<String>,
        /// What each would be.
        complaints: Vec<String>,
        /// The table that tells of them.
        table: String,
    },
    /// An address with a password, which would stand in a file that others get.
    #[error("{file} would have the password of the address {address}, and is a file to share")]
    Password {
        /// The file.
        file: &'static str,
        /// The address without it.
        address: String,
    },
    /// A lock that does not fit what is asked for.
    #[error("{lock} does not fit: {reason}")]
    Stale {
        /// The lock.
        lock: &'static str,
        /// Why.
        reason: String,
    },
    /// Neither is there a uv, nor a pip that fetches it.
    #[error("there is no uv {least} or later, and no pip that fetches uv {pinned}: {reason}")]
    NoUv {
        /// The oldest that is used.
        least: &'static str,
        /// The one that is fetched.
        pinned: &'static str,
        /// What was found instead.
        reason: String,
    },
    /// There is no uv, and none may be fetched.
    #[error(
        "uv {pinned} is not in the cache, and nothing may be fetched: {reason}, and {least} or later is needed"
    )]
    Offline {
        /// The oldest that is used.
        least: &'static str,
        /// The one that would be fetched.
        pinned: &'static str,
        /// What was found on the PATH.
        reason: String,
    },
    /// pip ran, and uv is not there.
    #[error("pip could not fetch uv {pinned} ({status}): {said}")]
    Fetch {
        /// The version.
        pinned: &'static str,
        /// How pip ended.
        status: ExitStatus,
        /// The end of what it wrote to its standard error.
        said: String,
    },
    /// A program that is there and cannot be run.
    #[error("cannot run {program}")]
    Run {
        /// The program.
        program: String,
        /// What the system says.
        source: io::Error,
    },
    /// uv ran and failed.
    #[error("uv cannot {what}: {}", if said.is_empty() { status.to_string() } else { said.clone() })]
    Uv {
        /// What it was to do.
        what: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// What it said of it.
        said: String,
    },
    /// There is no Python for a build.
    #[error("cannot make the Python that builds: {reason}")]
    Python {
        /// Why.
        reason: String,
    },
    /// A package that cannot be built in the sandbox.
    #[error("{name} cannot be built in the sandbox:\n{said}")]
    Build {
        /// The package.
        name: String,
        /// What uv and the build backend said.
        said: String,
    },
    /// A package that has to be built, in a lock that does not say with what.
    #[error("{name} has no wheel, and the lock names no build backends")]
    NoBackends {
        /// The package.
        name: String,
    },
    /// A directory that is no source of a package.
    #[error("the source of {name} in {} cannot be used: {reason}", path.display())]
    Directory {
        /// The package.
        name: String,
        /// The directory.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A build backend that ended well, and has made no wheel that can be used.
    #[error("the build backend of {name} {fault}")]
    Backend {
        /// The package.
        name: String,
        /// What it did in place of that.
        fault: String,
    },
    /// A build that gave another package.
    #[error("the build of {name} made {wheel}, which is no wheel of {wanted}")]
    BuiltOther {
        /// The package.
        name: String,
        /// The wheel's name.
        wheel: String,
        /// What is locked.
        wanted: String,
    },
    /// A source that unpacks to more than a source has, or a build that makes more.
    #[error(
        "the build of {name} takes more than {bytes_max} bytes or {files_max} files, and was ended"
    )]
    BuildTooLarge {
        /// The package.
        name: String,
        /// How many bytes it may take.
        bytes_max: u64,
        /// How many files.
        files_max: usize,
    },
    /// A build that took or printed more than one may.
    #[error("the build of {name} was ended: {reason}")]
    BuildStopped {
        /// The package.
        name: String,
        /// Which limit it has met.
        reason: String,
    },
    /// A package of which a build makes native code.
    #[error("the build of {name} made {wheel}, which is not of Python alone")]
    NotPure {
        /// The package.
        name: String,
        /// The wheel's name.
        wheel: String,
    },
    /// The cache cannot be used.
    #[error("cannot use the cache")]
    Store(#[from] taipan_store::Error),
    /// A file operation failed; `fs_err` has put the path into the message.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What uv says of a file that it cannot write (`uv-fs`, as of uv 0.13), and what stands before the system's number.
const UNWRITTEN: &str = "failed to write to file ";
const NUMBER: &str = "(os error ";
/// How uv says that a disk is full (ENOSPC).
const NO_SPACE: &str = "(os error 28)";

impl Error {
    /// The same; where uv could not write, it names the file of the project at `path`, which it wrote for.
    #[must_use]
    pub fn of_file(self, path: &Path) -> Self {
        let source = match &self {
            Self::Uv { said, .. } if said.contains(UNWRITTEN) => {
                let number = said.rsplit_once(NUMBER).and_then(|(_, rest)| rest.split_once(')'));
                number.and_then(|(number, _)| number.parse().ok())
            }
            _ => None,
        };
        match source.map(io::Error::from_raw_os_error) {
            Some(source) => taipan_store::Error::Project { path: path.to_owned(), source }.into(),
            None => self,
        }
    }

    /// What the reader can do about it, where there is something.
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            Self::Syntax { at, .. }
            | Self::Value { at, .. }
            | Self::Missing { at, .. }
            | Self::Package { at, .. } => return of_lock(&at.file),
            Self::TooLong { file, .. } => return of_lock(file),
            Self::Dynamic { .. } => "write `dependencies` into the table `project`",
            Self::Itself { .. } => {
                "give the project another name in the table `project`, or say which versions of the package fit"
            }
            Self::NoGroup { .. } => {
                "a group is a key of `[dependency-groups]`; none includes itself"
            }
            Self::Unsatisfiable { hints, lacking, .. }
                if !hints.is_empty() && lacking.is_empty() =>
            {
                return Some(hints.clone().into());
            }
            Self::Unsatisfiable { .. } => return None,
            Self::Downgrade { names, .. } => {
                let allow: Vec<_> =
                    names.iter().map(|name| format!("--allow-downgrade {name}")).collect();
                return Some(
                    format!(
                        "`{}` takes the older version, as `[tool.taipan] allow-downgrade` does in pyproject.toml, or in a \
                         script's own block",
                        allow.join(" ")
                    )
                    .into(),
                );
            }
            Self::Password { .. } => {
                "leave it out of the address. uv takes passwords from `~/.netrc` (`machine HOST login USER password \
                 PASSWORD`) and keyrings, those of an index from `UV_INDEX_NAME_USERNAME` and `UV_INDEX_NAME_PASSWORD`; \
                 git has helpers that remember them (`git help credentials`)"
            }
            Self::Stale { .. } => "`taipan lock` brings it up to date",
            Self::Version { .. } => {
                "`taipan lock` writes version 1.0, a later Taipan may read others"
            }
            Self::NoUv { .. } => {
                "install uv (`pip install uv`), or Python with pip, which fetches it for Taipan alone"
            }
            Self::Offline { .. } => {
                "put uv on the PATH, or lock once without `--offline`, which keeps uv in the cache"
            }
            Self::Fetch { .. } => {
                "try `pip download uv` by hand: pip's own settings say from where; or put uv on the PATH"
            }
            Self::Store(error) => return error.hint(),
            Self::BuildTooLarge { .. } | Self::BuildStopped { .. } => {
                "no build needs so much: take another version, or strike it out of `allow-build` and ask its authors for \
                 a wheel"
            }
            Self::NoBackends { .. } => "`taipan lock` makes the lock again, with build backends",
            Self::Directory { .. } => {
                "name a directory with the source of one package, and nothing else"
            }
            Self::BuiltOther { .. } => {
                "its build backend says another name or version than it has published: tell its authors"
            }
            Self::Backend { .. } => {
                "this is a fault of the package: tell its authors, and ask them for a wheel"
            }
            Self::Build { said, .. } => return Some(build_hint(said)),
            Self::NotPure { .. } => NO_COMPILER,
            Self::Uv { said, .. } if said.contains(NO_SPACE) => taipan_store::FULL,
            Self::Run { .. } | Self::Python { .. } | Self::Uv { .. } | Self::Io(_) => return None,
        };
        Some(hint.into())
    }
}

/// Why no versions fit: what has no wheel, else uv's derivation.
fn why(reason: &str, lacking: &[Lacking], target: Target) -> String {
    match lacking {
        [] => reason.to_owned(),
        lacking => {
            let lines: Vec<_> = lacking.iter().map(|it| it.describe(target)).collect();
            lines.join("\n")
        }
    }
}

/// What to do about a damaged lock. A file that its author writes says by itself where it is wrong.
fn of_lock(file: &str) -> Option<Cow<'static, str>> {
    (file != PYPROJECT_FILE).then_some(
        "`taipan lock` writes it anew: remove the file first, or take it from where it was whole"
            .into(),
    )
}

/// The names that there are, for people.
fn those(names: &[String]) -> String {
    match names {
        [] => "is none".into(),
        [one] => format!("is {one}"),
        names => format!("are {}", names.join(", ")),
    }
}
