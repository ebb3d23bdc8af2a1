//! What a snapshot holds of this crate's state outside of the guest's memory: its section `worker`.

use serde::{Deserialize, Serialize};

use crate::part::{self, PartError};
use crate::recorded::SavedRecord;

/// The name of the section.
pub(crate) const SECTION: &str = "worker";

/// The version of the section: another one is refused.
pub(crate) const VERSION: u8 = 2;

/// The latest that a monotonic clock can show, in milliseconds: a year. No top level runs for so long, and what
/// is much later is no time that the host's clocks can add to.
const MONOTONIC_CLOCK_MAX: f64 = 366.0 * 24.0 * 3600.0 * 1000.0;

/// The state, as postcard encodes it, in this order.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Saved {
    /// The handle of `worker.js`'s namespace, and those of the event loop.
    pub(crate) worker: i32,
    pub(crate) begin: i32,
    pub(crate) cancel: i32,
    /// What the monotonic clock showed, in milliseconds.
    pub(crate) monotonic_clock: f64,
    /// Whether Python has something to do in each isolate before its first request.
    pub(crate) resumes: bool,
    /// What was said while the top level ran.
    pub(crate) log: Vec<SavedRecord>,
}

impl Saved {
    /// The section.
    pub(crate) fn section(&self) -> Result<Vec<u8>, PartError> {
        Ok(part::section(VERSION, &postcard::to_stdvec(self)?))
    }

    /// What is in a section.
    pub(crate) fn of(section: &[u8]) -> Result<Self, PartError> {
        Ok(decode(part::saved(VERSION, section)?)?)
    }
}

/// Whether `bytes` are what a snapshot keeps of this crate's state, behind the version of the section.
///
/// # Errors
///
/// What is wrong with them.
pub fn check_saved(bytes: &[u8]) -> Result<(), PartError> {
    decode(bytes)?;
    Ok(())
}

fn decode(bytes: &[u8]) -> Result<Saved, postcard::Error> {
    let (saved, rest) = postcard::take_from_bytes::<Saved>(bytes)?;
    let handles = [saved.worker, saved.begin, saved.cancel];
    let whole = rest.is_empty()
        && handles.iter().all(|handle| *handle >= 0)
        && (0.0..=MONOTONIC_CLOCK_MAX).contains(&saved.monotonic_clock);
    if whole { Ok(saved) } else { Err(postcard::Error::SerdeDeCustom) }
}

#[cfg(test)]
mod tests;
