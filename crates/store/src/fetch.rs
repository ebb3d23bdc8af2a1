//! Getting the files of a package into the cache, from the first place that has them.
//!
//! The files are checked against the same pins, and end up in the same entry,
//! from all places.

use std::path::{Path, PathBuf};

use crate::arrival::Arrival;
use crate::disk::{create_folder, open_own};
use crate::{Cache, Error, Import, Mirror, OnReadOnly, Package, Progress, Step, npm, tarball};

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
        Self::Npm { command: PathBuf::from("npm") }
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
            // The next source does not use what this one left of a file.
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
pub(crate) const PARTIAL: &str = "partial";

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
        // A whole file has been copied, and a wrong one would be wrong again.
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
