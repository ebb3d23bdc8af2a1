//! What can go wrong with the cache and with a download.

use std::borrow::Cow;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::{fmt, io};

use crate::Digest;
use crate::contents::ContentDigest;

/// Why the store cannot do what it was asked.
///
/// Digests are boxed because results carry this type through every crate above.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing says where the cache is.
    #[error("no place for the cache: neither TAIPAN_CACHE, XDG_CACHE_HOME nor HOME is set")]
    NoRoot,
    /// A file operation failed; `fs_err` has put the path into the message.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A file could not be put in place.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file that the user named could not be written.
    #[error("cannot write {path}")]
    Output {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file of the user's project could not be written.
    #[error("cannot write {path}, which is as it was")]
    Project {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The lock of an entry could not be taken.
    #[error("cannot lock {path}")]
    Lock {
        /// The lock's file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Something that Taipan did not put there is where a file or a folder of the cache has to be.
    #[error("{path} is in the way: the cache needs a {needed} there")]
    InTheWay {
        /// What is there.
        path: PathBuf,
        /// What has to be there.
        needed: &'static str,
    },
    /// An entry is to be made in a cache that can only be read.
    #[error("the cache does not have {entry}, and cannot be written: {source}")]
    ReadOnly {
        /// The entry, as `kind/key`.
        entry: String,
        /// What the system says.
        source: io::Error,
    },
    /// A kind or key that cannot be a folder's name.
    #[error(
        "`{name}` cannot name a cache entry: letters, digits, `.`, `_` and `-` only, 128 at most"
    )]
    EntryName {
        /// The kind or key.
        name: String,
    },
    /// A published entry is not what was published.
    #[error("cache entry {entry} {}: {file}: {damage}", damage.means())]
    Damaged {
        /// The entry, as `kind/key`.
        entry: String,
        /// The file in it.
        file: String,
        /// What is wrong with the file.
        damage: Damage,
    },
    /// A build left something that an entry cannot hold.
    #[error("{path} cannot be part of a cache entry: {what}")]
    Unpublishable {
        /// Where it is in the staging folder.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// There is no `npm` to run.
    #[error("cannot start {command}, which fetches {package}")]
    NpmMissing {
        /// The program.
        command: PathBuf,
        /// The package it was to fetch, `name@version`.
        package: String,
        /// The cause.
        source: io::Error,
    },
    /// `npm` ran and failed.
    #[error("npm could not fetch {package} ({status}): {said}")]
    NpmFailed {
        /// The package, `name@version`.
        package: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it wrote to its standard error.
        said: String,
    },
    /// `npm` ran well but there is not exactly one tarball.
    #[error("npm left {found} tarballs for {package}, 1 expected")]
    NpmTarballs {
        /// The package, `name@version`.
        package: String,
        /// How many there are.
        found: usize,
    },
    /// A mirror cannot be reached, or went away.
    #[error("cannot download {url}")]
    Download {
        /// What was asked for.
        url: String,
        /// The cause.
        source: reqwest::Error,
    },
    /// A mirror refuses.
    #[error("{url} answers with status {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// A mirror redirects to where nothing is fetched from.
    #[error("{url} is redirected, and that is not followed: {reason}")]
    Redirect {
        /// What was asked for.
        url: String,
        /// Why.
        reason: String,
    },
    /// A mirror stopped sending.
    #[error("nothing came from {url} for {seconds} s")]
    Silent {
        /// What was asked for.
        url: String,
        /// How long nothing came, in seconds.
        seconds: u64,
    },
    /// A mirror ended before the file did.
    #[error("{url} ended after {found} bytes of {expected}")]
    Short {
        /// What was asked for.
        url: String,
        /// The pinned length in bytes.
        expected: u64,
        /// What came, in bytes.
        found: u64,
    },
    /// An export that is another file than was written.
    #[error("{} is a damaged export: {what}", path.display())]
    DamagedExport {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A file that is no export of a cache.
    #[error("{path} is no export of a bundle: {what}")]
    NoExport {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The cache does not have it, and nothing may be fetched.
    #[error("{package} is not in the cache, and nothing may be fetched")]
    Offline {
        /// The package, `name@version`.
        package: String,
    },
    /// None of several places has it.
    #[error("{package} is nowhere: {}", failures.join("; "))]
    Nowhere {
        /// The package, `name@version`.
        package: String,
        /// What each of them said.
        failures: Vec<String>,
    },
    /// Files of a package that cannot be read to their end.
    #[error("{place} cannot be read")]
    Unreadable {
        /// The folder, file or address.
        place: String,
        /// The cause.
        source: io::Error,
    },
    /// What npm fetched and cannot be read to its end.
    #[error("the tarball of {package} cannot be read")]
    Tarball {
        /// The package, `name@version`.
        package: String,
        /// The cause.
        source: io::Error,
    },
    /// A tarball with something that no package of ours has.
    #[error("the tarball of {package} is refused: `{path}` {what}")]
    TarballRefused {
        /// The package, `name@version`.
        package: String,
        /// The path in the tarball.
        path: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A file that is needed is not there.
    #[error("{file} is missing from {place}")]
    Missing {
        /// The file, by its path in the package.
        file: String,
        /// The folder or tarball.
        place: String,
    },
    /// A file of another length.
    #[error("{file} from {place} is {found} bytes long, {expected} expected")]
    Length {
        /// The file, by its path in the package.
        file: String,
        /// The folder or tarball.
        place: String,
        /// The pinned length in bytes.
        expected: u64,
        /// The length that was found, in bytes.
        found: u64,
    },
    /// A file with other contents.
    #[error("{file} from {place} has sha256 {found}, {expected} expected")]
    Digest {
        /// The file, by its path in the package.
        file: String,
        /// The folder or tarball.
        place: String,
        /// The pinned digest.
        expected: Box<Digest>,
        /// The digest of what was found.
        found: Box<Digest>,
    },
}

/// What is wrong with one file of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// It is not there, or is no file.
    Missing,
    /// It is there, and was not published.
    Unexpected,
    /// Its length changed.
    Length {
        /// As published, in bytes.
        expected: u64,
        /// As found, in bytes.
        found: u64,
    },
    /// Its contents changed.
    Digest {
        /// As published.
        expected: Box<ContentDigest>,
        /// As found.
        found: Box<ContentDigest>,
    },
    /// It cannot be read.
    Unreadable {
        /// What the system says.
        kind: io::ErrorKind,
    },
    /// Something else is in its place: a folder, a FIFO.
    NoFile,
    /// It is an inventory of another version of Taipan, which had its own use for the entry.
    Version,
    /// It is an inventory, and cannot be read as one.
    Inventory {
        /// Where reading stopped.
        why: &'static str,
    },
}

impl fmt::Display for Damage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => write!(formatter, "missing"),
            Self::Unexpected => write!(formatter, "not part of the entry"),
            Self::Length { expected, found } => {
                write!(formatter, "{found} bytes long, {expected} expected")
            }
            Self::Digest { expected, found } => {
                write!(formatter, "blake3 {found}, {expected} expected")
            }
            Self::Unreadable { kind } => write!(formatter, "{kind}"),
            Self::NoFile => formatter.write_str("something else than a file"),
            Self::Version => formatter.write_str("written by another version of Taipan"),
            Self::Inventory { why } => write!(formatter, "{why}"),
        }
    }
}

impl Damage {
    /// What it means for its entry.
    fn means(&self) -> &'static str {
        if self.is_forbidden() { "cannot be read" } else { "is damaged" }
    }

    /// Whether the file may be as it was, and the process may not look.
    fn is_forbidden(&self) -> bool {
        matches!(self, Self::Unreadable { kind: io::ErrorKind::PermissionDenied })
    }
}

impl Error {
    /// The state of an entry that cannot be used for this reason, in a word.
    #[must_use]
    pub fn state(&self) -> &'static str {
        match self {
            Self::Damaged { damage, .. } if damage.is_forbidden() => "unreadable",
            _ => "damaged",
        }
    }

    /// Whether an entry is not damaged, and is of another version of Taipan.
    #[must_use]
    pub fn is_other_version(&self) -> bool {
        matches!(self, Self::Damaged { damage: Damage::Version, .. })
    }

    /// Whether the process may not write. Another try does not change that.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        let kind = match self {
            Self::Io(source) | Self::Write { source, .. } => source.kind(),
            Self::ReadOnly { .. } => return true,
            _ => return false,
        };
        matches!(kind, io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
    }

    /// What the reader can do about it, where there is something.
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            Self::ReadOnly { .. } => {
                "make it beforehand, as a user who may write there (`taipan bundle build`, `taipan snapshot \
                 create`), or set TAIPAN_CACHE to another folder"
            }
            Self::InTheWay { .. } => "remove it; Taipan makes what it needs there",
            Self::NoRoot => "set TAIPAN_CACHE to a folder that can be written",
            Self::Io(source) | Self::Write { source, .. } | Self::Lock { source, .. } => {
                return io_hint(source);
            }
            Self::Output { source, .. } => return output_hint(source),
            Self::Project { source, .. } => return project_hint(source),
            Self::Damaged { damage, .. } if damage.is_forbidden() => {
                "make it readable for this user, as its owner (`chmod -R a+rX`), or set TAIPAN_CACHE to \
                 another folder"
            }
            Self::Damaged { .. } => "remove the entry's folder; it is then made again",
            Self::NpmMissing { .. } => {
                "install npm (Debian: `apt-get install npm`), or name a folder that has the files with --source"
            }
            Self::NpmFailed { .. } | Self::NpmTarballs { .. } => {
                "try `npm pack` by hand, or name a folder that has the files with --source"
            }
            Self::Download { .. }
            | Self::Redirect { .. }
            | Self::Status { .. }
            | Self::Silent { .. }
            | Self::Short { .. } => {
                "try again: a download goes on where it stopped; --source names another place, and \
                 http_proxy, https_proxy and SSL_CERT_FILE are respected"
            }
            Self::DamagedExport { .. } => {
                "copy the file again from where it was exported; if that does not help, export it again there"
            }
            Self::NoExport { .. } => {
                "`taipan export` and `taipan bundle export` write one; if this was one, copy it again"
            }
            Self::Offline { .. } => {
                "run `taipan bundle fetch` without --offline first, or name a directory with --source"
            }
            Self::Nowhere { .. } => "--source names another place",
            Self::Unreadable { .. } => {
                "make sure that you may read all of it, or name another place with --source"
            }
            Self::Tarball { .. } | Self::TarballRefused { .. } => {
                "try `npm cache verify`, then once more"
            }
            Self::Missing { .. } | Self::Length { .. } | Self::Digest { .. } => {
                "the files have to be those of exactly this version, unchanged"
            }
            Self::EntryName { .. } | Self::Unpublishable { .. } => return None,
        };
        Some(hint.into())
    }
}

/// What to do when the disk of the cache is full.
pub const FULL: &str = "free some space: `taipan gc --dry-run` lists what of the cache is not used, `taipan gc` removes it; \
                        or set TAIPAN_CACHE to a folder on a larger disk";

fn io_hint(source: &io::Error) -> Option<Cow<'static, str>> {
    let hint = match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => FULL,
        io::ErrorKind::PermissionDenied
        | io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::NotADirectory => "set TAIPAN_CACHE to a folder that can be written",
        _ => return None,
    };
    Some(hint.into())
}

fn output_hint(source: &io::Error) -> Option<Cow<'static, str>> {
    use io::ErrorKind::{
        FileTooLarge, IsADirectory, NotADirectory, NotFound, PermissionDenied, QuotaExceeded,
        ReadOnlyFilesystem, StorageFull,
    };
    let hint = match source.kind() {
        StorageFull | QuotaExceeded => {
            "free some space there, or name a file on another disk with --output"
        }
        FileTooLarge => {
            "its disk or `ulimit -f` has no room for so long a file; --output names another"
        }
        PermissionDenied | ReadOnlyFilesystem => "name a file with --output where you may write",
        NotFound | NotADirectory => "name a file with --output in a folder that is there",
        IsADirectory => "name a file with --output, not a folder",
        _ => return None,
    };
    Some(hint.into())
}

fn project_hint(source: &io::Error) -> Option<Cow<'static, str>> {
    use io::ErrorKind::{
        FileTooLarge, IsADirectory, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem,
        StorageFull,
    };
    let hint = match source.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => "free some space on the disk of the project",
        PermissionDenied | ReadOnlyFilesystem => {
            "let this user write the file and the directory that it is in, or do this where the project can be written"
        }
        IsADirectory => "remove what is in the place of the file",
        _ => return None,
    };
    Some(hint.into())
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::{Damage, Error};

    #[test]
    fn a_file_that_was_named() {
        let hint =
            |kind: io::ErrorKind| Error::Output { path: "file".into(), source: kind.into() }.hint();
        let expect = "free some space there, or name a file on another disk with --output";
        assert_eq!(hint(io::ErrorKind::StorageFull).as_deref(), Some(expect));
        assert_eq!(hint(io::ErrorKind::QuotaExceeded).as_deref(), Some(expect));
        let expect = "name a file with --output where you may write";
        assert_eq!(hint(io::ErrorKind::PermissionDenied).as_deref(), Some(expect));
        assert_eq!(hint(io::ErrorKind::ReadOnlyFilesystem).as_deref(), Some(expect));
    }

    #[track_caller]
    fn check(kind: io::ErrorKind, expect: Option<&str>) {
        assert_eq!(Error::Io(kind.into()).hint().as_deref(), expect);
    }

    #[test]
    fn full_disk() {
        let expect = "free some space: `taipan gc --dry-run` lists what of the cache is not used, `taipan gc` removes \
                      it; or set TAIPAN_CACHE to a folder on a larger disk";
        check(io::ErrorKind::StorageFull, Some(expect));
        check(io::ErrorKind::QuotaExceeded, Some(expect));
    }

    #[test]
    fn unwritable_folder() {
        let expect = "set TAIPAN_CACHE to a folder that can be written";
        check(io::ErrorKind::PermissionDenied, Some(expect));
        check(io::ErrorKind::ReadOnlyFilesystem, Some(expect));
        check(io::ErrorKind::NotADirectory, Some(expect));
    }

    #[test]
    fn forbidden_entry() {
        let kind = io::ErrorKind::PermissionDenied;
        let damage = Damage::Unreadable { kind };
        let error = Error::Damaged { entry: "things/one".into(), file: "second".into(), damage };
        let expect = "cache entry things/one cannot be read: second: permission denied";
        assert_eq!(error.to_string(), expect);
        assert_eq!(error.state(), "unreadable");
        assert!(error.hint().unwrap().contains("chmod -R a+rX"), "{:?}", error.hint());
    }

    #[test]
    fn nothing_to_do() {
        check(io::ErrorKind::UnexpectedEof, None);
    }
}
