//! Reads a snapshot, however damaged or hostile; maps nothing.

use std::ops::Range;

use sha2::{Digest as _, Sha256};

use crate::digest::Digest;
use crate::error::Error;
use crate::format::{
    FORMAT, FileOffset, FormatVersion, GuestAddress, HEADER_BYTES, HEADER_CHECKED_BYTES, MAGIC,
    MEMORY_PAGE_BYTES, MEMORY_PAGES_MAX, METADATA_BYTES_MAX, PAGE_BYTES, RUNS_READ_MAX, checksum,
    pages_begin,
};
use crate::limit::limit;
use crate::metadata::{Metadata, PageRun};
use crate::provenance::{Kind, Provenance};
use crate::state::State;

/// A snapshot that was read and checked, except its pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The digest by which other snapshots name this one: it covers everything,
    /// the pages by way of their own.
    pub digest: Digest,
    /// What it was made from.
    pub provenance: Provenance,
    /// What lives outside of the memory.
    pub state: State,
    /// Size of the memory.
    pub memory_bytes: u64,
    /// SHA-256 of all pages of the file; [`verify`] checks it.
    pub page_digest: Digest,
    /// Size of the file.
    pub file_bytes: u64,
    runs: Vec<Run>,
}

/// A part of the memory that lies in the file as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Where it goes. A multiple of [`PAGE_BYTES`].
    pub address: GuestAddress,
    /// Its size. A multiple of [`PAGE_BYTES`], never zero.
    pub bytes: u64,
    /// Where it lies in the file. A multiple of [`PAGE_BYTES`].
    pub offset: FileOffset,
}

impl Run {
    /// The addresses that it covers.
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        self.address.0..self.address.0 + self.bytes
    }
}

impl Snapshot {
    /// What the file has of the memory, by address. They do not overlap and lie
    /// within the memory and the file. What is between them is the baseline's,
    /// or zero.
    #[must_use]
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Bytes of memory that the file holds.
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        self.runs.iter().map(|run| run.bytes).sum()
    }

    /// Checks that this worker's snapshot holds what differs from `baseline`.
    ///
    /// # Errors
    ///
    /// When it differs from something else.
    pub fn check_baseline(&self, baseline: &Self) -> Result<(), Error> {
        let kind = Kind::Worker { baseline: baseline.digest };
        let inputs = self.provenance.inputs.clone();
        let bundle = baseline.provenance.bundle;
        self.provenance.check(&Provenance { bundle, kind, inputs })?;
        if self.memory_bytes < baseline.memory_bytes {
            let (found, baseline) = (self.memory_bytes, baseline.memory_bytes);
            return Err(Error::Shrunk { found, baseline });
        }
        Ok(())
    }

    /// The part of its file with the pages.
    fn pages<'f>(&self, file: &'f [u8]) -> Result<&'f [u8], Error> {
        check_file_bytes(file.len() as u64, self.file_bytes)?;
        let begin = self.file_bytes - self.stored_bytes();
        usize::try_from(begin).ok().and_then(|begin| file.get(begin..)).ok_or(PAGES_CUT)
    }

    /// The pages of its file, each with its number in the memory.
    pub(crate) fn numbered_pages<'f>(
        &self,
        file: &'f [u8],
    ) -> Result<impl Iterator<Item = (u64, &'f [u8])>, Error> {
        let page_bytes = PAGE_BYTES as u64;
        let numbers = self.runs.iter().flat_map(move |run| {
            let range = run.range();
            range.start / page_bytes..range.end / page_bytes
        });
        let numbers: Vec<u64> = numbers.collect();
        Ok(numbers.into_iter().zip(self.pages(file)?.chunks_exact(PAGE_BYTES)))
    }
}

const PAGES_CUT: Error = Error::Truncated { part: "pages" };

/// The version of a file; its first twelve bytes are enough.
///
/// # Errors
///
/// When it is no snapshot.
pub fn format_version(file: &[u8]) -> Result<FormatVersion, Error> {
    let (magic, rest) = take::<8>(file, "magic")?;
    if magic != MAGIC {
        return Err(Error::Magic);
    }
    let (version, _) = take(rest, "format version")?;
    Ok(FormatVersion(u32::from_le_bytes(version)))
}

/// How many bytes [`decode_head`] needs of the file that begins with `header`; [`HEADER_BYTES`] of it are enough.
///
/// # Errors
///
/// When it is no snapshot of this format.
pub fn head_bytes(header: &[u8]) -> Result<usize, Error> {
    Ok(pages_begin(metadata_bytes(header)?))
}

/// Reads a whole file.
///
/// # Errors
///
/// When it is no snapshot of this format, or damaged. Its pages are not looked
/// at: see [`verify`].
pub fn decode(file: &[u8]) -> Result<Snapshot, Error> {
    decode_head(file, file.len() as u64)
}

/// As [`decode`], when only the beginning of a file of `file_bytes` bytes was read.
///
/// # Errors
///
/// As [`decode`].
pub fn decode_head(head: &[u8], file_bytes: u64) -> Result<Snapshot, Error> {
    let (metadata, digest) = checked_metadata(head)?;
    let begin = pages_begin(metadata.len());
    let (metadata, rest) =
        postcard::take_from_bytes::<Metadata<'_>>(metadata).map_err(Error::Decode)?;
    if !rest.is_empty() {
        return Err(Error::Leftover { what: "an end of its metadata" });
    }
    limit("pages of memory", u64::from(metadata.memory_pages), u64::from(MEMORY_PAGES_MAX))?;
    let memory_bytes = u64::from(metadata.memory_pages) * MEMORY_PAGE_BYTES as u64;
    let (runs, end) = runs(&metadata.runs, memory_bytes, begin as u64)?;
    check_file_bytes(file_bytes, end)?;
    let state = metadata.state.into_owned();
    state.check()?;
    Ok(Snapshot {
        digest,
        provenance: metadata.provenance.into_owned(),
        state,
        memory_bytes,
        page_digest: metadata.page_digest,
        file_bytes,
        runs,
    })
}

/// Checks that the pages of `file`, which `snapshot` was read from, are those
/// that were written. Reads all of it.
///
/// # Errors
///
/// When they are not.
pub fn verify(snapshot: &Snapshot, file: &[u8]) -> Result<(), Error> {
    let found = Digest(Sha256::digest(snapshot.pages(file)?).into());
    let expected = snapshot.page_digest;
    if found == expected { Ok(()) } else { Err(Error::PageDigest { found, expected }) }
}

/// The metadata, and its checksum, which is right.
fn checked_metadata(head: &[u8]) -> Result<(&[u8], Digest), Error> {
    let bytes = metadata_bytes(head)?;
    let (header, rest) = take::<HEADER_CHECKED_BYTES>(head, "header")?;
    let (checksum_bytes, rest) = take(rest, "checksum")?;
    let (metadata, rest) =
        rest.split_at_checked(bytes).ok_or(Error::Truncated { part: "metadata" })?;
    let expected = Digest(checksum_bytes);
    let found = checksum(&header, metadata);
    if found != expected {
        return Err(Error::Checksum { found, expected });
    }
    let padding = rest.get(..pages_begin(bytes) - HEADER_BYTES - bytes);
    let padding = padding.ok_or(Error::Truncated { part: "padding" })?;
    if padding.iter().any(|byte| *byte != 0) {
        return Err(Error::Leftover { what: "a padding" });
    }
    Ok((metadata, expected))
}

/// The size of the metadata.
fn metadata_bytes(header: &[u8]) -> Result<usize, Error> {
    let found = format_version(header)?;
    if found != FORMAT {
        return Err(Error::Format { found });
    }
    let (_, rest) = take::<12>(header, "header")?;
    let (bytes, _) = take(rest, "size of the metadata")?;
    let bytes = u32::from_le_bytes(bytes);
    limit("bytes of metadata", u64::from(bytes), u64::from(METADATA_BYTES_MAX))?;
    usize::try_from(bytes).map_err(|_| Error::Truncated { part: "metadata" })
}

/// Where the runs lie in memory and file, the first at `begin`; and where the
/// file ends.
fn runs(list: &[PageRun], memory_bytes: u64, begin: u64) -> Result<(Vec<Run>, u64), Error> {
    limit("runs of pages", list.len() as u64, RUNS_READ_MAX as u64)?;
    let page_bytes = PAGE_BYTES as u64;
    let pages = memory_bytes / page_bytes;
    let mut runs = Vec::with_capacity(list.len());
    // Neither can overflow: no run ends beyond the memory.
    let (mut page, mut offset) = (0, begin);
    for (index, run) in list.iter().enumerate() {
        if run.pages == 0 {
            return Err(Error::EmptyRun { run: index });
        }
        let start = page + u64::from(run.skipped);
        page = start + u64::from(run.pages);
        if page > pages {
            return Err(Error::RunRange { run: index, end: page, pages });
        }
        let address = GuestAddress(start * page_bytes);
        let bytes = u64::from(run.pages) * page_bytes;
        runs.push(Run { address, bytes, offset: FileOffset(offset) });
        offset += bytes;
    }
    Ok((runs, offset))
}

fn check_file_bytes(found: u64, expected: u64) -> Result<(), Error> {
    if found == expected { Ok(()) } else { Err(Error::FileBytes { found, expected }) }
}

fn take<'f, const N: usize>(
    file: &'f [u8],
    part: &'static str,
) -> Result<([u8; N], &'f [u8]), Error> {
    let (taken, rest) = file.split_first_chunk::<N>().ok_or(Error::Truncated { part })?;
    Ok((*taken, rest))
}
