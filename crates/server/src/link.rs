//! A connection as its requests see it.

use std::net::IpAddr;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::pace::Pace;

/// Requests of one HTTP/2 connection that may be reset before they are answered, in a row; as many as there may be at a
/// time (`STREAMS_MAX`), so that a page that is left takes all of its requests along.
const RESETS_MAX: u32 = 128;

/// The time after which one more reset is forgiven.
const RESET_FORGIVEN: Duration = Duration::from_millis(100);

/// A network that one client may have to itself: an IPv4 address, or 64 bits of an IPv6 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Network(u64);

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(u32::from(address).into()),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments().map(u64::from);
                Self(a << 48 | b << 32 | c << 16 | d)
            }
        }
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) network: Network,
    /// Cancelled to close it.
    pub(crate) closed: CancellationToken,
    progress: Mutex<Progress>,
    /// Since when the system takes nothing more to send, if it does not.
    full: Mutex<Option<Instant>>,
    /// How what the server sends begins, for `socket.rs`.
    pub(crate) sent: Sent,
}

#[derive(Debug)]
struct Progress {
    /// Requests that the server works on; while there are none it waits.
    working: u32,
    pace: Pace,
    /// Requests that were reset, and are not forgiven.
    resets: u32,
    forgiven: Instant,
}

/// What was sent of the answer to a request of HTTP/1.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// The client speaks HTTP/2.
    pub(crate) http2: AtomicBool,
    /// There is a request, and nothing was sent since it came.
    pub(crate) nothing: AtomicBool,
    /// Something is to be sent, and not all of it was.
    pub(crate) sending: AtomicBool,
    /// The first byte of the answer was sent before the rest.
    pub(crate) first_byte: AtomicBool,
}

impl Link {
    pub(crate) fn new(peer: IpAddr) -> Self {
        Self {
            network: peer.into(),
            closed: CancellationToken::new(),
            progress: Mutex::new(Progress::new(Instant::now())),
            full: Mutex::default(),
            sent: Sent::default(),
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        // Nothing in here panics half way through a change.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long the client lets the server wait; none when the server has to do something.
    pub(crate) fn waits(&self) -> Option<Duration> {
        self.progress().pace.waits(Instant::now())
    }

    /// A request has come.
    pub(crate) fn begin(&self) {
        self.progress().begin();
        self.sent.nothing.store(true, Relaxed);
    }

    /// It is the client's turn in one of the requests.
    pub(crate) fn wait(&self, now: Instant) {
        self.progress().wait(now);
    }

    /// The client did what one of them waited for, and sent or took so many bytes.
    pub(crate) fn work(&self, bytes: u64, now: Instant) {
        self.progress().work(bytes, now);
    }

    /// The system takes nothing more to send until the client has taken some of what is on its way; or it does again.
    pub(crate) fn set_full(&self, full: bool) {
        let since = full.then(Instant::now);
        *self.full.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    /// Whether the client has taken nothing for so long, though there is something.
    pub(crate) fn is_full_for(&self, time: Duration) -> bool {
        let since = *self.full.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| since.elapsed() > time)
    }

    /// A request was reset before it was answered; too many close the connection.
    pub(crate) fn reset(&self) {
        if self.progress().reset(Instant::now()) {
            self.closed.cancel();
        }
    }
}

impl Progress {
    fn new(now: Instant) -> Self {
        let mut pace = Pace::default();
        pace.wait(now);
        Self { working: 0, pace, resets: 0, forgiven: now }
    }

    /// Counts a reset; true when there were too many.
    fn reset(&mut self, now: Instant) -> bool {
        let forgiven = (now - self.forgiven).as_millis() / RESET_FORGIVEN.as_millis();
        if forgiven > 0 {
            self.forgiven = now;
            let forgiven = u32::try_from(forgiven).unwrap_or(u32::MAX);
            self.resets = self.resets.saturating_sub(forgiven);
        }
        self.resets += 1;
        self.resets > RESETS_MAX
    }

    fn begin(&mut self) {
        if self.working == 0 {
            self.pace.begin();
        }
        self.working += 1;
    }

    fn work(&mut self, bytes: u64, now: Instant) {
        self.pace.work(bytes, now);
        self.working += 1;
    }

    fn wait(&mut self, now: Instant) {
        self.working -= 1;
        if self.working == 0 {
            self.pace.wait(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pace::RATE_MIN;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn who_waits_for_whom() {
        let mut now = Instant::now();
        let mut progress = Progress::new(now);
        let mut pass = || {
            now += SECOND;
            now
        };
        assert_eq!(progress.pace.waits(pass()), Some(SECOND));
        progress.begin();
        assert_eq!(progress.pace.waits(pass()), None);
        progress.wait(pass());
        assert_eq!(progress.pace.waits(pass()), Some(SECOND));
        // The server's own time does not count, what the client sends does.
        progress.work(RATE_MIN / 2, pass());
        progress.wait(pass());
        assert_eq!(progress.pace.waits(pass()), Some(SECOND * 5 / 2));
        // Another request, and all is well.
        progress.begin();
        progress.wait(pass());
        assert_eq!(progress.pace.waits(pass()), Some(SECOND));
    }

    #[test]
    fn resets_are_forgiven_in_time() {
        let mut now = Instant::now();
        let mut progress = Progress::new(now);
        for _ in 0..RESETS_MAX {
            assert!(!progress.reset(now));
        }
        now += RESET_FORGIVEN;
        assert!(!progress.reset(now));
        assert!(progress.reset(now));
    }

    #[test]
    fn networks() {
        let of = |text: &str| Network::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::2:3:4:5"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
    }
}
