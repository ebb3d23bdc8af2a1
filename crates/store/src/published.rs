//! A file that is published beside a release of Pyodide, known by its digest alone: no npm package has it.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::arrival::Arrival;
use crate::disk::{create_folder, open_own};
use crate::{
    Cache, Digest, Entry, Error, Files, Import, Mirror, OnReadOnly, PackageFile, Progress, Source,
    Step, write_atomic,
};

/// The kind of entry of the cache, each with one file.
pub const PUBLISHED_ENTRIES: &str = "published";

/// The longest file, in bytes. The longest of 314, `libgdal`, has 20 MB.
const FILE_BYTES_MAX: u64 = 512 << 20;

/// The folder of the cache that remembers where files were looked for in vain.
const SOUGHT: &str = "sought";

/// For how long a mirror that did not have a file is not asked again.
const REMEMBERED: Duration = Duration::from_secs(6 * 60 * 60);

/// A file of a release's distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishedFile<'a> {
    /// The release's version.
    pub version: &'a str,
    /// Its name there.
    pub name: &'a str,
    /// The digest of its contents.
    pub sha256: Digest,
}

impl PublishedFile<'_> {
    /// The cache's entry that has it, or would have it.
    ///
    /// # Errors
    ///
    /// None that is known: a digest is a name.
    pub fn entry(&self, cache: &Cache) -> Result<Entry, Error> {
        Ok(cache.entry(PUBLISHED_ENTRIES, &self.sha256.to_string())?.called(self.specifier()))
    }

    /// The file, as people see it.
    fn specifier(&self) -> String {
        format!("{} of Pyodide {}", self.name, self.version)
    }

    /// Whether the cache has it, or a mirror may be asked for it: one that had no answer is asked again after hours.
    #[must_use]
    pub fn may_be_had(&self, sources: &[Source], cache: &Cache) -> bool {
        self.entry(cache).is_ok_and(|entry| entry.path().exists())
            || sources.iter().any(|source| match source {
                Source::Folder(folder) => self.in_folder(folder).is_some(),
                Source::Export(_) => true,
                Source::Mirror(mirror) => !self.was_sought(mirror, cache),
                Source::Npm { .. } => false,
            })
    }

    fn in_folder(&self, folder: &Path) -> Option<PathBuf> {
        let places = [folder.join(self.name), folder.join("pyodide").join(self.name)];
        places.into_iter().find(|path| path.is_file())
    }

    /// Whether the mirror had no answer lately, or did not have this file.
    fn was_sought(&self, mirror: &Mirror, cache: &Cache) -> bool {
        [mirror.address.clone(), self.address(mirror)].iter().any(|what| {
            let note = fs_err::metadata(note(what, cache)).and_then(|note| note.modified());
            let age = note.ok().and_then(|time| SystemTime::elapsed(&time).ok());
            age.is_some_and(|age| age < REMEMBERED)
        })
    }

    fn address(&self, mirror: &Mirror) -> String {
        format!("{} {}", mirror.address, self.specifier())
    }

    /// Asks a mirror, and remembers for hours when it has no answer. A cache that can only be read remembers nothing: then
    /// it is not asked.
    fn ask<T>(
        &self,
        mirror: &Mirror,
        cache: &Cache,
        ask: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let (own, all) = (self.address(mirror), mirror.address.clone());
        let place = match self.was_sought(mirror, cache) {
            true => Some("which was asked in the last hours"),
            false if remember(&all, cache).is_err() => {
                Some("which is asked by a cache that can be written")
            }
            false => None,
        };
        if let Some(why) = place {
            let (file, place) = (self.name.to_owned(), format!("{all}, {why}"));
            return Err(Error::Missing { file, place });
        }
        let answer = ask();
        if let Ok(_) | Err(Error::Missing { .. } | Error::Digest { .. }) = &answer {
            fs_err::remove_file(note(&all, cache))?;
        }
        if answer.is_err() {
            remember(&own, cache)?;
        }
        answer
    }
}

fn note(what: &str, cache: &Cache) -> PathBuf {
    cache.root().join(SOUGHT).join(Digest::of(what.as_bytes()).short())
}

fn remember(what: &str, cache: &Cache) -> Result<(), Error> {
    create_folder(&cache.root().join(SOUGHT))?;
    write_atomic(&note(what, cache), format!("{what}\n").as_bytes())
}

/// The file in a folder of its own, checked: from the cache if it is there, else from the first of `sources` that has it.
/// A mirror is asked once.
///
/// # Errors
///
/// What each source says when none has it; the cache.
pub fn fetch_published(
    file: &PublishedFile<'_>,
    sources: &[Source],
    cache: &Cache,
    progress: Progress<'_>,
) -> Result<Files, Error> {
    let entry = file.entry(cache)?;
    entry.get_or_build(OnReadOnly::Apart, progress, |staging| {
        let mut failures = Vec::new();
        for source in sources {
            let outcome = match source {
                Source::Npm { .. } => continue,
                Source::Folder(folder) => from_folder(file, folder, staging),
                Source::Export(export) => Import::open(export, cache)
                    .and_then(|import| from_folder(file, &import.folder(&entry), staging)),
                Source::Mirror(mirror) => {
                    file.ask(mirror, cache, || from_mirror(file, mirror, cache, staging, progress))
                }
            };
            match outcome {
                Ok(()) => return Ok(()),
                Err(error) => failures.push(error),
            }
            // What is wrong of it is not published.
            let _none = fs_err::remove_file(staging.join(file.name));
        }
        Err(match <[Error; 1]>::try_from(failures) {
            Ok([only]) => only,
            Err(failures) => Error::Nowhere {
                package: file.specifier(),
                failures: failures.iter().map(ToString::to_string).collect(),
            },
        })
    })
}

fn from_folder(file: &PublishedFile<'_>, folder: &Path, staging: &Path) -> Result<(), Error> {
    let place = folder.display().to_string();
    let Some(path) = file.in_folder(folder) else {
        return Err(Error::Missing { file: file.name.to_owned(), place });
    };
    let opened = fs_err::File::open(path);
    let opened = opened.map_err(|source| Error::Unreadable { place: place.clone(), source })?;
    receive(file, opened, place, staging)
}

fn from_mirror(
    file: &PublishedFile<'_>,
    mirror: &Mirror,
    cache: &Cache,
    staging: &Path,
    progress: Progress<'_>,
) -> Result<(), Error> {
    let folder = cache.root().join(crate::fetch::PARTIAL);
    create_folder(&folder)?;
    let partial = folder.join(file.sha256.to_string());
    let label = format!("downloading {}", file.specifier());
    let is_begun = Cell::new(false);
    // A mirror that does not answer, as where there is no network, is not worth a word.
    let advance = |bytes_done| {
        if !is_begun.replace(true) {
            progress(Step::Begin { label: &label, bytes_total: None });
        }
        progress(Step::Advance { bytes_done });
    };
    let outcome = mirror
        .download_once((file.version, file.name), &partial, FILE_BYTES_MAX, &advance)
        .and_then(|place| {
            let source = open_own(&partial, fs_err::OpenOptions::new().read(true))?;
            receive(file, source, place, staging)
        });
    let _none = fs_err::remove_file(&partial);
    outcome
}

/// Copies the file, and compares it with its digest.
fn receive(
    file: &PublishedFile<'_>,
    source: fs_err::File,
    place: String,
    staging: &Path,
) -> Result<(), Error> {
    let length = source.metadata()?.len();
    if length > FILE_BYTES_MAX {
        let (file, expected) = (file.name.to_owned(), FILE_BYTES_MAX);
        return Err(Error::Length { file, place, expected, found: length });
    }
    let pinned = PackageFile { path: file.name, length, sha256: file.sha256 };
    let mut arrival = Arrival { place, staging, bytes_done: 0, progress: &|_| () };
    arrival.receive(&pinned, source, length)
}
