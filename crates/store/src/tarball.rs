//! Package tarballs: only the pinned files come out.
//!
//! A tarball is hostile until its files have the right digests, so that links,
//! paths that climb and endless contents are refused, not skipped.

use std::io::{self, Read};
use std::path::{Component, Path};

use flate2::read::GzDecoder;
use tar::{Archive, EntryType};

use crate::arrival::Arrival;
use crate::{Error, Package};

/// How much a tarball may hold unpacked, with what is not needed of it. The
/// largest that is known, a Pyodide release, has 16 MiB.
const UNPACKED_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Takes the pinned files of `package` out of `tarball`.
pub(crate) fn unpack(
    package: &Package<'_>,
    tarball: &Path,
    arrival: &mut Arrival<'_>,
) -> Result<(), Error> {
    let compressed = fs_err::File::open(tarball)?;
    let unpacked = Bounded { source: GzDecoder::new(compressed), bytes_left: UNPACKED_BYTES_MAX };
    let mut archive = Archive::new(unpacked);
    let mut missing: Vec<_> = package.files.iter().collect();
    for member in archive.entries().map_err(|error| arrival.unreadable(error))? {
        let member = member.map_err(|error| arrival.unreadable(error))?;
        let path = String::from_utf8_lossy(&member.path_bytes()).into_owned();
        let inner = inspect(&path, member.header().entry_type()).map_err(|what| {
            Error::TarballRefused { package: package.specifier(), path: path.clone(), what }
        })?;
        let Some(index) = missing.iter().position(|file| Some(file.path) == inner) else {
            continue;
        };
        let length = member.size();
        arrival.receive(missing.swap_remove(index), member, length)?;
    }
    match missing.first() {
        Some(file) => Err(arrival.missing(file)),
        None => Ok(()),
    }
}

/// The path in the package of a file at `path` in the tarball, which has all
/// files in one folder; `None` for what is not a file.
fn inspect(path: &str, kind: EntryType) -> Result<Option<&str>, &'static str> {
    if kind.is_pax_global_extensions() {
        return Ok(None);
    }
    if !stays_inside(path) {
        return Err("leaves the package");
    }
    match kind {
        EntryType::Directory => Ok(None),
        EntryType::Regular => Ok(path.split_once('/').map(|(_, inner)| inner)),
        EntryType::Symlink | EntryType::Link => Err("is a link"),
        _ => Err("is neither a file nor a folder"),
    }
}

/// Whether a path in an archive leads to somewhere below where the archive is unpacked.
pub(crate) fn stays_inside(path: &str) -> bool {
    Path::new(path).components().all(|component| matches!(component, Component::Normal(_)))
}

/// A source that fails, rather than ends, after so many bytes.
struct Bounded<R> {
    source: R,
    bytes_left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.bytes_left = self.bytes_left.checked_sub(count as u64).ok_or_else(|| {
            io::Error::other(format!("it unpacks to more than {UNPACKED_BYTES_MAX} bytes"))
        })?;
        Ok(count)
    }
}
