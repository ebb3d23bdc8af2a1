//! What a handler takes of its clients.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::StatusCode;

use crate::Fault;

/// What a handler takes of its clients; asked for with each request, since what
/// answers may change while a server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest body of a request, in bytes (`limits.request_body_mb`).
    pub body_bytes_max: u64,
    /// Requests that are answered at a time (`limits.requests`).
    pub requests_max: usize,
}

impl Default for Limits {
    /// 100 MiB, what Cloudflare's free plan takes; 1024 requests, far more than
    /// one machine answers well, and little enough to be refused before memory is.
    fn default() -> Self {
        Self { body_bytes_max: 100 << 20, requests_max: 1024 }
    }
}

/// Seconds after which a client that was one too many may ask again: the least
/// that `retry-after` can say; most requests are over by then.
const RETRY_AFTER_SECONDS: u32 = 1;

/// Bytes of one MiB.
const MB: u64 = 1 << 20;

/// Counts the requests that are being answered.
#[derive(Debug, Default)]
pub(crate) struct Places(AtomicUsize);

impl Places {
    /// Takes a place, to be given back when the request is over.
    pub(crate) fn take(&self, limits: Limits) -> Result<(), Fault> {
        let Limits { requests_max, .. } = limits;
        let one_more = |taken: usize| (taken < requests_max).then(|| taken + 1);
        match self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more) {
            Ok(_taken) => Ok(()),
            Err(_taken) => {
                let message = format!(
                    "too many requests at a time: {requests_max} are answered (`limits.requests`)"
                );
                Err(Fault::new(StatusCode::SERVICE_UNAVAILABLE, message)
                    .with_retry_after(RETRY_AFTER_SECONDS))
            }
        }
    }

    /// Gives a place back.
    pub(crate) fn give_back(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A count of bytes for a reader: in MiB, as in configurations, where that is exact.
pub(crate) struct Size(pub(crate) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes > 0 && bytes % MB == 0 => write!(f, "{} MiB", bytes / MB),
            bytes => write!(f, "{bytes} bytes"),
        }
    }
}
