//! Entries of the cache as one file, for a machine without a network.
//!
//! A tar archive, not compressed:
//!
//! ```text
//! taipan-export           "taipan export 2\n", then the exporter's description of it
//! <kind>/<key>/<path>     each file of each entry, its inventory among them
//! ```
//!
//! Behind it is the digest of all of that (`seal.rs`). An import compares it, and each file with the inventory that came
//! along. That finds damage; it does not tell who made the file.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use fs_err::os::unix::fs::OpenOptionsExt;
use tar::{Archive, Builder, EntryType, Header};

use crate::disk::{create_folder, open_file};
use crate::inventory::{self, Inventory};
use crate::seal::{Seal, Sealing};
use crate::tarball::stays_inside;
use crate::{Cache, Entry, Error, OnReadOnly, Progress, atomic};

const FIRST_MEMBER: &str = "taipan-export";
const FIRST_LINE: &str = "taipan export 2\n";

/// The mode of other files in an export; what they get when they are unpacked depends on the user's umask.
const FILE_MODE: u32 = 0o644;

/// The longest description of an export, in bytes.
const ABOUT_BYTES_MAX: u64 = 64 * 1024;

/// All files of an export together: a bundle and its release take a tenth of a GiB, packages up to one.
const BYTES_MAX: u64 = 4 << 30;

/// The bits of a mode that let others than the owner have a file.
const OTHERS: u32 = 0o077;

/// Writes `entries` to the file `path`, which is there whole or not at all. `about` is for the importer.
///
/// # Errors
///
/// [`Error::Damaged`] for an entry that is not as it was published; [`Error::Output`] when `path` cannot be written.
pub fn export(entries: &[Entry], about: &str, path: &Path) -> Result<(), Error> {
    let cannot = |source| Error::Output { path: path.to_owned(), source };
    atomic::write_with(path, atomic::PRIVATE_FILE_MODE, cannot, |file| {
        let mut archive = Builder::new(Sealing::new(io::BufWriter::new(file)));
        let about = format!("{FIRST_LINE}{about}");
        add(&mut archive, FIRST_MEMBER, FILE_MODE, about.as_bytes()).map_err(cannot)?;
        for entry in entries {
            entry.verify()?;
            let Some(Ok(Inventory(files))) = inventory::read(entry.path())? else { continue };
            for name in files.keys().map(String::as_str).chain([inventory::FILE]) {
                let (mut bytes, mut file) = (Vec::new(), entry.glance(name)?);
                let mode = file.metadata()?.permissions().mode();
                file.read_to_end(&mut bytes)?;
                let name = format!("{}/{name}", entry.name());
                add(&mut archive, &name, mode, &bytes).map_err(cannot)?;
            }
        }
        archive.into_inner().and_then(Sealing::seal).map_err(cannot)
    })
}

/// Adds a file. Of its mode it is told whether others than its owner may read it.
fn add(archive: &mut Builder<impl Write>, name: &str, mode: u32, bytes: &[u8]) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(if mode & OTHERS == 0 { atomic::PRIVATE_FILE_MODE } else { FILE_MODE });
    header.set_size(bytes.len() as u64);
    archive.append_data(&mut header, name, bytes)
}

/// Refuses a file that was an export and is another now.
fn check_whole(
    path: &Path,
    file: &mut fs::File,
    unreadable: impl Fn(io::Error) -> Error,
) -> Result<(), Error> {
    let damaged = |what| Err(Error::DamagedExport { path: path.to_owned(), what });
    match Seal::of(file).map_err(&unreadable)? {
        Seal::Whole => Ok(()),
        Seal::Broken => damaged("it is not as it was written"),
        Seal::Missing if begins_as_one(file).map_err(unreadable)? => damaged("its end is missing"),
        // What it is instead comes out when it is read.
        Seal::Missing => Ok(()),
    }
}

fn begins_as_one(file: &mut fs::File) -> io::Result<bool> {
    let mut first = Vec::new();
    (&mut *file).take(FIRST_MEMBER.len() as u64).read_to_end(&mut first)?;
    file.rewind()?;
    Ok(first == FIRST_MEMBER.as_bytes())
}

/// An export, unpacked and not believed yet.
#[derive(Debug)]
pub struct Import {
    folder: tempfile::TempDir,
    about: String,
}

impl Import {
    /// Unpacks the file `path` beside the cache's entries.
    ///
    /// # Errors
    ///
    /// [`Error::DamagedExport`] for a file that is not as `export` wrote it, [`Error::NoExport`] for one that it does not
    /// write.
    pub fn open(path: &Path, cache: &Cache) -> Result<Self, Error> {
        let staging = cache.root().join("staging");
        create_folder(&staging)?;
        let folder = tempfile::Builder::new().prefix(".import-").tempdir_in(&staging)?;
        let refused = |what: &str| Error::NoExport { path: path.to_owned(), what: what.to_owned() };
        let unreadable = |error: io::Error| refused(&error.to_string());
        let opened = open_file(path, fs_err::OpenOptions::new().read(true));
        let opened = opened
            .map_err(|source| Error::Unreadable { place: path.display().to_string(), source })?;
        let mut opened = opened.ok_or_else(|| refused("it is no file"))?;
        check_whole(path, opened.file_mut(), unreadable)?;
        let mut archive = Archive::new(io::BufReader::new(opened));
        let mut members = archive.entries().map_err(unreadable)?;
        let first = members.next().ok_or_else(|| refused("it is empty"))?.map_err(unreadable)?;
        let mut about = String::new();
        let is_first = first.path_bytes().as_ref() == FIRST_MEMBER.as_bytes();
        first.take(ABOUT_BYTES_MAX).read_to_string(&mut about).map_err(unreadable)?;
        let about = about.strip_prefix(FIRST_LINE).filter(|_| is_first);
        let about = about.ok_or_else(|| refused("it does not begin as one"))?.to_owned();
        let (mut bytes, mut seen) = (0, BTreeSet::new());
        for member in members {
            let mut member = member.map_err(unreadable)?;
            let name = String::from_utf8_lossy(&member.path_bytes()).into_owned();
            if member.header().entry_type() != EntryType::Regular || !stays_inside(&name) {
                return Err(refused(&format!("`{name}` is no file in it")));
            }
            bytes += member.size();
            if bytes > BYTES_MAX {
                return Err(refused(&format!("it unpacks to more than {BYTES_MAX} bytes")));
            }
            let target = folder.path().join(&name);
            if !seen.insert(name.clone()) {
                return Err(refused(&format!("`{name}` is in it twice")));
            }
            fs_err::create_dir_all(target.parent().unwrap_or(folder.path()))?;
            let mut bytes = Vec::new();
            member.read_to_end(&mut bytes).map_err(unreadable)?;
            if bytes.len() as u64 != member.size() {
                return Err(refused(&format!("it ends within `{name}`")));
            }
            let is_private = member.header().mode().is_ok_and(|mode| mode & OTHERS == 0);
            let mode = if is_private { atomic::PRIVATE_FILE_MODE } else { atomic::FILE_MODE };
            let mut options = fs_err::OpenOptions::new();
            options.write(true).create_new(true).mode(mode).open(target)?.write_all(&bytes)?;
        }
        Ok(Self { folder, about })
    }

    /// What the exporter said of it.
    #[must_use]
    pub fn about(&self) -> &str {
        &self.about
    }

    /// Where the files of an entry are, which is not there if the export has none.
    #[must_use]
    pub fn folder(&self, entry: &Entry) -> PathBuf {
        self.folder.path().join(entry.name())
    }

    /// Compares an entry with what was published: before any is taken, so that a damaged export leaves nothing behind.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] with the file.
    pub fn check(&self, entry: &Entry) -> Result<(), Error> {
        entry.check_files(&self.folder(entry))
    }

    /// Puts an entry into the cache, unless it is there.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] when it is not as it was published.
    pub fn take(&self, entry: &Entry, progress: Progress<'_>) -> Result<(), Error> {
        self.check(entry)?;
        let folder = self.folder(entry);
        let files = |staging: &Path| {
            fs_err::remove_dir(staging)?;
            fs_err::rename(&folder, staging)?;
            Ok::<_, Error>(fs_err::remove_file(staging.join(inventory::FILE))?)
        };
        entry.get_or_build(OnReadOnly::Refuse, progress, files).map(drop)
    }
}
