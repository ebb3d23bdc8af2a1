//! Files on their way into the cache, each compared with its pins.

use std::io::{self, Read, Write};
use std::path::Path;

use crate::digest::stream;
use crate::{Error, PackageFile, Progress, Step};

/// The files of a package on their way from one place into the staging folder.
pub(crate) struct Arrival<'a> {
    /// Where they come from, for messages.
    pub(crate) place: String,
    pub(crate) staging: &'a Path,
    pub(crate) bytes_done: u64,
    pub(crate) progress: Progress<'a>,
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
