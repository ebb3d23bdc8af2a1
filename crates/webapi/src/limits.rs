//! What an isolate may use of the platform, and how much of it is left.
//!
//! Sub-requests and log bytes are counted for each request by itself, by the number in whose name JavaScript runs
//! (`owner.rs`). Everything outside of a request has one share, which is whole again when a request begins.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of one KiB.
const KIB: u64 = 1 << 10;

/// Bytes of one MiB.
const MIB: u64 = 1 << 20;

/// What an isolate may use; the names are those of `limits` in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Timers that wait at a time.
    pub timers: u32,
    /// Fetches of one request.
    pub subrequests: u32,
    /// KiB of log of one request.
    pub log_kb: u32,
    /// MiB of a response's body.
    pub response_body_mb: Option<u32>,
}

impl Default for Limits {
    /// As good as none: the largest numbers.
    fn default() -> Self {
        Self { timers: u32::MAX, subrequests: u32::MAX, log_kb: u32::MAX, response_body_mb: None }
    }
}

/// A limit that is reached, for the worker to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reached {
    /// `RangeError`
    #[error("too many timers: {maximum} may wait at a time (`taipan.limits.timers`)")]
    Timers {
        /// How many may wait.
        maximum: u32,
    },
    /// `Error`
    #[error("too many subrequests: {maximum} were allowed (`taipan.limits.subrequests`)")]
    Subrequests {
        /// How many a request may make.
        maximum: u32,
    },
    /// `Error`
    #[error(
        "the response's body is longer than {maximum_mb} MiB (`taipan.limits.response_body_mb`)"
    )]
    ResponseBody {
        /// How long it may be.
        maximum_mb: u32,
    },
}

impl Reached {
    /// The class of the error in JavaScript.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Self::Timers { .. } => "RangeError",
            Self::Subrequests { .. } | Self::ResponseBody { .. } => "Error",
        }
    }
}

/// How much is left of what an isolate may use. Clones are the same allowances;
/// the default is to have no limits, as a script has none.
#[derive(Clone, Debug, Default)]
pub struct Allowances(Option<Arc<Counted>>);

#[derive(Debug)]
struct Counted {
    limits: Limits,
    counts: Mutex<Counts>,
}

#[derive(Debug)]
struct Counts {
    /// Of requests that are open.
    requests: HashMap<u32, Left>,
    /// Of all else.
    others: Left,
}

/// What is left of one share.
#[derive(Debug)]
struct Left {
    subrequests: u32,
    log_bytes: u64,
    /// Whether the log was told that nothing more comes.
    truncated: bool,
}

/// What may be written of a piece of log.
#[derive(Debug, PartialEq, Eq)]
pub struct Admitted {
    /// So many of its bytes, from its start.
    pub bytes: usize,
    /// A line to write after them: the log ends here.
    pub notice: Option<String>,
}

impl Allowances {
    /// Those of a new isolate: one request's share, for its top level.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let counts = Counts { requests: HashMap::new(), others: Left::share(&limits) };
        Self(Some(Arc::new(Counted { limits, counts: Mutex::new(counts) })))
    }

    /// The request `id` begins, with a share of its own.
    pub(crate) fn begin(&self, id: u32) {
        let Some(counted) = &self.0 else { return };
        let mut counts = counted.counts();
        counts.requests.insert(id, Left::share(&counted.limits));
        counts.others = Left::share(&counted.limits);
    }

    /// The request `id` has ended.
    pub(crate) fn end(&self, id: u32) {
        let Some(counted) = &self.0 else { return };
        counted.counts().requests.remove(&id);
    }

    /// Counts a fetch in the name of `owner`.
    pub(crate) fn subrequest(&self, owner: u32) -> Result<(), Reached> {
        let Some(counted) = &self.0 else { return Ok(()) };
        let mut counts = counted.counts();
        let left = counts.of(owner);
        let maximum = counted.limits.subrequests;
        let refused = Reached::Subrequests { maximum };
        left.subrequests = left.subrequests.checked_sub(1).ok_or(refused)?;
        Ok(())
    }

    /// Whether there may be another timer, where `waiting` wait already.
    pub(crate) fn timer(&self, waiting: usize) -> Result<(), Reached> {
        match &self.0 {
            Some(counted) if waiting as u64 >= counted.limits.timers.into() => {
                Err(Reached::Timers { maximum: counted.limits.timers })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The longest body of a response.
    pub(crate) fn response_body(&self) -> Option<ResponseBody> {
        let maximum_mb = self.0.as_ref()?.limits.response_body_mb?;
        Some(ResponseBody { maximum_mb })
    }

    /// How much of a piece of log of `length` bytes may be written in the name of `owner`. Each writer of the log must
    /// ask: `console` does, and so must the owner of the standard streams.
    #[must_use]
    pub fn log(&self, owner: u32, length: usize) -> Admitted {
        let Some(counted) = &self.0 else { return Admitted { bytes: length, notice: None } };
        let mut counts = counted.counts();
        let left = counts.of(owner);
        let before = left.log_bytes;
        let after = before.checked_sub(length as u64);
        left.log_bytes = after.unwrap_or(0);
        if after.is_some() {
            return Admitted { bytes: length, notice: None };
        }
        let notice = (!std::mem::replace(&mut left.truncated, true)).then(|| {
            let limit = counted.limits.log_kb;
            format!("log truncated: limit of {limit} KiB for a request (`taipan.limits.log_kb`)")
        });
        // Less than `length`, which is a `usize`.
        Admitted { bytes: usize::try_from(before).unwrap_or(0), notice }
    }
}

impl Counted {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        // What it guards is whole at any time.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn of(&mut self, owner: u32) -> &mut Left {
        self.requests.get_mut(&owner).unwrap_or(&mut self.others)
    }
}

impl Left {
    fn share(limits: &Limits) -> Self {
        let (subrequests, log_bytes) = (limits.subrequests, u64::from(limits.log_kb) * KIB);
        Self { subrequests, log_bytes, truncated: false }
    }
}

/// The longest body of a response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResponseBody {
    maximum_mb: u32,
}

impl ResponseBody {
    pub(crate) fn bytes_max(self) -> u64 {
        u64::from(self.maximum_mb) * MIB
    }

    pub(crate) fn exceeded(self) -> Reached {
        Reached::ResponseBody { maximum_mb: self.maximum_mb }
    }
}

#[cfg(test)]
mod tests;
