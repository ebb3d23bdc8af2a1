//! What a snapshot file is made of; neither reads nor writes one.
//!
//! ```text
//! offset  size  field
//!      0     8  magic
//!      8     4  format version, little endian
//!     12     4  size of the metadata in bytes, little endian
//!     16    32  SHA-256 of the 16 bytes before and of the metadata
//!     48     -  metadata
//!      -     -  zeros, to the next multiple of 4,096
//!      -     -  pages, to the end of the file
//! ```

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::digest::Digest;

/// What a snapshot file begins with: not text, and damaged by what mends line ends.
pub(crate) const MAGIC: [u8; 8] = *b"\x7ftaipan\n";

/// The format that this build reads and writes.
pub const FORMAT: FormatVersion = FormatVersion(2);

/// Bytes of the header: what is there before the metadata.
pub const HEADER_BYTES: usize = 48;

/// Bytes of the header that the checksum covers.
pub(crate) const HEADER_CHECKED_BYTES: usize = 16;

/// Bytes of a page: what the host can map. A page of the guest's memory is sixteen.
pub const PAGE_BYTES: usize = 4096;

/// Bytes of a page of WebAssembly memory (core specification).
pub(crate) const MEMORY_PAGE_BYTES: usize = 65_536;

/// The most pages of a memory: what 32 bits can address.
pub(crate) const MEMORY_PAGES_MAX: u32 = 65_536;

/// The most bytes of metadata. One of Pyodide has some 200 KiB; a hostile one is
/// up to fifty times larger when it is decoded.
pub(crate) const METADATA_BYTES_MAX: u32 = 4 << 20;

/// The most runs that are read: as many mappings, of the 65,530 that Linux
/// gives a process (`vm.max_map_count`).
pub(crate) const RUNS_READ_MAX: usize = 4096;

/// The version of the file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormatVersion(pub u32);

impl fmt::Display for FormatVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// An address in the guest's linear memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GuestAddress(pub u64);

/// A place in a snapshot file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileOffset(pub u64);

/// The checksum of a header's first bytes and the metadata.
pub(crate) fn checksum(header: &[u8], metadata: &[u8]) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update(header);
    hasher.update(metadata);
    Digest(hasher.finalize().into())
}

/// Where the pages begin in a file with so much metadata.
pub(crate) fn pages_begin(metadata_bytes: usize) -> usize {
    (HEADER_BYTES + metadata_bytes).next_multiple_of(PAGE_BYTES)
}
