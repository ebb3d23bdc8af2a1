//! Why a command did not do its work: the message, what to do, and the exit code. Nothing else knows exit codes.

mod limits;
mod selection;

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

use limits::{script_hint, start_hint, top_level_hint};
pub(crate) use selection::Selection;

/// `taipan doctor` has found something to mend.
pub(crate) const FINDINGS: u8 = 1;
/// The command line is wrong; clap uses the same for what it finds itself.
const USAGE: u8 = 2;

// From sysexits.h, so that they stay apart from those that scripts use.

/// The worker's or script's own fault: a syntax error, no handler.
const WORKER: u8 = 65;
/// A file or directory that was named is not there.
const NOT_FOUND: u8 = 66;
/// The address cannot be listened on, as when the port is in use.
const ADDRESS: u8 = 69;
/// A bug in Taipan.
const BUG: u8 = 70;
/// The operating system refuses something.
const SYSTEM: u8 = 74;
/// Pyodide cannot be fetched, or what is in the cache is damaged.
const CACHE: u8 = 75;
/// The worker's configuration is wrong, or there is none.
const CONFIGURATION: u8 = 78;
// A script was stopped at a limit. The codes are those with which a shell reports limits of the system.

/// It took longer than it may; `timeout` has the same code.
const WALL_TIME: u8 = 124;
/// It needed more memory than it may have, and broke: the code of SIGKILL.
const MEMORY: u8 = 137;
/// It used more CPU time than it may: the code of SIGXCPU.
const CPU_TIME: u8 = 152;
/// It wrote more than it may: the code of SIGXFSZ.
const OUTPUT: u8 = 153;
/// A second Ctrl+C or SIGTERM stopped it: the code of SIGINT.
const INTERRUPTED: u8 = 130;

/// Why a command did not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line asks for something impossible.
    #[error("{reason}")]
    Usage {
        /// What, with the words that were typed.
        reason: String,
    },
    /// A directory or file that was named is not there.
    #[error("{what} {} is not there", path.display())]
    NotFound {
        /// What it would be.
        what: &'static str,
        /// Where.
        path: PathBuf,
    },
    /// The configuration names a main module that is not there.
    #[error("{at}: the worker's `main` {} is not there", path.display())]
    MainNotFound {
        /// Where the configuration names it.
        at: taipan_manifest::Location,
        /// Where it would be.
        path: PathBuf,
    },
    /// The main module is there, and not among the files that a worker sees.
    #[error("the worker's `main` {main} is not among the files that it may see")]
    MainLeftOut {
        /// Its path in the worker's directory.
        main: String,
    },
    /// Something that is named as a directory is a file.
    #[error("{what} {} is a file, not a directory", path.display())]
    NotADirectory {
        /// What it would be.
        what: &'static str,
        /// Where.
        path: PathBuf,
    },
    /// Something that is named as a file is not a file.
    #[error("{what} {} is no regular file", path.display())]
    NotAFile {
        /// What it would be.
        what: &'static str,
        /// Where.
        path: PathBuf,
    },
    /// The worker's configuration is wrong.
    #[error("cannot use the configuration in {}", directory.display())]
    Configuration {
        /// The worker's directory.
        directory: PathBuf,
        /// Why.
        source: Box<taipan_manifest::Error>,
    },
    /// No release of Pyodide, or no gate, is what was asked for.
    #[error(transparent)]
    Selection(#[from] Selection),
    /// There is no lock of the packages, or it cannot be used.
    #[error("cannot lock the packages")]
    Lock(#[source] taipan_lock::Error),
    /// There is no lock, since packages have no wheel for the release.
    #[error("cannot lock the packages")]
    NoWheels {
        /// Which.
        source: Box<taipan_lock::Error>,
        /// What to do, a line each.
        remedies: String,
    },
    /// The server cannot start.
    #[error("cannot start the server")]
    Server(#[from] taipan_server::Error),
    /// The files of Pyodide cannot be fetched or used.
    #[error("cannot make the bundle")]
    Bundle(#[from] taipan_release::Error),
    /// The cache cannot be used.
    #[error("cannot use the cache")]
    Store(#[source] taipan_store::Error),
    /// A file that was named, or is of the project, cannot be written.
    #[error(transparent)]
    Output(taipan_store::Error),
    /// An exported bundle that another Taipan has made.
    #[error("{} is for another Taipan: it was made by {maker}, this is {own}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Who made it.
        maker: String,
        /// Who reads it.
        own: String,
    },
    /// An exported bundle with a description that this Taipan does not understand.
    #[error("{} is for another Taipan: its description is not known", path.display())]
    ForeignAbout {
        /// The file.
        path: PathBuf,
        /// What is not understood.
        source: serde_json::Error,
    },
    /// The worker does not start, by its own fault.
    #[error("the worker does not start: {message}")]
    Program {
        /// The last line of Python's traceback.
        message: String,
        /// The traceback, when there is one.
        traceback: String,
    },
    /// The worker does not start, since it fails a warm-up request or uses too much.
    #[error("{error}")]
    Start {
        /// Why.
        error: Box<taipan_worker::Error>,
        /// The traceback, when there is one.
        traceback: String,
    },
    /// A snapshot that the cache does not have.
    #[error("the cache has no snapshot of the worker in {}", directory.display())]
    NoSnapshot {
        /// The worker's directory.
        directory: PathBuf,
    },
    /// A script was stopped at a limit.
    #[error(transparent)]
    Stopped(taipan_worker::Error),
    /// A snapshot that was made, and that the cache cannot keep.
    #[error("the cache {} can only be read, so the snapshot is not kept", cache.display())]
    NotKept {
        /// The cache.
        cache: PathBuf,
    },
    /// A snapshot file cannot be used.
    #[error(transparent)]
    Snapshot(taipan_worker::Error),
    /// A worker or a script does not run, for another reason.
    #[error("cannot run Python")]
    Worker(#[source] taipan_worker::Error),
    /// Packages cannot be used.
    #[error(transparent)]
    Packages(taipan_packages::Error),
    /// The operating system refuses something.
    #[error("cannot {what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What it says.
        source: io::Error,
    },
    /// Files cannot be watched.
    #[error("cannot watch {} for changes", directory.display())]
    Watch {
        /// The worker's directory.
        directory: PathBuf,
        /// Why.
        source: notify::Error,
    },
    /// A directory to mount for writing cannot be opened.
    #[error("cannot mount {}", directory.display())]
    Mount {
        /// The directory.
        directory: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Entries of the cache that are not as they were published.
    #[error("{count} damaged or unreadable in the cache")]
    Damaged {
        /// How many.
        count: usize,
    },
    /// The user asked twice to stop.
    #[error("stopped before every request was answered")]
    Interrupted,
    /// Taipan has a bug.
    #[error("a bug in Taipan: {what}")]
    Bug {
        /// What went wrong.
        what: String,
    },
}

impl From<taipan_store::Error> for Failure {
    fn from(error: taipan_store::Error) -> Self {
        match error {
            taipan_store::Error::Output { .. } | taipan_store::Error::Project { .. } => {
                Self::Output(error)
            }
            other => Self::Store(other),
        }
    }
}

impl From<taipan_lock::Error> for Failure {
    fn from(error: taipan_lock::Error) -> Self {
        match error {
            taipan_lock::Error::Store(error) => error.into(),
            other => Self::Lock(other),
        }
    }
}

impl From<taipan_worker::Error> for Failure {
    fn from(error: taipan_worker::Error) -> Self {
        match error {
            taipan_worker::Error::Warmup { ref traceback, .. } => {
                let traceback = traceback.clone();
                Self::Start { error: Box::new(error), traceback }
            }
            taipan_worker::Error::ScriptLimit { .. } | taipan_worker::Error::ScriptOutput => {
                Self::Stopped(error)
            }
            taipan_worker::Error::Store(error) => error.into(),
            taipan_worker::Error::Bundle(error) => error.into(),
            taipan_worker::Error::Runtime(error) => error.into(),
            other => Self::Worker(other),
        }
    }
}

impl From<taipan_bundle::Error> for Failure {
    fn from(error: taipan_bundle::Error) -> Self {
        match error {
            taipan_bundle::Error::Store(error) => error.into(),
            taipan_bundle::Error::Release(error) => Self::Bundle(error),
            taipan_bundle::Error::Runtime(error) => error.into(),
            other => Self::Worker(other.into()),
        }
    }
}

impl From<taipan_runtime::Error> for Failure {
    fn from(error: taipan_runtime::Error) -> Self {
        match error {
            taipan_runtime::Error::Program { message, traceback } => {
                Self::Program { message, traceback }
            }
            taipan_runtime::Error::Unsaved { messages } => {
                Self::Program { message: messages.join("\n"), traceback: String::new() }
            }
            taipan_runtime::Error::Limit { .. } => {
                Self::Start { error: Box::new(error.into()), traceback: String::new() }
            }
            taipan_runtime::Error::Bug { what } => Self::Bug { what },
            other => Self::Worker(other.into()),
        }
    }
}

impl From<taipan_packages::Error> for Failure {
    fn from(error: taipan_packages::Error) -> Self {
        match error {
            taipan_packages::Error::Store(error) => error.into(),
            taipan_packages::Error::Bundle(error) => error.into(),
            taipan_packages::Error::Runtime(error) => error.into(),
            other => Self::Packages(other),
        }
    }
}

impl Failure {
    /// Says why `path` cannot be used as a directory.
    pub(crate) fn not_a_directory(what: &'static str, path: &Path) -> Self {
        let path = path.to_owned();
        if path.exists() {
            Self::NotADirectory { what, path }
        } else {
            Self::NotFound { what, path }
        }
    }

    /// Python's traceback; empty when there is none.
    pub(crate) fn traceback(&self) -> &str {
        match self {
            Self::Program { traceback, .. } | Self::Start { traceback, .. } => traceback,
            _ => "",
        }
    }

    /// Whether the author of the worker can mend it.
    pub(crate) fn is_workers(&self) -> bool {
        self.code() == WORKER
    }

    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Usage { .. } => USAGE,
            Self::NotFound { .. }
            | Self::MainNotFound { .. }
            | Self::MainLeftOut { .. }
            | Self::NotADirectory { .. }
            | Self::NotAFile { .. }
            | Self::NoSnapshot { .. } => NOT_FOUND,
            Self::Configuration { .. } | Self::Selection(_) => CONFIGURATION,
            Self::Lock(error) => lock_code(error),
            Self::NoWheels { source, .. } => lock_code(source),
            Self::Packages(error) => packages_code(error),
            Self::Server(taipan_server::Error::Clock) => SYSTEM,
            Self::Server(_) => ADDRESS,
            Self::Bundle(_)
            | Self::Store(_)
            | Self::Foreign { .. }
            | Self::ForeignAbout { .. }
            | Self::NotKept { .. }
            | Self::Damaged { .. } => CACHE,
            Self::Program { .. } | Self::Start { .. } => WORKER,
            Self::Worker(error) | Self::Snapshot(error) | Self::Stopped(error) => {
                worker_code(error)
            }
            Self::Output(_) | Self::System { .. } | Self::Watch { .. } | Self::Mount { .. } => {
                SYSTEM
            }
            Self::Interrupted => INTERRUPTED,
            Self::Bug { .. } => BUG,
        }
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            Self::Configuration { source, .. } => return source.hint(),
            Self::Selection(error) => return error.hint(),
            Self::Lock(error) => return error.hint(),
            Self::NoWheels { remedies, .. } => return Some(remedies.clone().into()),
            Self::Server(error) => return error.hint(),
            Self::Bundle(error) => return error.hint(),
            Self::Store(error) | Self::Output(error) => return error.hint(),
            Self::Worker(error) => return error.hint(),
            Self::Packages(error) => return error.hint(),
            Self::Stopped(error) => return script_hint(error),
            Self::Start { error, .. } => return start_hint(error),
            Self::Program { message, .. } => return top_level_hint(message),
            Self::Snapshot(error) => return snapshot_hint(error),
            Self::Foreign { .. } | Self::ForeignAbout { .. } => {
                "export it with the same version of Taipan, on a machine of the same CPU family"
            }
            Self::NoSnapshot { directory } => {
                let directory = directory.display();
                return Some(format!("`taipan snapshot create {directory}` makes it").into());
            }
            Self::NotKept { .. } => {
                "name a file with --output, or run this as a user who may write there"
            }
            Self::Usage { .. } => "`taipan --help` and `taipan COMMAND --help` explain",
            Self::Damaged { .. } => {
                "remove the damaged directories, Taipan makes them again when it needs them; this user may not read \
                 what is unreadable"
            }
            Self::Watch { .. } => {
                "`taipan serve` does not watch; on Linux fs.inotify.max_user_watches may be too low"
            }
            Self::Mount { source, .. } if source.kind() == io::ErrorKind::Unsupported => {
                "a mount to write needs Linux 5.6 or later, and a sandbox (seccomp) that allows `openat2`; \
                 mount it without `:rw` to read only"
            }
            Self::Bug { .. } => "please report it, and say what you did",
            Self::MainLeftOut { .. } => {
                "links out of its directory, `.env` files, and directories such as `.venv` and `node_modules` are \
                 left out; put the file itself elsewhere in the directory"
            }
            Self::NotAFile { .. } => "remove it, or put a file in its place",
            Self::NotADirectory { path, .. } if path.extension().is_some_and(|it| it == "py") => {
                let path = path.display();
                return Some(
                    format!(
                        "a worker is served by its directory; `taipan run {path}` runs a script"
                    )
                    .into(),
                );
            }
            Self::NotFound { .. }
            | Self::MainNotFound { .. }
            | Self::NotADirectory { .. }
            | Self::Mount { .. }
            | Self::System { .. }
            | Self::Interrupted => return None,
        };
        Some(hint.into())
    }
}

/// What to do about a snapshot that the user named.
fn snapshot_hint(error: &taipan_worker::Error) -> Option<Cow<'static, str>> {
    match error {
        taipan_worker::Error::Runtime(taipan_runtime::Error::Snapshot { source, .. }) => {
            source.hint()
        }
        other => other.hint(),
    }
}

/// Ends the process with a report when a mapped file is cut short.
pub(crate) fn end_on_lost_pages() -> Result<(), Failure> {
    const BEFORE: &str = "error: a file that is in use was cut short, or its disk cannot be read: ";
    const BEHIND: &str = "\n\nhint: start again, Taipan makes again what is damaged; \
        find out what writes into the cache\n";
    taipan_runtime::end_on_lost_pages(BEFORE, BEHIND, CACHE.into())
        .map_err(|source| Failure::System { what: "watch over the files of the cache", source })
}

/// The exit code for an error of the worker crate.
fn worker_code(error: &taipan_worker::Error) -> u8 {
    use taipan_worker::Error;
    match error {
        Error::Runtime(error) => runtime_code(error),
        Error::Bundle(taipan_bundle::Error::Runtime(error)) => runtime_code(error),
        Error::Bundle(taipan_bundle::Error::Read { .. }) => SYSTEM,
        Error::Bundle(taipan_bundle::Error::Link { .. }) => BUG,
        Error::Interpreter { .. } | Error::TooLarge { .. } => WORKER,
        Error::ScriptLimit { reason } => limit_code(*reason),
        Error::ScriptOutput => OUTPUT,
        Error::Read { .. } | Error::Client(_) | Error::Thread { .. } => SYSTEM,
        Error::Store(_) | Error::Bundle(_) | Error::OtherBundle { .. } => CACHE,
        _ => BUG,
    }
}

/// The exit code for an error of the lock, or of uv.
fn lock_code(error: &taipan_lock::Error) -> u8 {
    use taipan_lock::Error;
    match error {
        Error::Run { .. }
        | Error::Io(_)
        | Error::NoUv { .. }
        | Error::Offline { .. }
        | Error::Fetch { .. } => SYSTEM,
        _ => CONFIGURATION,
    }
}

/// The exit code for packages that cannot be used.
fn packages_code(error: &taipan_packages::Error) -> u8 {
    use taipan_packages::Error;
    match error {
        Error::Lock(error) => lock_code(error),
        Error::Read { .. } => SYSTEM,
        // Files of Pyodide.
        Error::Library { .. } | Error::Published { .. } => CACHE,
        _ => CONFIGURATION,
    }
}

/// The exit code for an error of an isolate.
fn runtime_code(error: &taipan_runtime::Error) -> u8 {
    use taipan_runtime::Error;
    match error {
        Error::Program { .. } | Error::Limit { .. } | Error::NoSnapshot { .. } => WORKER,
        Error::Guest { source, .. } if source.is_systems() => SYSTEM,
        Error::Read { .. } | Error::AddressSpace { .. } => SYSTEM,
        Error::Snapshot { .. } | Error::Section { .. } => CACHE,
        _ => BUG,
    }
}

/// Which limit a script has reached.
fn limit_code(reason: taipan_runtime::Reason) -> u8 {
    use taipan_runtime::Reason;
    match reason {
        Reason::WallTime { .. } => WALL_TIME,
        Reason::Memory { .. } | Reason::Instances => MEMORY,
        Reason::CpuTime { .. } | Reason::StartupCpuTime { .. } => CPU_TIME,
        _ => BUG,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = include_str!("../../../docs/reference/cli.md");

    /// What Python ends with by itself, as it does for any `SystemExit`.
    const TERMINATED: u8 = 143;

    #[test]
    fn every_exit_code_is_documented() {
        let codes = [
            FINDINGS,
            USAGE,
            WORKER,
            NOT_FOUND,
            ADDRESS,
            BUG,
            SYSTEM,
            CACHE,
            CONFIGURATION,
            WALL_TIME,
            INTERRUPTED,
            TERMINATED,
            MEMORY,
            CPU_TIME,
            OUTPUT,
        ];
        let documented = DOCUMENT.lines().filter_map(|line| {
            line.strip_prefix("| ")?.split_once(" |").and_then(|(code, _)| code.parse::<u8>().ok())
        });
        let known: Vec<u8> = [0].into_iter().chain(codes).collect();
        assert_eq!(documented.collect::<Vec<_>>(), known);
    }
}
