//! A directory of this machine that a guest may write.
//!
//! The guest's file system resolves paths, links included (`js/folderfs.js`); what comes here are names below the
//! directory, one after the other. No link is ever followed here, and nothing above is reached: `openat2` sees to that
//! (`RESOLVE_BENEATH`, `RESOLVE_NO_SYMLINKS`), whatever others do in the directory at the same time. What has no such
//! call is done in the parent directory, once that is open, to a plain name.

mod errno;
mod operations;

use std::fmt;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, Timestamps, fstat, mkdirat, openat,
    openat2, readlinkat, renameat, statat, unlinkat, utimensat,
};
use rustix::io::{Errno, retry_on_intr};

pub use operations::OPERATIONS as FOLDER_OPERATIONS;

/// What a file's mode may be: none that lets others act as its owner does.
const MODE_BITS: u32 = 0o777;

/// The directory, open.
#[derive(Clone)]
pub struct Folder(Arc<OwnedFd>);

/// The directories that an isolate may write, by their numbers.
#[derive(Clone, Debug, Default)]
pub struct Folders(pub Vec<Folder>);

impl fmt::Debug for Folder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Folder").finish_non_exhaustive()
    }
}

/// How a file is opened.
#[derive(Clone, Copy, Debug)]
struct Opening {
    flags: OFlags,
    mode: Mode,
}

impl Folder {
    /// Opens `path`, which is followed if it is a link.
    ///
    /// # Errors
    ///
    /// When it is no directory, cannot be opened, or the system has no `openat2` (Linux 5.6).
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = Self(Arc::new(rustix::fs::open(path, flags, Mode::empty())?));
        folder.directory("")?;
        Ok(folder)
    }

    /// The directory at `path`, which is empty for this one.
    fn directory(&self, path: &str) -> Result<OwnedFd, Errno> {
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        self.open_beneath(path, Opening { flags, mode: Mode::empty() })
    }

    fn open_beneath(&self, path: &str, Opening { flags, mode }: Opening) -> Result<OwnedFd, Errno> {
        let path = if path.is_empty() { "." } else { path };
        // openat2(2) refuses a mode that has no meaning.
        let mode = if flags.contains(OFlags::CREATE) { mode } else { Mode::empty() };
        let beneath =
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        retry_on_intr(|| openat2(&self.0, path, flags | OFlags::CLOEXEC, mode, beneath))
    }

    /// The directory that `path` is in, and its name there.
    fn parent<'a>(&self, path: &'a str) -> Result<(OwnedFd, &'a str), Errno> {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        if matches!(name, "" | "." | "..") {
            return Err(Errno::INVAL);
        }
        Ok((self.directory(parent)?, name))
    }

    fn stat(&self, path: &str) -> Result<Stat, Errno> {
        if path.is_empty() {
            return fstat(&self.0);
        }
        let (parent, name) = self.parent(path)?;
        statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)
    }

    /// The names in a directory; those that are no text cannot be told to a guest.
    fn list(&self, path: &str) -> Result<Vec<String>, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let directory = self.open_beneath(path, Opening { flags, mode: Mode::empty() })?;
        let mut names = Vec::new();
        for entry in Dir::read_from(directory)? {
            if let Ok(name) = entry?.file_name().to_str() {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    /// Opens a file, or makes one if the flags say so. Anything else than a file is not opened: a pipe or a device may
    /// block, or do things when it is.
    fn open_file(&self, path: &str, Opening { flags, mode }: Opening) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        match self.stat(path) {
            Ok(stat) => check_file(&stat)?,
            Err(Errno::NOENT) if flags.contains(OFlags::CREATE) => {}
            Err(error) => return Err(error),
        }
        let file = self.open_beneath(path, Opening { flags, mode })?;
        // Another process may have put something else there meanwhile.
        check_file(&fstat(&file)?)?;
        Ok(file)
    }

    fn make_directory(&self, path: &str, mode: Mode) -> Result<(), Errno> {
        let (parent, name) = self.parent(path)?;
        mkdirat(parent, name, mode)
    }

    fn remove(&self, path: &str, is_directory: bool) -> Result<(), Errno> {
        let (parent, name) = self.parent(path)?;
        let flags = if is_directory { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        unlinkat(parent, name, flags)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), Errno> {
        let ((from_parent, from), (to_parent, to)) = (self.parent(from)?, self.parent(to)?);
        renameat(from_parent, from, to_parent, to)
    }

    fn read_link(&self, path: &str) -> Result<String, Errno> {
        let (parent, name) = self.parent(path)?;
        let target = readlinkat(parent, name, Vec::new())?;
        target.into_string().map_err(|_| Errno::ILSEQ)
    }

    /// Changes the mode of what is no link, as glibc does where the system cannot (its `fchmodat.c`): by the name that
    /// an open descriptor has, since one that cannot be read or written is good for nothing else.
    fn change_mode(&self, path: &str, mode: Mode) -> Result<(), Errno> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = if path.is_empty() {
            self.directory(path)?
        } else {
            let (parent, name) = self.parent(path)?;
            openat(parent, name, flags, Mode::empty())?
        };
        if FileType::from_raw_mode(fstat(&opened)?.st_mode) == FileType::Symlink {
            return Err(Errno::OPNOTSUPP);
        }
        rustix::fs::chmod(format!("/proc/self/fd/{}", opened.as_raw_fd()), mode)
    }

    /// Sets times, those that are given.
    fn set_times(&self, path: &str, times: &Timestamps) -> Result<(), Errno> {
        if path.is_empty() {
            return utimensat(self.directory(path)?, ".", times, AtFlags::SYMLINK_NOFOLLOW);
        }
        let (parent, name) = self.parent(path)?;
        utimensat(parent, name, times, AtFlags::SYMLINK_NOFOLLOW)
    }
}

fn check_file(stat: &Stat) -> Result<(), Errno> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(()),
        FileType::Directory => Err(Errno::ISDIR),
        FileType::Symlink => Err(Errno::LOOP),
        _ => Err(Errno::ACCESS),
    }
}

fn mode(bits: u32) -> Mode {
    Mode::from_raw_mode(bits & MODE_BITS)
}

#[cfg(test)]
mod tests;
