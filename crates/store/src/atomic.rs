//! Files that are there whole or not at all.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::NamedTempFile;

use crate::Error;

/// The mode of a written file, before the user's umask: tempfile's own default
/// hides it from every other user.
const FILE_MODE: u32 = 0o666;

/// The mode of a file that may hold secrets.
pub(crate) const PRIVATE_FILE_MODE: u32 = 0o600;

/// Puts `bytes` at `path`, in one step for whoever looks: the old file or the
/// new one, also after a crash. The folder of `path` has to be there.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write(path, bytes, FILE_MODE)
}

/// As [`write_atomic`], and from its first byte on nobody but its owner can read it.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write(path, bytes, PRIVATE_FILE_MODE)
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    let cannot = |source| Error::Write { path: path.to_owned(), source };
    write_with(path, mode, |file| file.write_all(bytes).map_err(cannot))
}

/// As [`write_atomic`], for a file with `mode` whose contents `fill` writes.
pub(crate) fn write_with(
    path: &Path,
    mode: u32,
    fill: impl FnOnce(&mut NamedTempFile) -> Result<(), Error>,
) -> Result<(), Error> {
    let folder = folder(path);
    let cannot = |source| Error::Write { path: path.to_owned(), source };
    let mut file = tempfile::Builder::new()
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder)
        .map_err(cannot)?;
    fill(&mut file)?;
    file.as_file().sync_all().map_err(cannot)?;
    file.persist(path).map_err(|error| cannot(error.error))?;
    sync(folder)
}

/// Waits until what is known of `path`, a file or a folder, is on disk.
pub(crate) fn sync(path: &Path) -> Result<(), Error> {
    Ok(fs_err::File::open(path)?.sync_all()?)
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    }
}
