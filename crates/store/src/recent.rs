//! The last few entries of a program that makes many: the older ones are removed.
//!
//! `<root>/recent/<digest of the name>` lists them, the newest first, one `kind/key` a line.

use std::io;

use crate::disk::{create_folder, open_own};
use crate::{Cache, Digest, Entry, Error, Progress, atomic};

/// The folder of the lists.
const FOLDER: &str = "recent";

/// Entries that a list has at most, when all are in use.
const LISTED_MAX: usize = 64;

impl Cache {
    /// Makes `entry` the newest of the list `list`, and removes all but the last `keep` of the list, this one included.
    /// An entry that a process uses stays, and is looked at again the next time.
    ///
    /// # Errors
    ///
    /// [`Error::InTheWay`] when the list is no file; what the system says, as in a cache that can only be read.
    pub fn keep_recent(
        &self,
        list: &str,
        entry: &Entry,
        keep: usize,
        progress: Progress<'_>,
    ) -> Result<(), Error> {
        let path = self.root().join(FOLDER).join(Digest::of(list.as_bytes()).short());
        create_folder(&self.root().join(FOLDER))?;
        let before = match open_own(&path, fs_err::OpenOptions::new().read(true)) {
            Ok(file) => io::read_to_string(file).unwrap_or_default(),
            Err(error @ Error::InTheWay { .. }) => return Err(error),
            // One that is not there, or no text, lists nothing.
            Err(_) => String::new(),
        };
        let mut names = vec![entry.name().to_owned()];
        names.extend(before.lines().filter(|name| *name != entry.name()).map(ToOwned::to_owned));
        let mut kept = Vec::new();
        for (index, name) in names.into_iter().enumerate().take(LISTED_MAX) {
            let listed = name.split_once('/').map(|(kind, key)| self.entry(kind, key));
            let Some(Ok(listed)) = listed else { continue };
            if index < keep || !listed.remove_unused(progress)? {
                kept.push(name + "\n");
            }
        }
        atomic::write_atomic(&path, kept.concat().as_bytes())
    }
}
