//! The files of an entry as they are used: open, and the same that were published.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::contents::digests;
use crate::disk::{check_length, open_file, unreadable};
use crate::inventory::Inventory;
use crate::{Damage, Error};

/// The files of an entry. Each was compared with what was published.
///
/// The files that were compared are the ones that are open: a mapping of them has the same bytes, also when the entry
/// is replaced meanwhile. Only a write into a published file could still change them, and Taipan writes into none.
#[derive(Debug)]
pub struct Files {
    entry: String,
    folder: PathBuf,
    files: BTreeMap<String, fs_err::File>,
    /// The folder, when it is not in the cache; it is removed with this value.
    apart: Option<TempDir>,
}

impl Files {
    /// Opens the files of the entry `name` in `folder`, all that `published` lists, and reads each of them.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] for one that is not as it was published.
    pub(crate) fn open(name: &str, folder: &Path, published: &Inventory) -> Result<Self, Error> {
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
        Ok(Self { entry: name.to_owned(), folder: folder.to_owned(), files, apart: None })
    }

    /// The same files. Their folder is removed when they are dropped.
    pub(crate) fn apart(self, folder: TempDir) -> Self {
        Self { apart: Some(folder), ..self }
    }

    /// Where the files are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether they are not in the cache, and are removed when this is dropped.
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
