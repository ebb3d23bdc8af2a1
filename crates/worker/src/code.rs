//! The files that a program sees.

use std::path::Path;
use std::sync::Arc;

use taipan_pyodide::LayerBytes;
use taipan_pyodide::layer::{Entry, Layer, encode};
use taipan_store::Digest;

use crate::Error;
use crate::author::Author;

/// Bytes of all files that one directory gives to a worker.
const DIRECTORY_BYTES_MAX: u64 = 256 << 20;

/// Directories that are never a part of a program: histories, environments, caches.
const SKIPPED: [&str; 7] =
    [".git", ".venv", ".venv-workers", ".wrangler", "node_modules", "__pycache__", "target"];

/// A tree of files, ready to be mounted.
#[derive(Clone, Debug)]
pub struct Code {
    pub(crate) layer: Arc<Layer<LayerBytes>>,
    /// Of the layer's bytes.
    pub(crate) digest: Digest,
    /// Where they come from.
    pub(crate) author: Author,
}

impl Code {
    /// The paths of all files.
    pub fn paths(&self) -> impl Iterator<Item = String> {
        self.layer.files().map(|(path, _)| path)
    }

    /// The files of `entries`.
    ///
    /// # Errors
    ///
    /// Paths that collide or cannot be.
    pub fn new(entries: &[Entry]) -> Result<Code, Error> {
        const DOING: &str = "making a file layer";
        let bytes = encode(entries).map_err(|source| Error::Pyodide { doing: DOING, source })?;
        let digest = Digest::of(&bytes);
        let layer = Layer::decode(bytes.into())
            .map_err(|source| Error::Pyodide { doing: DOING, source })?;
        Ok(Code { layer: Arc::new(layer), digest, author: Author::default() })
    }
}

/// Reads all files of a directory, without following links out of it.
///
/// # Errors
///
/// What cannot be read; more than 256 MiB.
pub fn from_directory(directory: &Path) -> Result<Code, Error> {
    let mut entries = Vec::new();
    let mut bytes = 0;
    let root = fs_err::canonicalize(directory)
        .map_err(|source| Error::Read { path: directory.into(), source })?;
    collect(&root, directory, "", &mut entries, &mut bytes)?;
    if bytes > DIRECTORY_BYTES_MAX {
        return Err(Error::TooLarge { path: directory.into(), maximum: DIRECTORY_BYTES_MAX });
    }
    Ok(Code { author: Author::of(&root), ..Code::new(&entries)? })
}

/// Whether a link leads to something in `root`; editors leave links that lead nowhere.
fn leads_into(link: &Path, root: &Path) -> bool {
    fs_err::canonicalize(link).is_ok_and(|target| target.starts_with(root))
}

fn collect(
    root: &Path,
    directory: &Path,
    prefix: &str,
    entries: &mut Vec<Entry>,
    bytes: &mut u64,
) -> Result<(), Error> {
    let read = |source| Error::Read { path: directory.into(), source };
    for item in fs_err::read_dir(directory).map_err(read)? {
        let item = item.map_err(read)?;
        // A name that is not UTF-8 cannot be a Python module's, nor can the guest say it.
        let Ok(name) = item.file_name().into_string() else { continue };
        let path = format!("{prefix}{name}");
        let is_link = item.file_type().map_err(read)?.is_symlink();
        if is_link && !leads_into(&item.path(), root) {
            continue;
        }
        let kind = fs_err::metadata(item.path()).map_err(read)?;
        if kind.is_dir() && !is_link && !SKIPPED.contains(&name.as_str()) {
            entries.push(Entry::directory(path.clone()));
            collect(root, &item.path(), &format!("{path}/"), entries, bytes)?;
        } else if kind.is_file() {
            *bytes += kind.len();
            if *bytes > DIRECTORY_BYTES_MAX {
                return Ok(());
            }
            let contents = fs_err::read(item.path())
                .map_err(|source| Error::Read { path: item.path(), source })?;
            entries.push(Entry::file(path, contents));
        }
    }
    Ok(())
}
