//! Files that are there whole or not at all.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::Error;
use crate::disk::open_file;

/// The mode of a written file, before the user's umask: tempfile's own default
/// hides it from every other user.
pub(crate) const FILE_MODE: u32 = 0o666;

/// The mode of a program.
const PROGRAM_FILE_MODE: u32 = 0o777;

/// The mode of a file that may hold secrets.
pub(crate) const PRIVATE_FILE_MODE: u32 = 0o600;

/// Puts `bytes` at `path`, in one step: a reader finds the old file or the
/// new one, also after a crash. The folder of `path` has to be there.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write(path, bytes, FILE_MODE)
}

/// As [`write_atomic`]; from its first byte on only its owner can read it.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write(path, bytes, PRIVATE_FILE_MODE)
}

/// As [`write_atomic`], for a program that any user may run.
pub fn write_program(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write(path, bytes, PROGRAM_FILE_MODE)
}

/// As [`write_private`], for a file outside of the cache that the user named.
pub fn write_output(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let cannot = |source| Error::Output { path: path.to_owned(), source };
    write_with(path, PRIVATE_FILE_MODE, cannot, |file| file.write_all(bytes).map_err(cannot))
}

/// As [`write_atomic`], for a file of the user's project: it keeps its mode, a link stays one, and a file that its owner
/// has made read-only stays as it is.
///
/// # Errors
///
/// [`Error::Project`], with the file as it was.
pub fn write_of_project(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let cannot = |source| Error::Project { path: path.to_owned(), source };
    let place = fs_err::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mode = match open_file(&place, fs_err::OpenOptions::new().write(true)) {
        Ok(Some(file)) => Some(file.metadata().map_err(cannot)?.permissions()),
        Ok(None) => return Err(cannot(io::ErrorKind::IsADirectory.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(cannot(error)),
    };
    write_with(&place, FILE_MODE, cannot, |file| {
        let kept = mode.map_or(Ok(()), |mode| file.set_permissions(mode));
        kept.and_then(|()| file.write_all(bytes)).map_err(cannot)
    })
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    let cannot = |source| Error::Write { path: path.to_owned(), source };
    write_with(path, mode, cannot, |file| file.write_all(bytes).map_err(cannot))
}

/// As [`write_atomic`], for a file with `mode`. `fill` writes its contents; `cannot` makes the error of what the
/// system refuses.
pub(crate) fn write_with(
    path: &Path,
    mode: u32,
    cannot: impl Fn(io::Error) -> Error,
    fill: impl FnOnce(&mut File) -> Result<(), Error>,
) -> Result<(), Error> {
    let folder = folder(path);
    let mut file = tempfile::Builder::new()
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder)
        .map_err(&cannot)?;
    fill(file.as_file_mut())?;
    file.as_file().sync_all().map_err(&cannot)?;
    file.persist(path).map_err(|error| cannot(error.error))?;
    sync_path(folder).map_err(cannot)
}

/// Waits until what is known of `path`, a file or a folder, is on disk.
pub(crate) fn sync(path: &Path) -> Result<(), Error> {
    Ok(sync_path(path)?)
}

fn sync_path(path: &Path) -> io::Result<()> {
    fs_err::File::open(path)?.sync_all()
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    }
}
