//! What is on the disk where the cache looks: files, folders, and what is in their way.

use std::io;
use std::path::{Path, PathBuf};

use fs_err::os::unix::fs::OpenOptionsExt;
use rustix::fs::OFlags;

use crate::{Damage, Error};

/// Opens a file; `None` for anything else, such as a folder.
///
/// Never waits: a FIFO would be open only when another process has its other end.
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

/// Makes a folder of the cache, and its parents.
///
/// # Errors
///
/// [`Error::InTheWay`] for what is no folder.
pub(crate) fn create_folder(path: &Path) -> Result<(), Error> {
    fs_err::create_dir_all(path).map_err(|error| in_the_way(path, error))
}

/// Names what is no folder where `folder` needs one: in its own place, or in a parent's.
pub(crate) fn in_the_way(folder: &Path, error: io::Error) -> Error {
    if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) {
        return error.into();
    }
    match no_folder(folder) {
        Some(path) => Error::InTheWay { path, needed: "folder" },
        None => error.into(),
    }
}

/// What keeps `folder` from being there: something that is no folder, in its own place or in a parent's.
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

/// The damage of a file, if another file in its place could be read.
pub(crate) fn unreadable(error: io::Error, damaged: impl Fn(Damage) -> Error) -> Error {
    let kind = error.kind();
    if is_damage(kind) { damaged(Damage::Unreadable { kind }) } else { error.into() }
}

/// Whether a file is the reason, and not the process, which may have too many open.
pub(crate) fn is_damage(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{IsADirectory, NotADirectory, PermissionDenied};
    matches!(kind, IsADirectory | NotADirectory | PermissionDenied)
}
