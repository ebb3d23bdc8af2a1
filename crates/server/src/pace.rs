//! How long a client lets the server wait, counted.

use std::time::Duration;

use tokio::time::Instant;

/// Bytes per second that a client takes or sends at least. A slower one falls behind by the difference, as if it had
/// paused; Apache's and Kestrel's limits are a tenth of this, and hold even for a connection whose place no other
/// needs.
pub(crate) const RATE_MIN: u64 = 4 << 10;

/// How long a client lets the server wait.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// Since when it does, if it does.
    since: Option<Instant>,
    /// How long it did before, without what it made good.
    behind: Duration,
}

impl Pace {
    /// The server waits from now on.
    pub(crate) fn wait(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    /// The client did what was waited for, if it was, and sent or took so many bytes.
    pub(crate) fn work(&mut self, bytes: u64, now: Instant) {
        if let Some(since) = self.since.take() {
            self.behind += now - since;
        }
        let good = Duration::from_millis(bytes.saturating_mul(1000) / RATE_MIN);
        self.behind = self.behind.saturating_sub(good);
    }

    /// A request has come, which is all that was waited for.
    pub(crate) fn begin(&mut self) {
        *self = Self::default();
    }

    /// How long the client lets the server wait; none when the server has to do something.
    pub(crate) fn waits(&self, now: Instant) -> Option<Duration> {
        self.since.map(|since| self.behind + (now - since))
    }
}
