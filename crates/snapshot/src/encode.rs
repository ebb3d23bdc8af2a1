//! Writes a snapshot; the pages are borrowed, never copied.

use std::borrow::Cow;
use std::ops::Range;

use sha2::{Digest as _, Sha256};

use crate::digest::Digest;
use crate::error::Error;
use crate::format::{
    FORMAT, HEADER_BYTES, HEADER_CHECKED_BYTES, MAGIC, MEMORY_PAGE_BYTES, MEMORY_PAGES_MAX,
    METADATA_BYTES_MAX, PAGE_BYTES, checksum, pages_begin,
};
use crate::limit::limit;
use crate::metadata::{Metadata, PageRun};
use crate::pages::differing;
use crate::provenance::{Kind, Provenance};
use crate::state::State;

/// The memory of a guest that is at rest.
#[derive(Clone, Copy, Debug)]
pub struct Memory<'a> {
    /// All of its bytes.
    pub bytes: &'a [u8],
    /// For a worker's snapshot all bytes of its baseline's memory.
    pub baseline: Option<&'a [u8]>,
}

/// A snapshot, ready to be written.
#[derive(Debug)]
pub struct Encoded<'a> {
    /// The digest by which other snapshots name this one.
    pub digest: Digest,
    /// All that comes before the pages.
    head: Vec<u8>,
    /// The pages, run by run.
    pages: Vec<&'a [u8]>,
}

impl Encoded<'_> {
    /// The contents of the file, piece by piece.
    pub fn parts(&self) -> impl Iterator<Item = &[u8]> {
        std::iter::once(&*self.head).chain(self.pages.iter().copied())
    }

    /// The contents of the file in one piece.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        self.parts().collect::<Vec<_>>().concat()
    }

    /// The size of the file.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.parts().map(|part| part.len() as u64).sum()
    }
}

/// Makes the snapshot of a guest. The same arguments give the same bytes.
///
/// # Errors
///
/// When the arguments do not fit together or pass a limit of the format.
pub fn encode<'a>(
    memory: &Memory<'a>,
    state: &State,
    provenance: &Provenance,
) -> Result<Encoded<'a>, Error> {
    check_baseline(memory, provenance.kind)?;
    let memory_pages = memory_pages(memory.bytes, "memory")?;
    state.check()?;
    let runs = differing(memory.bytes, memory.baseline);
    let bytes = |run: &Range<usize>| &memory.bytes[run.start * PAGE_BYTES..run.end * PAGE_BYTES];
    let pages: Vec<&[u8]> = runs.iter().map(bytes).collect();
    let metadata = Metadata {
        provenance: Cow::Borrowed(provenance),
        memory_pages,
        runs: relative(&runs)?,
        page_digest: digest(&pages),
        state: Cow::Borrowed(state),
    };
    let metadata = postcard::to_stdvec(&metadata).map_err(Error::Encode)?;
    let (head, digest) = head(&metadata)?;
    Ok(Encoded { digest, head, pages })
}

/// Checks that the memory is compared with what the provenance says.
fn check_baseline(memory: &Memory<'_>, kind: Kind) -> Result<(), Error> {
    match (kind, memory.baseline) {
        (Kind::Baseline, None) => Ok(()),
        (Kind::Worker { .. }, Some(baseline)) => {
            memory_pages(baseline, "memory of the baseline")?;
            if memory.bytes.len() < baseline.len() {
                let found = memory.bytes.len() as u64;
                return Err(Error::Shrunk { found, baseline: baseline.len() as u64 });
            }
            Ok(())
        }
        (Kind::Baseline, Some(_)) => Err(Error::Baseline { kind: "baseline", given: true }),
        (Kind::Worker { .. }, None) => Err(Error::Baseline { kind: "worker", given: false }),
    }
}

/// The size of a memory in pages of WebAssembly.
fn memory_pages(memory: &[u8], what: &'static str) -> Result<u32, Error> {
    if !memory.len().is_multiple_of(MEMORY_PAGE_BYTES) {
        return Err(Error::MemoryBytes { what, found: memory.len() });
    }
    number(memory.len() / MEMORY_PAGE_BYTES, "pages of memory", MEMORY_PAGES_MAX)
}

/// Each run as its distance from the one before, and its length.
fn relative(runs: &[Range<usize>]) -> Result<Vec<PageRun>, Error> {
    let mut end = 0;
    let mut run = |run: &Range<usize>| {
        let skipped = number(run.start - end, "pages", u32::MAX)?;
        end = run.end;
        Ok(PageRun { skipped, pages: number(run.len(), "pages", u32::MAX)? })
    };
    runs.iter().map(&mut run).collect()
}

fn digest(pages: &[&[u8]]) -> Digest {
    let mut hasher = Sha256::new();
    pages.iter().for_each(|run| hasher.update(run));
    Digest(hasher.finalize().into())
}

/// All that comes before the pages, and its checksum.
fn head(metadata: &[u8]) -> Result<(Vec<u8>, Digest), Error> {
    let bytes = number(metadata.len(), "bytes of metadata", METADATA_BYTES_MAX)?;
    let begin = pages_begin(metadata.len());
    let mut head = Vec::with_capacity(begin);
    head.extend(MAGIC);
    head.extend(FORMAT.0.to_le_bytes());
    head.extend(bytes.to_le_bytes());
    debug_assert_eq!(head.len(), HEADER_CHECKED_BYTES);
    let digest = checksum(&head, metadata);
    head.extend(digest.0);
    debug_assert_eq!(head.len(), HEADER_BYTES);
    head.extend_from_slice(metadata);
    head.resize(begin, 0);
    Ok((head, digest))
}

fn number(found: usize, what: &'static str, max: u32) -> Result<u32, Error> {
    let max = u64::from(max);
    limit(what, found as u64, max)?;
    u32::try_from(found).map_err(|_| Error::Limit { what, found: found as u64, max })
}
