//! Files of published packages, each pinned by length and digest.
//!
//! Wherever the files come from they are checked against the same pins, and
//! end up in the same entry.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::digest::stream;
use crate::files::{create_folder, open_own};
use crate::{
    Cache, Digest, Entry, Error, Import, Mirror, OnReadOnly, Progress, Step, inventory, npm,
    tarball,
};

/// The cache's entries that hold files of npm packages.
const KIND: &str = "npm";

/// The files that are needed of one version of an npm package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Package<'a> {
    /// The package's name, without a scope.
    pub name: &'a str,
    /// Its exact version.
    pub version: &'a str,
    /// The files; all others are left out.
    pub files: &'a [PackageFile<'a>],
}

/// One file of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackageFile<'a> {
    /// Its path in the package, with `/`.
    pub path: &'a str,
    /// Its length in bytes.
    pub length: u64,
    /// The digest of its contents.
    pub sha256: Digest,
}

/// Where packages come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// The `npm` client, with the user's own configuration.
    Npm {
        /// The program to run, looked for in `PATH` if it is a bare name.
        command: PathBuf,
    },
    /// A folder that holds each package in a folder of the package's name (as
    /// `node_modules` does), or the files of the package itself.
    Folder(PathBuf),
    /// A file that [`crate::export`] wrote.
    Export(PathBuf),
    /// A mirror, over HTTP.
    Mirror(Mirror),
}

impl Source {
    /// The `npm` that is in `PATH`.
    pub fn npm() -> Self {
        Source::Npm { command: PathBuf::from("npm") }
    }
}

impl Package<'_> {
    /// The package as people and npm write it: `name@version`.
    pub(crate) fn specifier(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    /// The cache's entry that has its files, or would have them.
    pub fn entry(&self, cache: &Cache) -> Result<Entry, Error> {
        cache.entry(KIND, &self.key())
    }

    /// The cache key: another set of pins is another entry, and so is one with another kind of inventory.
    fn key(&self) -> String {
        let files = self.files.iter();
        let pins: String = std::iter::once(format!("{}\n", inventory::FIRST_LINE))
            .chain(files.map(|file| format!("{} {} {}\n", file.sha256, file.length, file.path)))
            .collect();
        format!("{}-{}-{}", self.name, self.version, Digest::of(pins.as_bytes()).short())
    }
}

/// The folder with the files of `package`, checked; from the cache if they are
/// there, else from the first of `sources` that has them.
pub fn fetch(
    package: &Package<'_>,
    sources: &[Source],
    cache: &Cache,
    progress: Progress<'_>,
) -> Result<PathBuf, Error> {
    let entry = package.entry(cache)?;
    let files = entry.get_or_build(OnReadOnly::Refuse, progress, |staging| {
        let mut failures = Vec::new();
        for source in sources {
            let outcome = match source {
                Source::Npm { command } => from_npm(package, command, staging, progress),
                Source::Folder(folder) => {
                    let own = folder.join(package.name);
                    let folder = if own.is_dir() { &own } else { folder };
                    from_folder(package, folder, folder, staging, progress)
                }
                Source::Export(file) => Import::open(file, cache).and_then(|import| {
                    from_folder(package, &import.folder(&entry), file, staging, progress)
                }),
                Source::Mirror(mirror) => from_mirror(package, mirror, cache, staging, progress),
            };
            match outcome {
                Ok(()) => return Ok(()),
                Err(error) => failures.push(error),
            }
            // What it left of a file is none of the next one's business.
            fs_err::remove_dir_all(staging)?;
            fs_err::create_dir(staging)?;
        }
        Err(nowhere(package, failures))
    })?;
    Ok(files.folder().to_owned())
}

fn nowhere(package: &Package<'_>, failures: Vec<Error>) -> Error {
    let package = package.specifier();
    match <[Error; 1]>::try_from(failures) {
        Ok([only]) => only,
        Err(failures) if failures.is_empty() => Error::Offline { package },
        Err(failures) => {
            let failures = failures.iter().map(ToString::to_string).collect();
            Error::Nowhere { package, failures }
        }
    }
}

/// Files on their way are kept in this folder of the cache.
const PARTIAL: &str = "partial";

fn from_mirror(
    package: &Package<'_>,
    mirror: &Mirror,
    cache: &Cache,
    staging: &Path,
    progress: Progress<'_>,
) -> Result<(), Error> {
    let folder = cache.root().join(PARTIAL);
    create_folder(&folder)?;
    let place = mirror.address.clone();
    begin(package, "downloading", progress);
    let mut arrival = Arrival { place, staging, bytes_done: 0, progress: &|_| () };
    let mut bytes_before = 0;
    for file in package.files {
        let partial = folder.join(file.sha256.to_string());
        let advance = |bytes| progress(Step::Advance { bytes_done: bytes_before + bytes });
        let outcome = mirror.download(package, file, &partial, &advance).and_then(|()| {
            let source = open_own(&partial, fs_err::OpenOptions::new().read(true))?;
            let length = source.metadata()?.len();
            arrival.receive(file, source, length)
        });
        // What is whole has been copied, and what is wrong would be wrong again.
        if matches!(outcome, Ok(()) | Err(Error::Length { .. } | Error::Digest { .. })) {
            fs_err::remove_file(&partial)?;
        }
        outcome?;
        bytes_before += file.length;
    }
    Ok(())
}

fn from_npm(
    package: &Package<'_>,
    command: &Path,
    staging: &Path,
    progress: Progress<'_>,
) -> Result<(), Error> {
    let label = format!("fetching {} {} with npm", package.name, package.version);
    progress(Step::Begin { label: &label, bytes_total: None });
    // Inside the staging folder, so that a crash leaves nothing elsewhere; no
    // file of a package that is pinned here begins with a point.
    let download = staging.join(".download");
    fs_err::create_dir(&download)?;
    let tarball = npm::pack(package, command, &download)?;
    let place = format!("the tarball of {}", package.specifier());
    begin(package, "unpacking", progress);
    let mut arrival = Arrival { place, staging, bytes_done: 0, progress };
    tarball::unpack(package, &tarball, &mut arrival).map_err(|error| match error {
        Error::Unreadable { source, .. } => Error::Tarball { package: package.specifier(), source },
        other => other,
    })?;
    Ok(fs_err::remove_dir_all(&download)?)
}

/// Copies from a folder that messages call `place`.
fn from_folder(
    package: &Package<'_>,
    folder: &Path,
    place: &Path,
    staging: &Path,
    progress: Progress<'_>,
) -> Result<(), Error> {
    let place = place.display().to_string();
    begin(package, "copying", progress);
    let mut arrival = Arrival { place, staging, bytes_done: 0, progress };
    for file in package.files {
        let path = folder.join(file.path);
        if !path.is_file() {
            return Err(arrival.missing(file));
        }
        let source = fs_err::File::open(path).map_err(|error| arrival.unreadable(error))?;
        let length = source.metadata()?.len();
        arrival.receive(file, source, length)?;
    }
    Ok(())
}

fn begin(package: &Package<'_>, verb: &str, progress: Progress<'_>) {
    let label = format!("{verb} {} {}", package.name, package.version);
    let bytes_total = Some(package.files.iter().map(|file| file.length).sum());
    progress(Step::Begin { label: &label, bytes_total });
}

/// The files of a package on their way from one place into the staging folder.
pub(crate) struct Arrival<'a> {
    /// Where they come from, for messages.
    place: String,
    staging: &'a Path,
    bytes_done: u64,
    progress: Progress<'a>,
}

impl Arrival<'_> {
    /// Copies one file, of `length` bytes by its place's own account, and
    /// checks it.
    pub(crate) fn receive(
        &mut self,
        file: &PackageFile<'_>,
        source: impl Read,
        length: u64,
    ) -> Result<(), Error> {
        self.check_length(file, length)?;
        let path = self.staging.join(file.path);
        fs_err::create_dir_all(path.parent().unwrap_or(self.staging))?;
        let mut target = fs_err::File::create_new(&path)?;
        let place = self.place.clone();
        let unreadable = |source| Error::Unreadable { place: place.clone(), source };
        // One byte more than expected shows a file that is longer than it said.
        let (length, found) = stream(source.take(file.length + 1), unreadable, |piece| {
            target.write_all(piece)?;
            self.bytes_done += piece.len() as u64;
            (self.progress)(Step::Advance { bytes_done: self.bytes_done });
            Ok(())
        })?;
        self.check_length(file, length)?;
        if found != file.sha256 {
            let (expected, found) = (Box::new(file.sha256), Box::new(found));
            let (file, place) = (file.path.to_owned(), self.place.clone());
            return Err(Error::Digest { file, place, expected, found });
        }
        Ok(())
    }

    /// The error for a file that its place does not have.
    pub(crate) fn missing(&self, file: &PackageFile<'_>) -> Error {
        Error::Missing { file: file.path.to_owned(), place: self.place.clone() }
    }

    /// The error for a place that cannot be read.
    pub(crate) fn unreadable(&self, source: io::Error) -> Error {
        Error::Unreadable { place: self.place.clone(), source }
    }

    fn check_length(&self, file: &PackageFile<'_>, found: u64) -> Result<(), Error> {
        if found == file.length {
            return Ok(());
        }
        let (expected, place) = (file.length, self.place.clone());
        Err(Error::Length { file: file.path.to_owned(), place, expected, found })
    }
}
