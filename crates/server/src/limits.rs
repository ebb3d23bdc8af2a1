//! What a handler takes of its clients.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;

use crate::Fault;
use crate::room::count;
use crate::turn::Turn;

/// What a handler takes of its clients; asked for with each request, since what
/// answers may change while a server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest body of a request, in bytes (`taipan.limits.request_body_mb`).
    pub body_bytes_max: u64,
    /// Requests that are answered at a time (`taipan.limits.requests`).
    pub requests_max: usize,
    /// Whether there is no memory for more answers. Then a request that comes takes the place of the slowest client, as
    /// when there are as many requests as there may be, and one loses its place each second though none comes.
    pub crowded: bool,
}

impl Default for Limits {
    /// 100 MiB, what Cloudflare's free plan takes; 1024 requests, far more than
    /// one machine answers well, and little enough to be refused before memory is.
    fn default() -> Self {
        Self { body_bytes_max: 100 * MIB, requests_max: 1024, crowded: false }
    }
}

/// Seconds after which a client that was one too many may ask again: the least
/// that `retry-after` can say; most requests are over by then.
const RETRY_AFTER_SECONDS: u32 = 1;

/// Bytes of one MiB.
const MIB: u64 = 1 << 20;

/// How long a client may let its request wait before it may lose its place: as long as it may take until a packet that was
/// lost is sent again (RFC 6298, 2.1).
const GRACE: Duration = Duration::from_secs(1);

/// How long after a look for such a client, when there was none, the next is due.
const GLANCE: Duration = Duration::from_millis(20);

/// The requests of one backend that are being answered.
#[derive(Debug, Default)]
pub(crate) struct Places(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    last: u64,
    turns: HashMap<u64, Arc<Turn>>,
    /// When no client was found that could lose its place.
    in_vain: Option<Instant>,
}

impl Places {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        // Nothing in here panics half way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place, to be given back by its number when the request is over. When there is none, or no memory, the
    /// request ends whose client lets the server wait the longest, first among those of the network that has the most.
    pub(crate) fn take(&self, limits: Limits, turn: &Arc<Turn>) -> Result<u64, Fault> {
        let Limits { requests_max, crowded, .. } = limits;
        let mut taken = self.taken();
        let full = taken.turns.len() >= requests_max;
        let makes_room = (full || crowded) && taken.make_room(Instant::now());
        if full && !makes_room {
            let message = format!(
                "too many requests at a time: {requests_max} are answered (`taipan.limits.requests`)"
            );
            return Err(Fault::new(StatusCode::SERVICE_UNAVAILABLE, message)
                .with_retry_after(RETRY_AFTER_SECONDS));
        }
        taken.last += 1;
        let number = taken.last;
        taken.turns.insert(number, turn.clone());
        Ok(number)
    }

    /// Gives a place back, unless another request has it.
    pub(crate) fn give_back(&self, number: u64) {
        self.taken().turns.remove(&number);
    }

    /// Ends the requests whose clients took nothing of what waits for them for longer than `time_max`, and the slowest
    /// when there is no memory for more answers.
    pub(crate) fn sweep(&self, time_max: Duration, limits: Limits) {
        let now = Instant::now();
        let mut taken = self.taken();
        if limits.crowded {
            taken.make_room(now);
        }
        taken
            .turns
            .values()
            .filter(|turn| turn.is_blocked_for(time_max, now))
            .for_each(|turn| turn.close());
    }
}

impl Taken {
    /// Ends the slowest request; false when none is slow.
    fn make_room(&mut self, now: Instant) -> bool {
        if self.in_vain.is_some_and(|at| now - at < GLANCE) {
            return false;
        }
        let counts = count(self.turns.values().map(|turn| turn.link.network));
        let slow = self.turns.iter().filter_map(|(number, turn)| {
            let waits = turn.waits(now).filter(|waits| *waits >= GRACE)?;
            Some((*number, (counts.get(&turn.link.network), waits)))
        });
        let slowest = slow.max_by_key(|(_, rank)| *rank);
        self.in_vain = slowest.is_none().then_some(now);
        let turn = slowest.and_then(|(number, _)| self.turns.remove(&number));
        turn.inspect(|turn| turn.close()).is_some()
    }
}

/// A count of bytes for a reader: in MiB, as in configurations, where that is exact.
pub(crate) struct Size(pub(crate) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes > 0 && bytes % MIB == 0 => write!(f, "{} MiB", bytes / MIB),
            bytes => write!(f, "{bytes} bytes"),
        }
    }
}
