//! What differs between two snapshots, page by page.

use std::cmp::Ordering;
use std::ops::Range;

use crate::decode::Snapshot;
use crate::error::Error;
use crate::format::PAGE_BYTES;

/// How a part of the memory differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The later snapshot has it, the earlier does not.
    Added,
    /// The earlier snapshot has it, the later does not.
    Removed,
    /// Both have it, with different contents.
    Changed,
}

/// A part of the memory that differs in one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Its addresses.
    pub range: Range<u64>,
    /// How it differs.
    pub change: Change,
}

/// Compares what two snapshots hold of their memories, each given with its file.
/// The result is in the order of the addresses.
///
/// # Errors
///
/// When they do not build on the same, or a file is not the snapshot's.
pub fn diff(before: (&Snapshot, &[u8]), after: (&Snapshot, &[u8])) -> Result<Vec<Extent>, Error> {
    if before.0.provenance.kind != after.0.provenance.kind {
        return Err(Error::Incomparable);
    }
    let mut before = before.0.numbered_pages(before.1)?.peekable();
    let mut after = after.0.numbered_pages(after.1)?.peekable();
    let mut extents = Vec::new();
    loop {
        let order = match (before.peek(), after.peek()) {
            (None, None) => return Ok(extents),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((before, _)), Some((after, _))) => before.cmp(after),
        };
        let earlier = before.next_if(|_| order.is_le());
        let later = after.next_if(|_| order.is_ge());
        match (earlier, later) {
            (Some((_, earlier)), Some((page, later))) if earlier != later => {
                extend(&mut extents, page, Change::Changed);
            }
            (Some((page, _)), None) => extend(&mut extents, page, Change::Removed),
            (None, Some((page, _))) => extend(&mut extents, page, Change::Added),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
}

/// Adds a page to the last extent, if it goes on there, else as a new one.
fn extend(extents: &mut Vec<Extent>, page: u64, change: Change) {
    let start = page * PAGE_BYTES as u64;
    let end = start + PAGE_BYTES as u64;
    match extents.last_mut() {
        Some(last) if last.range.end == start && last.change == change => last.range.end = end,
        _ => extents.push(Extent { range: start..end, change }),
    }
}
