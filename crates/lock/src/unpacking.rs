//! How much room uv takes while it unpacks: an archive can be a bomb.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::uv::Uv;

/// What the names of folders begin with into which uv unpacks, in its cache: only when an archive is whole it gets its
/// place (`uv-cache`, as of uv 0.13).
const BEGINNING: &str = ".tmp";

/// What there is in folders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Files and folders.
    pub files: usize,
    /// Bytes of files.
    pub bytes: u64,
}

impl Size {
    /// What there is below `folder`, which another program may be changing.
    #[must_use]
    pub fn of(folder: &Path) -> Self {
        let mut size = Self::default();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            // What is gone meanwhile, or not there yet, takes no room.
            let Ok(found) = fs_err::read_dir(folder) else { continue };
            for item in found.flatten() {
                let Ok(metadata) = item.metadata() else { continue };
                if metadata.is_dir() {
                    folders.push(item.path());
                }
                size.files += 1;
                size.bytes += metadata.len();
            }
        }
        size
    }
}

/// uv's cache, while uv works.
#[derive(Debug)]
pub struct Unpacking {
    cache: PathBuf,
    before: BTreeSet<OsString>,
}

impl Unpacking {
    /// Asks uv where its cache is, and looks at what is unpacked there already.
    ///
    /// # Errors
    ///
    /// When uv cannot be run, or fails.
    pub fn begin(uv: &Uv, directory: &Path) -> Result<Self, Error> {
        let said = uv.run(
            "say where its cache is",
            directory,
            vec!["cache".into(), "dir".into()],
            &|_| (),
        )?;
        let cache = PathBuf::from(String::from_utf8_lossy(&said).trim_end());
        let before = folders(&cache).collect();
        Ok(Self { cache, before })
    }

    /// What is unpacked meanwhile.
    #[must_use]
    pub fn size(&self) -> Size {
        let add = |sum: Size, (size, _): (Size, PathBuf)| Size {
            files: sum.files + size.files,
            bytes: sum.bytes + size.bytes,
        };
        self.new_ones().fold(Size::default(), add)
    }

    /// Removes the largest of what was unpacked meanwhile, after uv was ended for it.
    pub fn remove_largest(&self) {
        if let Some((_, folder)) = self.new_ones().max_by_key(|(size, _)| size.bytes) {
            // What cannot be removed is left to `uv cache prune`.
            fs_err::remove_dir_all(folder).ok();
        }
    }

    fn new_ones(&self) -> impl Iterator<Item = (Size, PathBuf)> {
        let is_new = |name: &OsString| !self.before.contains(name);
        let paths = folders(&self.cache).filter(is_new).map(|name| self.cache.join(name));
        paths.map(|path| (Size::of(&path), path)).collect::<Vec<_>>().into_iter()
    }
}

/// The names of folders into which something is unpacked.
fn folders(cache: &Path) -> impl Iterator<Item = OsString> {
    let found = fs_err::read_dir(cache).into_iter().flatten().flatten();
    let names = found.map(|item| item.file_name());
    names.filter(|name| name.to_string_lossy().starts_with(BEGINNING))
}
