//! One entry of the cache: a folder that is published whole.
//!
//! An entry is built in a staging folder by one process at a time, gets its
//! inventory last, and becomes visible by one rename. A process that dies on
//! the way leaves a staging folder, which the next build of an entry of that kind removes.

use std::fs::TryLockError;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::disk::{self, create_folder, in_the_way};
use crate::files::Files;
use crate::inventory::{self, Inventory};
use crate::{Damage, Error, Progress, Step, atomic};

/// The longest kind or key: a file name on every file system, with room to spare.
const NAME_BYTES_MAX: usize = 128;

/// How often, and at what distance, a lock is looked at before the wait is reported: a second in all.
const GLANCES: u32 = 50;
const GLANCE: Duration = Duration::from_millis(20);

/// What to do when an entry is missing, or damaged, and the cache can only be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnReadOnly {
    /// Say so.
    Refuse,
    /// Make it elsewhere, for this process alone.
    Apart,
}

/// One entry of the cache, there or not.
#[derive(Debug, Clone)]
pub struct Entry {
    name: String,
    /// What it is, for people.
    what: String,
    path: PathBuf,
    staging: PathBuf,
    aside: PathBuf,
    lock: PathBuf,
    used: PathBuf,
}

/// Proof that a process uses an entry.
#[derive(Debug)]
pub struct Held {
    /// None in a cache that can only be read: no process that shares it so can remove anything.
    _lock: Option<fs_err::File>,
}

impl Entry {
    pub(crate) fn new(root: &Path, kind: &str, key: &str) -> Result<Self, Error> {
        check_name(key)?;
        Ok(Self {
            name: format!("{kind}/{key}"),
            what: format!("{kind}/{key}"),
            path: Self::folder(root, kind)?.join(key),
            staging: root.join("staging").join(kind).join(key),
            // No key begins with a point, so this is no other entry's folder.
            aside: root.join("staging").join(kind).join(format!(".{key}")),
            lock: root.join("locks").join(kind).join(key),
            used: root.join("locks").join(kind).join(format!(".{key}")),
        })
    }

    /// The same, which people hear of by `what` it is, as a key is a digest that tells them nothing.
    #[must_use]
    pub fn called(self, what: impl Into<String>) -> Self {
        Self { what: what.into(), ..self }
    }

    /// Where the entries of one kind are.
    pub(crate) fn folder(root: &Path, kind: &str) -> Result<PathBuf, Error> {
        check_name(kind)?;
        Ok(root.join("entries").join(kind))
    }

    /// Where the entries of one kind are while they are built.
    pub(crate) fn staging_folder(root: &Path, kind: &str) -> Result<PathBuf, Error> {
        check_name(kind)?;
        Ok(root.join("staging").join(kind))
    }

    /// The entry's name, `kind/key`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the entry is, or would be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The entry's folder, `None` if it is not there. Looks whether all files
    /// are there with their lengths; [`Entry::files`] reads them as well.
    pub fn open(&self) -> Result<Option<PathBuf>, Error> {
        let Some(inventory) = self.inventory()? else { return Ok(None) };
        for (file, content) in &inventory.0 {
            let path = self.path.join(file);
            disk::check_length(&path, content.length, |damage| self.damaged(file, damage))?;
        }
        Ok(Some(self.path.clone()))
    }

    /// The entry's files, each compared with what was published; `None` if the entry is not there.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] when one is not as it was published.
    pub fn files(&self) -> Result<Option<Files>, Error> {
        let Some(published) = self.inventory()? else { return Ok(None) };
        Files::open(&self.name, &self.path, &published).map(Some)
    }

    /// One of the entry's files, which is not compared with what was published.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] when it is no file; what the system says when it is not there.
    pub fn glance(&self, name: &str) -> Result<fs_err::File, Error> {
        let path = self.path.join(name);
        let file = disk::open_file(&path, fs_err::OpenOptions::new().read(true))?;
        file.ok_or_else(|| self.damaged(name, Damage::NoFile))
    }

    /// Reads every file of the entry and compares it with what was published, and looks for others;
    /// `false` if the entry is not there.
    pub fn verify(&self) -> Result<bool, Error> {
        let Some(published) = self.inventory()? else { return Ok(false) };
        Files::open(&self.name, &self.path, &published)?;
        self.compare(&published, &inventory::take(&self.path)?)?;
        Ok(true)
    }

    /// Compares the files in `folder`, and the inventory among them, with each other.
    pub(crate) fn check_files(&self, folder: &Path) -> Result<(), Error> {
        let damaged = |damage| self.damaged(inventory::FILE, damage);
        let published = inventory::read(folder)?.unwrap_or(Err(Damage::Missing));
        let published = published.map_err(damaged)?;
        let found = inventory::take(folder)?;
        self.compare(&published, &found)?;
        match published.0.keys().find(|file| !found.0.contains_key(*file)) {
            Some(file) => Err(self.damaged(file, Damage::Missing)),
            None => Ok(()),
        }
    }

    /// Whether what was found was published like this.
    fn compare(&self, published: &Inventory, found: &Inventory) -> Result<(), Error> {
        for (file, content) in &found.0 {
            match published.0.get(file) {
                None => return Err(self.damaged(file, Damage::Unexpected)),
                Some(expected) if expected.digest != content.digest => {
                    let expected = Box::new(expected.digest);
                    let found = Box::new(content.digest);
                    return Err(self.damaged(file, Damage::Digest { expected, found }));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// The entry's files. If it is not there or is damaged, `build` fills the empty folder
    /// it is given, and that becomes the entry.
    ///
    /// Of several processes one builds and the others wait, which `progress`
    /// hears of. An error of `build` leaves nothing behind.
    ///
    /// # Errors
    ///
    /// What `build` says; [`Error::ReadOnly`], or [`Error::Damaged`] when it is there, in a cache that can only be
    /// read.
    pub fn get_or_build<E: From<Error>>(
        &self,
        on_read_only: OnReadOnly,
        progress: Progress<'_>,
        build: impl FnOnce(&Path) -> Result<(), E>,
    ) -> Result<Files, E> {
        // The process that holds the lock may be removing what looks damaged.
        let damage = match self.files() {
            Ok(Some(files)) => return Ok(files),
            Ok(None) => None,
            Err(error @ Error::Damaged { .. }) => Some(error),
            Err(error) => return Err(error.into()),
        };
        let lock = self.lock(progress).and_then(|lock| self.clear_staging().map(|()| lock));
        let _lock = match (lock, on_read_only) {
            (Ok(lock), _) => lock,
            (Err(error), OnReadOnly::Apart) if error.is_read_only() => {
                progress(Step::Apart { entry: &self.what });
                return self.build_apart(build);
            }
            (Err(error), OnReadOnly::Refuse) if error.is_read_only() => {
                return Err(damage.unwrap_or_else(|| self.read_only(error)).into());
            }
            (Err(error), _) => return Err(error.into()),
        };
        // Another process may have built it while this one waited.
        match self.files() {
            Ok(Some(files)) => return Ok(files),
            Ok(None) => {}
            Err(error @ Error::Damaged { .. }) => {
                progress(Step::Damaged { what: &error.to_string() });
            }
            Err(error) => return Err(error.into()),
        }
        self.clear_unfinished();
        create_folder(&self.staging)?;
        // It is said before the work, not after it.
        create_parent(&self.path)?;
        if let Err(error) = build(&self.staging) {
            // What cannot be removed now is removed by the next build; why the
            // build failed is what the caller has to hear.
            let _removed_later = self.clear_staging();
            return Err(error);
        }
        let published = self.publish()?;
        Ok(Files::open(&self.name, &self.path, &published)?)
    }

    /// Has `build` make the entry in a folder of this process.
    fn build_apart<E: From<Error>>(
        &self,
        build: impl FnOnce(&Path) -> Result<(), E>,
    ) -> Result<Files, E> {
        let folder = TempDir::with_prefix("taipan-").map_err(Error::Io)?;
        build(folder.path())?;
        let published = inventory::take(folder.path())?;
        Ok(Files::open(&self.name, folder.path(), &published)?.apart(folder))
    }

    fn read_only(&self, error: Error) -> Error {
        match error {
            Error::Io(source) => Error::ReadOnly { entry: self.name.clone(), source },
            other => other,
        }
    }

    /// Says that this process uses the entry, for as long as what it gets lives.
    pub fn hold(&self) -> Result<Held, Error> {
        let file = match self.uses() {
            Err(error) if error.is_read_only() => {
                match disk::open_file(&self.used, fs_err::OpenOptions::new().read(true)) {
                    Ok(Some(file)) => file,
                    Ok(None) | Err(_) => return Ok(Held { _lock: None }),
                }
            }
            opened => opened?,
        };
        let cannot = |source| Error::Lock { path: self.used.clone(), source };
        file.file().lock_shared().map_err(cannot)?;
        Ok(Held { _lock: Some(file) })
    }

    /// Removes the entry unless a process uses it; whether it is gone.
    pub fn remove_unused(&self, progress: Progress<'_>) -> Result<bool, Error> {
        let uses = self.uses()?;
        let unused = try_lock(&uses)?;
        if unused {
            self.remove(progress)?;
        }
        Ok(unused)
    }

    /// Removes what a killed process has left in staging, or only looks whether that can be done; false while a process
    /// builds the entry.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn remove_unfinished(&self, only_look: bool) -> Result<bool, Error> {
        let lock = create_lock(&self.lock)?;
        let unfinished = try_lock(&lock)?;
        if unfinished && !only_look {
            self.clear_staging()?;
            remove(&self.aside)?;
        }
        Ok(unfinished)
    }

    /// Bytes of its files, as the inventory lists them; none for one that is damaged or not there.
    pub fn bytes(&self) -> Result<u64, Error> {
        match self.inventory() {
            Ok(listed) => Ok(listed
                .iter()
                .flat_map(|inventory| inventory.0.values())
                .fold(0, |sum, content| sum.saturating_add(content.length))),
            Err(Error::Damaged { .. }) => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// When a process last said that it uses the entry; else when it was made.
    ///
    /// # Errors
    ///
    /// When it is not there.
    pub fn last_use(&self) -> Result<SystemTime, Error> {
        let used = fs_err::metadata(&self.used).and_then(|found| found.modified());
        Ok(used
            .or_else(|_| fs_err::symlink_metadata(&self.path).and_then(|found| found.modified()))?)
    }

    /// The file that processes lock while they use the entry. Its opening sets the time of the last use.
    fn uses(&self) -> Result<fs_err::File, Error> {
        create_lock(&self.used)
    }

    /// Removes the entry if it is there; waits for a process that builds it.
    /// A process that has its files open or mapped keeps them.
    pub fn remove(&self, progress: Progress<'_>) -> Result<(), Error> {
        let _lock = self.lock(progress)?;
        self.clear_staging()?;
        if fs_err::symlink_metadata(&self.path).is_ok() {
            create_parent(&self.staging)?;
            self.set_aside()?;
        }
        Ok(())
    }

    fn inventory(&self) -> Result<Option<Inventory>, Error> {
        let read = inventory::read(&self.path)?.transpose();
        read.map_err(|damage| match self.path.parent().and_then(disk::no_folder) {
            // No entry can be there, so none is damaged.
            Some(path) => Error::InTheWay { path, needed: "folder" },
            None => self.damaged(inventory::FILE, damage),
        })
    }

    /// Takes the entry's lock, which the system releases when the file is
    /// closed, also by a crash. The file stays: removing it would let two
    /// processes hold "the" lock on two files.
    fn lock(&self, progress: Progress<'_>) -> Result<fs_err::File, Error> {
        let file = create_lock(&self.lock)?;
        let cannot = |source| Error::Lock { path: self.lock.clone(), source };
        let mut looked = file.file().try_lock();
        for _ in 0..GLANCES {
            let Err(TryLockError::WouldBlock) = looked else { break };
            std::thread::sleep(GLANCE);
            looked = file.file().try_lock();
        }
        match looked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                progress(Step::Waiting { entry: &self.what });
                file.file().lock().map_err(cannot)?;
            }
            Err(TryLockError::Error(source)) => return Err(cannot(source)),
        }
        Ok(file)
    }

    fn publish(&self) -> Result<Inventory, Error> {
        let inventory = inventory::take(&self.staging)?;
        inventory::write(&self.staging, &inventory)?;
        let parent = create_parent(&self.path)?;
        if fs_err::symlink_metadata(&self.path).is_ok() {
            self.set_aside()?;
        }
        fs_err::rename(&self.staging, &self.path)?;
        atomic::sync(parent)?;
        Ok(inventory)
    }

    /// Takes the entry away from readers in one step, then removes it. This also
    /// makes room for a rebuilt one: no folder can be renamed over a full one.
    fn set_aside(&self) -> Result<(), Error> {
        remove(&self.aside)?;
        fs_err::rename(&self.path, &self.aside)?;
        remove(&self.aside)
    }

    fn clear_staging(&self) -> Result<(), Error> {
        remove(&self.staging)
    }

    /// Removes what killed processes have left of other entries of this kind. What cannot be removed is `taipan gc`'s.
    fn clear_unfinished(&self) {
        let listed = self.staging.parent().map(fs_err::read_dir);
        for found in listed.into_iter().flatten().flatten().flatten() {
            let name = found.file_name();
            let key = name.to_str().map(|name| name.strip_prefix('.').unwrap_or(name));
            if let Some(other) = key.and_then(|key| self.of_the_same_kind(key)) {
                // Of this one, and of those that are built, another file has the lock.
                other.remove_unfinished(false).ok();
            }
        }
    }

    fn of_the_same_kind(&self, key: &str) -> Option<Self> {
        check_name(key).ok()?;
        let (kind, _) = self.name.split_once('/')?;
        let hidden = format!(".{key}");
        Some(Self {
            name: format!("{kind}/{key}"),
            what: format!("{kind}/{key}"),
            path: self.path.with_file_name(key),
            staging: self.staging.with_file_name(key),
            aside: self.aside.with_file_name(&hidden),
            lock: self.lock.with_file_name(key),
            used: self.used.with_file_name(&hidden),
        })
    }

    fn damaged(&self, file: &str, damage: Damage) -> Error {
        Error::Damaged { entry: self.name.clone(), file: file.to_owned(), damage }
    }
}

/// Takes a lock for as long as the file is open; false when another process has it.
fn try_lock(file: &fs_err::File) -> Result<bool, Error> {
    match file.file().try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(source)) => Err(Error::Lock { path: file.path().into(), source }),
    }
}

fn check_name(name: &str) -> Result<(), Error> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if name.is_empty()
        || name.len() > NAME_BYTES_MAX
        || name.starts_with('.')
        || !name.bytes().all(fits)
    {
        return Err(Error::EntryName { name: name.to_owned() });
    }
    Ok(())
}

/// Opens the file of a lock, and makes it if it is not there.
fn create_lock(path: &Path) -> Result<fs_err::File, Error> {
    create_parent(path)?;
    disk::open_own(path, fs_err::OpenOptions::new().write(true).create(true).truncate(true))
}

fn create_parent(path: &Path) -> Result<&Path, Error> {
    let parent = path.parent().unwrap_or(path);
    create_folder(parent)?;
    Ok(parent)
}

/// Removes what is at `path`: a folder, or anything else in its place.
fn remove(path: &Path) -> Result<(), Error> {
    let removed = match fs_err::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs_err::remove_dir_all(path),
        Ok(_) => fs_err::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(in_the_way(path.parent().unwrap_or(path), error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
