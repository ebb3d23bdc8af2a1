//! The files of an entry as they are used: open, and the same that were published.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use fs_err::os::unix::fs::OpenOptionsExt;
use rustix::fs::OFlags;
use tempfile::TempDir;

use crate::contents::digests;
use crate::inventory::Inventory;
use crate::{Damage, Error};

/// The files of an entry, each of which was compared with what was published.
///
/// What was compared is what is open: whoever maps these files maps the same bytes, also when the entry is replaced
/// meanwhile. Only somebody who writes into a published file could still change them, and nothing of ours does.
#[derive(Debug)]
pub struct Files {
    entry: String,
    folder: PathBuf,
    files: BTreeMap<String, fs_err::File>,
    /// The folder, when it is not in the cache and goes with this.
    apart: Option<TempDir>,
}

impl Files {
    /// Opens the files of the entry `name` in `folder`, all that `published` lists, and reads each of them.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] for one that is not as it was published.
    pub(crate) fn open(name: &str, folder: &Path, published: &Inventory) -> Result<Files, Error> {
        let damaged = |file: &str, damage| Error::Damaged {
            entry: name.to_owned(),
            file: file.to_owned(),
            damage,
        };
        let mut files = BTreeMap::new();
        for (file, content) in &published.0 {
            let path = folder.join(file);
            check_length(&path, content.length, |damage| damaged(file, damage))?;
            let opened = open_file(&path, fs_err::OpenOptions::new().read(true));
            let opened = opened.map_err(|error| unreadable(error, |it| damaged(file, it)))?;
            files.insert(file.clone(), opened.ok_or_else(|| damaged(file, Damage::NoFile))?);
        }
        let listed: Vec<_> = files
            .values()
            .zip(published.0.values())
            .map(|(file, content)| (file.file(), content.length))
            .collect();
        for ((file, expected), found) in published.0.iter().zip(digests(&listed)) {
            let found =
                found.map_err(|error| damaged(file, Damage::Unreadable { kind: error.kind() }))?;
            if found != expected.digest {
                let (expected, found) = (Box::new(expected.digest), Box::new(found));
                return Err(damaged(file, Damage::Digest { expected, found }));
            }
        }
        Ok(Files { entry: name.to_owned(), folder: folder.to_owned(), files, apart: None })
    }

    /// The same files, whose folder goes when they do.
    pub(crate) fn apart(self, folder: TempDir) -> Files {
        Files { apart: Some(folder), ..self }
    }

    /// Where the files are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether they are not in the cache, but gone when this is.
    #[must_use]
    pub fn is_apart(&self) -> bool {
        self.apart.is_some()
    }

    /// The names of all files.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// One of the files.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] when it was not published; what the system says of another descriptor.
    pub fn file(&self, name: &str) -> Result<fs_err::File, Error> {
        let missing = || Error::Damaged {
            entry: self.entry.clone(),
            file: name.to_owned(),
            damage: Damage::Missing,
        };
        Ok(self.files.get(name).ok_or_else(missing)?.try_clone()?)
    }
}

/// Opens a file, and `None` for what is something else, as a folder.
///
/// Never waits: a FIFO would be open only when somebody has its other end.
pub(crate) fn open_file(
    path: &Path,
    options: &mut fs_err::OpenOptions,
) -> io::Result<Option<fs_err::File>> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    match options.custom_flags(flags).open(path) {
        Ok(file) => Ok(file.metadata()?.is_file().then_some(file)),
        // A folder to be written, a FIFO without a reader, a socket.
        Err(_) if fs_err::metadata(path).is_ok_and(|found| !found.is_file()) => Ok(None),
        Err(error) => Err(error),
    }
}

/// As [`open_file`], for a file of the cache that is no entry's.
///
/// # Errors
///
/// [`Error::InTheWay`] for what is no file.
pub(crate) fn open_own(
    path: &Path,
    options: &mut fs_err::OpenOptions,
) -> Result<fs_err::File, Error> {
    open_file(path, options)?
        .ok_or_else(|| Error::InTheWay { path: path.to_owned(), needed: "file" })
}

/// Makes a folder of the cache, and those that it is in.
///
/// # Errors
///
/// [`Error::InTheWay`] for what is no folder.
pub(crate) fn create_folder(path: &Path) -> Result<(), Error> {
    fs_err::create_dir_all(path).map_err(|error| in_the_way(path, error))
}

/// Names what is no folder where `folder` needs one: itself, or one that it is in.
pub(crate) fn in_the_way(folder: &Path, error: io::Error) -> Error {
    if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) {
        return error.into();
    }
    match no_folder(folder) {
        Some(path) => Error::InTheWay { path, needed: "folder" },
        None => error.into(),
    }
}

/// What keeps `folder` from being there: what is no folder, in its place or in that of one that it is in.
pub(crate) fn no_folder(folder: &Path) -> Option<PathBuf> {
    let there = folder.ancestors().find(|path| fs_err::symlink_metadata(path).is_ok());
    there.filter(|path| !path.is_dir()).map(Path::to_owned)
}

/// Looks whether there is a file of a length, and no link to one.
pub(crate) fn check_length(
    path: &Path,
    expected: u64,
    damaged: impl Fn(Damage) -> Error,
) -> Result<(), Error> {
    match fs_err::symlink_metadata(path) {
        Ok(found) if !found.is_file() => Err(damaged(Damage::Missing)),
        Ok(found) if found.len() == expected => Ok(()),
        Ok(found) => Err(damaged(Damage::Length { expected, found: found.len() })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(damaged(Damage::Missing)),
        Err(error) => Err(unreadable(error, damaged)),
    }
}

/// That a file is damaged, if another file in its place could be read.
fn unreadable(error: io::Error, damaged: impl Fn(Damage) -> Error) -> Error {
    let kind = error.kind();
    if is_damage(kind) { damaged(Damage::Unreadable { kind }) } else { error.into() }
}

/// Whether a file is the reason, and not the process, which may have too many open.
pub(crate) fn is_damage(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{IsADirectory, NotADirectory, PermissionDenied};
    matches!(kind, IsADirectory | NotADirectory | PermissionDenied)
}
