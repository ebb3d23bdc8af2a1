//! One entry of the cache: a folder that is published whole.
//!
//! An entry is built in a staging folder by one process at a time, gets its
//! inventory last, and becomes visible by one rename. A process that dies on
//! the way leaves a staging folder, which the next build of that entry removes.

use std::fs::TryLockError;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::inventory::{self, Content, Inventory};
use crate::{Damage, Error, Progress, Step, atomic};

/// The longest kind or key: a file name on every file system, with room to spare.
const NAME_BYTES_MAX: usize = 128;

/// How often, and at what distance, a lock is looked at before it is said who is waited for: a second in all.
const GLANCES: u32 = 50;
const GLANCE: Duration = Duration::from_millis(20);

/// What to do with an entry that is there but not as it was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDamage {
    /// Say so, and leave it as evidence.
    Refuse,
    /// Build it again.
    Rebuild,
}

/// One entry of the cache, there or not.
#[derive(Debug, Clone)]
pub struct Entry {
    name: String,
    path: PathBuf,
    staging: PathBuf,
    aside: PathBuf,
    lock: PathBuf,
    used: PathBuf,
}

/// That a process uses an entry.
#[derive(Debug)]
pub struct Held {
    _lock: fs_err::File,
}

impl Entry {
    pub(crate) fn new(root: &Path, kind: &str, key: &str) -> Result<Entry, Error> {
        check_name(key)?;
        Ok(Entry {
            name: format!("{kind}/{key}"),
            path: Entry::folder(root, kind)?.join(key),
            staging: root.join("staging").join(kind).join(key),
            // No key begins with a point, so this is no other entry's folder.
            aside: root.join("staging").join(kind).join(format!(".{key}")),
            lock: root.join("locks").join(kind).join(key),
            used: root.join("locks").join(kind).join(format!(".{key}")),
        })
    }

    /// Where the entries of one kind are.
    pub(crate) fn folder(root: &Path, kind: &str) -> Result<PathBuf, Error> {
        check_name(kind)?;
        Ok(root.join("entries").join(kind))
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
    /// are there with their lengths; [`Entry::verify`] reads them as well.
    pub fn open(&self) -> Result<Option<PathBuf>, Error> {
        let Some(inventory) = self.inventory()? else { return Ok(None) };
        for (file, Content { length, .. }) in &inventory.0 {
            self.check_length(file, *length)?;
        }
        Ok(Some(self.path.clone()))
    }

    /// Reads every file of the entry and compares it with what was published;
    /// `false` if the entry is not there.
    pub fn verify(&self) -> Result<bool, Error> {
        let Some(published) = self.inventory()? else { return Ok(false) };
        for (file, Content { length, .. }) in &published.0 {
            self.check_length(file, *length)?;
        }
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

    /// The entry's folder. If it is not there, `build` fills the empty folder
    /// it is given, and that becomes the entry.
    ///
    /// Of several processes one builds and the others wait, which `progress`
    /// hears of. An error of `build` leaves nothing behind.
    pub fn get_or_build<E: From<Error>>(
        &self,
        on_damage: OnDamage,
        progress: Progress<'_>,
        build: impl FnOnce(&Path) -> Result<(), E>,
    ) -> Result<PathBuf, E> {
        // What looks damaged may be half removed by whoever holds the lock.
        if let Some(path) = self.look(OnDamage::Rebuild)? {
            return Ok(path);
        }
        let _lock = self.lock(progress)?;
        // Another process may have built it while this one waited.
        if let Some(path) = self.look(on_damage)? {
            return Ok(path);
        }
        self.clear_staging()?;
        fs_err::create_dir_all(&self.staging).map_err(Error::Io)?;
        if let Err(error) = build(&self.staging) {
            // What cannot be removed now is removed by the next build; why the
            // build failed is what the caller has to hear.
            let _removed_later = self.clear_staging();
            return Err(error);
        }
        self.publish()?;
        Ok(self.path.clone())
    }

    /// Says that this process uses the entry, for as long as what it gets lives.
    pub fn hold(&self) -> Result<Held, Error> {
        let file = self.uses()?;
        let cannot = |source| Error::Lock { path: self.used.clone(), source };
        file.file().lock_shared().map_err(cannot)?;
        Ok(Held { _lock: file })
    }

    /// Removes the entry unless a process uses it; whether it is gone.
    pub fn remove_unused(&self, progress: Progress<'_>) -> Result<bool, Error> {
        let uses = self.uses()?;
        match uses.file().try_lock() {
            Ok(()) => self.remove(progress).map(|()| true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(source)) => {
                Err(Error::Lock { path: self.used.clone(), source })
            }
        }
    }

    fn uses(&self) -> Result<fs_err::File, Error> {
        create_parent(&self.used)?;
        Ok(fs_err::File::create(&self.used)?)
    }

    /// Removes the entry if it is there, after whoever builds it has done so.
    /// A process that has its files open or mapped keeps them.
    pub fn remove(&self, progress: Progress<'_>) -> Result<(), Error> {
        let _lock = self.lock(progress)?;
        self.clear_staging()?;
        if self.path.try_exists()? {
            create_parent(&self.staging)?;
            self.set_aside()?;
        }
        Ok(())
    }

    fn look(&self, on_damage: OnDamage) -> Result<Option<PathBuf>, Error> {
        match (self.open(), on_damage) {
            (Err(Error::Damaged { .. }), OnDamage::Rebuild) => Ok(None),
            (looked, _) => looked,
        }
    }

    fn inventory(&self) -> Result<Option<Inventory>, Error> {
        inventory::read(&self.path)?
            .transpose()
            .map_err(|damage| self.damaged(inventory::FILE, damage))
    }

    fn check_length(&self, file: &str, expected: u64) -> Result<(), Error> {
        match fs_err::symlink_metadata(self.path.join(file)) {
            Ok(found) if !found.is_file() => Err(self.damaged(file, Damage::Missing)),
            Ok(found) if found.len() == expected => Ok(()),
            Ok(found) => Err(self.damaged(file, Damage::Length { expected, found: found.len() })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(self.damaged(file, Damage::Missing))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Takes the entry's lock, which the system releases when the file is
    /// closed, also by a crash. The file stays: removing it would let two
    /// processes hold "the" lock on two files.
    fn lock(&self, progress: Progress<'_>) -> Result<fs_err::File, Error> {
        create_parent(&self.lock)?;
        let file = fs_err::File::create(&self.lock)?;
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
                progress(Step::Waiting { entry: &self.name });
                file.file().lock().map_err(cannot)?;
            }
            Err(TryLockError::Error(source)) => return Err(cannot(source)),
        }
        Ok(file)
    }

    fn publish(&self) -> Result<(), Error> {
        let inventory = inventory::take(&self.staging)?;
        inventory::write(&self.staging, &inventory)?;
        let parent = create_parent(&self.path)?;
        if self.path.try_exists()? {
            self.set_aside()?;
        }
        fs_err::rename(&self.staging, &self.path)?;
        atomic::sync(parent)
    }

    /// Takes the entry away from readers in one step, then removes it. This also
    /// makes room for a rebuilt one: no folder can be renamed over a full one.
    fn set_aside(&self) -> Result<(), Error> {
        remove_folder(&self.aside)?;
        fs_err::rename(&self.path, &self.aside)?;
        remove_folder(&self.aside)
    }

    fn clear_staging(&self) -> Result<(), Error> {
        remove_folder(&self.staging)
    }

    fn damaged(&self, file: &str, damage: Damage) -> Error {
        Error::Damaged { entry: self.name.clone(), file: file.to_owned(), damage }
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

fn create_parent(path: &Path) -> Result<&Path, Error> {
    let parent = path.parent().unwrap_or(path);
    fs_err::create_dir_all(parent)?;
    Ok(parent)
}

fn remove_folder(path: &Path) -> Result<(), Error> {
    match fs_err::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}
