//! A file of the user's project, kept as it is while another program changes it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::Error;

/// A file as it was, or that there was none. It has its room on the disk already, so it comes back on a full one too.
#[derive(Debug)]
pub struct Kept {
    path: PathBuf,
    before: Option<(Vec<u8>, NamedTempFile)>,
}

impl Kept {
    /// Keeps the file at `path`, in a file beside it whose name begins with `prefix`.
    ///
    /// # Errors
    ///
    /// [`Error::Project`] when there can be none, as in a directory that can only be read.
    pub fn keep(path: &Path, prefix: &str) -> Result<Self, Error> {
        let cannot = |source| Error::Project { path: path.to_owned(), source };
        let path = fs_err::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let before = match fs_err::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(cannot(error)),
            Ok(bytes) => {
                let copy = copy(&path, &bytes, prefix).map_err(cannot)?;
                Some((bytes, copy))
            }
        };
        Ok(Self { path, before })
    }

    /// Puts back what was there, if it is another now.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn restore(self) -> Result<(), Error> {
        let Self { path, before } = self;
        let cannot = |source| Error::Write { path: path.clone(), source };
        let now = fs_err::read(&path);
        match before {
            Some((bytes, _)) if now.as_ref().is_ok_and(|now| *now == bytes) => Ok(()),
            Some((_, copy)) => copy.persist(&path).map(drop).map_err(|error| cannot(error.error)),
            None if now.is_ok() => fs_err::remove_file(&path).map_err(cannot),
            None => Ok(()),
        }
    }
}

fn copy(path: &Path, bytes: &[u8], prefix: &str) -> io::Result<NamedTempFile> {
    let folder = path.parent().unwrap_or(path);
    let mut copy = tempfile::Builder::new().prefix(prefix).tempfile_in(folder)?;
    copy.as_file().set_permissions(fs_err::metadata(path)?.permissions())?;
    copy.write_all(bytes)?;
    copy.as_file().sync_all()?;
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::write_of_project;

    #[test]
    fn comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("file"), folder.path().join("link"));
        let kept = Kept::keep(&path, "copy").unwrap();
        write_of_project(&path, b"new").unwrap();
        kept.restore().unwrap();
        assert!(!path.exists());
        write_of_project(&path, b"old").unwrap();
        fs_err::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        symlink(&path, &link).unwrap();
        let kept = Kept::keep(&link, "copy").unwrap();
        write_of_project(&link, b"new").unwrap();
        assert_eq!(fs_err::read(&path).unwrap(), b"new");
        kept.restore().unwrap();
        assert_eq!(fs_err::read(&path).unwrap(), b"old");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = write_of_project(folder.path(), b"").unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot write {}, which is as it was", folder.path().display())
        );
        assert_eq!(error.hint().as_deref(), Some("remove what is in the place of the file"));
    }
}
