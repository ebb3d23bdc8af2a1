//! What an isolate may use of the platform, and how much of it is left.
//!
//! Sub-requests and log bytes are counted for all requests of an isolate
//! together: each request that begins adds its share, and takes what is left of
//! it along when it ends. Between requests there is one share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::Error;

/// Bytes of one KiB.
const KB: u64 = 1 << 10;

/// Bytes of one MiB.
const MB: u64 = 1 << 20;

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

/// How much is left of what an isolate may use. Clones are the same allowances;
/// the default is to have no limits, as a script has none.
#[derive(Clone, Debug, Default)]
pub struct Allowances(Option<Arc<Left>>);

#[derive(Debug)]
struct Left {
    limits: Limits,
    subrequests: AtomicU64,
    log_bytes: AtomicU64,
    /// Whether the log was told that nothing more comes.
    truncated: AtomicBool,
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
    pub fn new(limits: Limits) -> Allowances {
        let left = Left {
            subrequests: AtomicU64::new(limits.subrequests.into()),
            log_bytes: AtomicU64::new(u64::from(limits.log_kb) * KB),
            truncated: AtomicBool::new(false),
            limits,
        };
        Allowances(Some(Arc::new(left)))
    }

    /// Adds a request to `open` others.
    pub(crate) fn begin(&self, open: usize) {
        let Some(left) = &self.0 else { return };
        left.renew(|left, share| if open == 0 { share } else { left.saturating_add(share) });
    }

    /// A request has ended, `open` others have not.
    pub(crate) fn end(&self, open: usize) {
        let Some(left) = &self.0 else { return };
        match open as u64 {
            0 => left.renew(|_, share| share),
            open => left.renew(|left, share| left.min(share.saturating_mul(open))),
        }
    }

    /// Counts a fetch.
    pub(crate) fn subrequest(&self) -> Result<(), Error> {
        let Some(left) = &self.0 else { return Ok(()) };
        let one_less = |count: u64| count.checked_sub(1);
        let counted = left.subrequests.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
        counted
            .map(drop)
            .map_err(|_none_left| Error::Subrequests { maximum: left.limits.subrequests })
    }

    /// Whether there may be another timer, where `waiting` wait already.
    pub(crate) fn timer(&self, waiting: usize) -> Result<(), Error> {
        match &self.0 {
            Some(left) if waiting as u64 >= left.limits.timers.into() => {
                Err(Error::Timers { maximum: left.limits.timers })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The longest body of a response.
    pub(crate) fn response_body(&self) -> Option<ResponseBody> {
        let maximum_mb = self.0.as_ref()?.limits.response_body_mb?;
        Some(ResponseBody { maximum_mb })
    }

    /// How much of a piece of log of `length` bytes may be written. To be asked
    /// by whoever writes the log: `console` does, and so must the owner of the
    /// standard streams.
    #[must_use]
    pub fn log(&self, length: usize) -> Admitted {
        let Some(left) = &self.0 else { return Admitted { bytes: length, notice: None } };
        // The isolate's own thread alone counts down; others only read in between.
        let before = left.log_bytes.load(Ordering::Relaxed);
        let after = before.checked_sub(length as u64);
        left.log_bytes.store(after.unwrap_or(0), Ordering::Relaxed);
        if after.is_some() {
            return Admitted { bytes: length, notice: None };
        }
        let notice = (!left.truncated.swap(true, Ordering::Relaxed)).then(|| {
            let limit = left.limits.log_kb;
            format!("log truncated: limit of {limit} KiB for a request (`limits.log_kb`)")
        });
        // Less than `length`, which is a `usize`.
        Admitted { bytes: usize::try_from(before).unwrap_or(0), notice }
    }
}

impl Left {
    /// Sets what is left to what `count` makes of it and of one request's share.
    fn renew(&self, count: impl Fn(u64, u64) -> u64) {
        let set = |left: &AtomicU64, share: u64| {
            let before = left.load(Ordering::Relaxed);
            left.store(count(before, share), Ordering::Relaxed);
        };
        set(&self.subrequests, self.limits.subrequests.into());
        set(&self.log_bytes, u64::from(self.limits.log_kb) * KB);
        if self.log_bytes.load(Ordering::Relaxed) > 0 {
            self.truncated.store(false, Ordering::Relaxed);
        }
    }
}

/// The longest body of a response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResponseBody {
    maximum_mb: u32,
}

impl ResponseBody {
    pub(crate) fn bytes_max(self) -> u64 {
        u64::from(self.maximum_mb) * MB
    }

    pub(crate) fn exceeded(self) -> Error {
        Error::ResponseBody { maximum_mb: self.maximum_mb }
    }
}

#[cfg(test)]
mod tests;
