//! Where the cache is, and what is in it.

use std::io;
use std::path::{Path, PathBuf};

use crate::disk::{in_the_way, no_folder};
use crate::{Entry, Error};

/// The cache's folder below one that many programs share.
const FOLDER: &str = "taipan";

/// The values of the environment that say where the cache is; `cli` reads them.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// `$TAIPAN_CACHE`: the root itself.
    pub taipan_cache: Option<PathBuf>,
    /// `$XDG_CACHE_HOME`: its parent.
    pub xdg_cache_home: Option<PathBuf>,
    /// `$HOME`: two above it.
    pub home: Option<PathBuf>,
}

/// The cache's root: `$TAIPAN_CACHE`, else `$XDG_CACHE_HOME/taipan`, else
/// `$HOME/.cache/taipan`. An empty value is none, and neither is a relative
/// `XDG_CACHE_HOME` (XDG Base Directory Specification 0.8).
pub fn root(surroundings: &Surroundings) -> Result<PathBuf, Error> {
    let Surroundings { taipan_cache, xdg_cache_home, home } = surroundings;
    let set = |path: &&PathBuf| !path.as_os_str().is_empty();
    if let Some(path) = taipan_cache.as_ref().filter(set) {
        return Ok(path.clone());
    }
    if let Some(path) = xdg_cache_home.as_ref().filter(|path| path.is_absolute()) {
        return Ok(path.join(FOLDER));
    }
    let home = home.as_ref().filter(set).ok_or(Error::NoRoot)?;
    Ok(home.join(".cache").join(FOLDER))
}

/// A cache on disk, shared by every process that opened the same root.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// Opens the cache at `root`, and makes the folder if it is not there.
    pub fn open(root: &Path) -> Result<Self, Error> {
        fs_err::create_dir_all(root)?;
        Ok(Self { root: fs_err::canonicalize(root)? })
    }

    /// The cache's folder, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The entry `key` among those of `kind`, whether or not it is there.
    pub fn entry(&self, kind: &str, key: &str) -> Result<Entry, Error> {
        Entry::new(&self.root, kind, key)
    }

    /// The published entries of `kind`, by key.
    ///
    /// # Errors
    ///
    /// [`Error::InTheWay`] when they have no folder and can have none.
    pub fn entries(&self, kind: &str) -> Result<Vec<Entry>, Error> {
        self.named(kind, names(&Entry::folder(&self.root, kind)?)?)
    }

    /// The entries of `kind` that have something in staging: a process builds them, or was killed while it did.
    ///
    /// # Errors
    ///
    /// As [`Cache::entries`].
    pub fn unfinished(&self, kind: &str) -> Result<Vec<Entry>, Error> {
        let names = names(&Entry::staging_folder(&self.root, kind)?)?;
        // One that is on its way out has a dot before its name.
        let key = |name: String| name.strip_prefix('.').map(str::to_owned).unwrap_or(name);
        self.named(kind, names.into_iter().map(key).collect())
    }

    /// Those of `kind` with these names. A name that an entry cannot have is another program's.
    fn named(&self, kind: &str, mut names: Vec<String>) -> Result<Vec<Entry>, Error> {
        names.sort();
        names.dedup();
        Ok(names.iter().filter_map(|name| self.entry(kind, name).ok()).collect())
    }
}

/// What is in a folder, which need not be there.
fn names(folder: &Path) -> Result<Vec<String>, Error> {
    let listed = match fs_err::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && no_folder(folder).is_none() => {
            return Ok(Vec::new());
        }
        listed => listed.map_err(|error| in_the_way(folder, error))?,
    };
    listed.map(|found| Ok(found?.file_name().to_string_lossy().into_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::{Surroundings, root};

    #[track_caller]
    fn check([taipan_cache, xdg_cache_home, home]: [Option<&str>; 3], expect: Option<&str>) {
        let surroundings = Surroundings {
            taipan_cache: taipan_cache.map(Into::into),
            xdg_cache_home: xdg_cache_home.map(Into::into),
            home: home.map(Into::into),
        };
        assert_eq!(root(&surroundings).ok(), expect.map(Into::into));
    }

    #[test]
    fn first_that_is_set() {
        check([Some("/a"), Some("/b"), Some("/c")], Some("/a"));
        check([None, Some("/b"), Some("/c")], Some("/b/taipan"));
        check([None, None, Some("/c")], Some("/c/.cache/taipan"));
    }

    #[test]
    fn empty_is_not_set() {
        check([Some(""), Some(""), Some("/c")], Some("/c/.cache/taipan"));
        check([Some(""), None, Some("")], None);
        check([None, None, None], None);
    }

    #[test]
    fn relative_only_when_it_is_ours() {
        check([Some("cache"), None, None], Some("cache"));
        check([None, Some("cache"), Some("/c")], Some("/c/.cache/taipan"));
    }
}
