//! The metadata of a snapshot file, as data.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::provenance::Provenance;
use crate::state::State;

/// The metadata, in the order of the file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Metadata<'a> {
    pub(crate) provenance: Cow<'a, Provenance>,
    /// Pages of WebAssembly memory.
    pub(crate) memory_pages: u32,
    pub(crate) runs: Vec<PageRun>,
    /// SHA-256 of all pages of the file.
    pub(crate) page_digest: Digest,
    pub(crate) state: Cow<'a, State>,
}

/// Pages of the file that lie side by side in memory. As runs are relative to
/// one another, they can neither overlap nor be out of order nor misaligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PageRun {
    /// Pages of the memory between the run before, or the memory's beginning, and this one.
    pub(crate) skipped: u32,
    /// Pages of the run.
    pub(crate) pages: u32,
}
