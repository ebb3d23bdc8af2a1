//! The modules of the standard library that a release ships apart, as an image beside its extension modules.
//!
//! Up to Pyodide 0.29, `ssl`, `sqlite3` and others are wheels or zip files of their own, and so are the shared libraries
//! that they need. All of them that can be had are one image of the release.

use std::io::{Cursor, Read};
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use taipan_bundle::Bundle;
use taipan_lock::Size;
use taipan_pyodide::layer::Entry;
use taipan_runtime::Guard;
use taipan_store::{Cache, Digest, Progress};
use taipan_worker::{PACKAGES_BYTES_MAX, Packages};
use zip::ZipArchive;

use crate::Error;
use crate::image::get_or_make;
use crate::metadata::DIST_INFO;
use crate::native::{is_library, other_than_module};
use crate::source::Source;
use crate::tree::check_size;

/// A file of a release's distribution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its name.
    pub name: String,
    /// The digest of its contents.
    pub sha256: Digest,
}

/// The image of the modules in `files`; made first if the cache has none. Only then they are asked for, by `read`.
///
/// # Errors
///
/// A file that is no archive, or holds what no image can have; the cache; a fault of ours.
pub fn unvendored<E: From<Error> + From<taipan_store::Error>>(
    files: &[Published],
    read: impl Fn(&Published) -> Result<Vec<u8>, E>,
    bundle: &Arc<Bundle>,
    cache: &Cache,
    guard: &Guard,
    progress: Progress<'_>,
) -> Result<Packages, E> {
    let mut hasher = Sha256::new_with_prefix("unvendored");
    files.iter().for_each(|file| hasher.update(file.sha256.as_bytes()));
    let digest = Digest::from_bytes(hasher.finalize().into());
    let source = Source { digest, path: &bundle.extensions_path(), bundle, guard };
    get_or_make(source, cache, progress, |_: &Path| {
        let mut entries = Vec::new();
        for file in files {
            entries.extend(unpack(&file.name, &read(file)?)?);
        }
        Ok(entries)
    })
}

/// The files of an archive of a distribution, but for what tells of the package.
///
/// # Errors
///
/// What is no archive; paths that lead out of it; a library that is none; more than an image may have.
pub fn unpack(name: &str, archive: &[u8]) -> Result<Vec<Entry>, Error> {
    let refused = |problem: String| Error::Published { file: name.to_owned(), problem };
    let unreadable = |error: zip::result::ZipError| refused(format!("is no zip file ({error})"));
    let mut archive = ZipArchive::new(Cursor::new(archive)).map_err(unreadable)?;
    let mut entries = Vec::new();
    let mut bytes_total = 0;
    for index in 0..archive.len() {
        let member = archive.by_index(index).map_err(unreadable)?;
        let path = member.name().to_owned();
        if member.is_dir() || path.split('/').next().is_some_and(|top| top.ends_with(DIST_INFO)) {
            continue;
        }
        if member.enclosed_name().is_none_or(|inside| inside != Path::new(&path)) {
            return Err(refused(format!("has the file {path:?}, which leads out of it")));
        }
        let mut contents = Vec::new();
        // What the archive says of lengths need not be so.
        let most = PACKAGES_BYTES_MAX - bytes_total + 1;
        let read = member.take(most).read_to_end(&mut contents);
        read.map_err(|error| {
            refused(format!("has the file {path}, which cannot be read ({error})"))
        })?;
        bytes_total += contents.len() as u64;
        check_size(Size { files: index + 1, bytes: bytes_total })?;
        if is_library(&path)
            && let Some(found) = other_than_module(&contents)
        {
            return Err(refused(format!("has {path}, which is {found}")));
        }
        entries.push(Entry::file(path, contents));
    }
    Ok(entries)
}
