//! A connection as its requests see it, and the list of connections: who waits for whom, and since when.
//!
//! The server works while a handler runs. Else it waits for its client: for a request, for more of a body, for room
//! to send more. A client that lets it wait is the first that is closed when places run out (`room.rs`).

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU8, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Bytes per second that a client takes or sends at least. A slower one falls behind by the difference, as if it had
/// paused; Apache's and Kestrel's limits are a tenth of this, and hold for a single connection that nobody needs.
const RATE_MIN: u64 = 4 << 10;

/// Requests of one HTTP/2 connection that may be reset before they are answered, in a row; as many as there may be at a
/// time (`STREAMS_MAX`), so that a page that is left takes all of its requests along.
const RESETS_MAX: u32 = 128;

/// In which time one more is forgiven.
const RESET_FORGIVEN: Duration = Duration::from_millis(100);

/// A network that one client may have to itself: an IPv4 address, or 64 bits of an IPv6 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Network(u64);

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Network(u32::from(address).into()),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments().map(u64::from);
                Network(a << 48 | b << 32 | c << 16 | d)
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
    /// How what the server sends begins, for `socket.rs`.
    pub(crate) sent: Sent,
}

#[derive(Debug)]
struct Progress {
    /// Requests that the server works on.
    working: u32,
    /// When it began to wait for the client, if it works on none.
    since: Instant,
    /// How long it waited before, without what the client made good.
    behind: Duration,
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
    /// Something that was to be sent waits for room.
    pub(crate) blocked: AtomicBool,
    /// The first byte of the answer was sent before the rest.
    pub(crate) first_byte: AtomicBool,
}

impl Link {
    pub(crate) fn new(peer: IpAddr) -> Self {
        Self {
            network: peer.into(),
            closed: CancellationToken::new(),
            progress: Mutex::new(Progress::new(Instant::now())),
            sent: Sent::default(),
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        // Nothing in here panics half way through a change.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long the client lets the server wait; none when the server has to do something.
    pub(crate) fn waits(&self) -> Option<Duration> {
        self.progress().waits(Instant::now())
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
        Self { working: 0, since: now, behind: Duration::ZERO, resets: 0, forgiven: now }
    }

    fn waits(&self, now: Instant) -> Option<Duration> {
        (self.working == 0).then(|| self.behind + (now - self.since))
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

    /// A request has come.
    fn begin(&mut self) {
        if self.working == 0 {
            self.behind = Duration::ZERO;
        }
        self.working += 1;
    }

    /// The client did what was waited for, and sent or took so many bytes.
    fn work(&mut self, bytes: u64, now: Instant) {
        if self.working == 0 {
            self.behind += now - self.since;
        }
        let good = Duration::from_millis(bytes.saturating_mul(1000) / RATE_MIN);
        self.behind = self.behind.saturating_sub(good);
        self.working += 1;
    }

    /// It is the client's turn in one of the requests.
    fn wait(&mut self, now: Instant) {
        self.working -= 1;
        if self.working == 0 {
            self.since = now;
        }
    }
}

/// What a request waits for, when that is its client's to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum For {
    /// More of the request's body.
    Body = 1,
    /// That the client takes what was sent.
    Room = 2,
    /// Nothing: it is over.
    Nothing = 4,
}

/// Whose turn it is in a request.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) link: Arc<Link>,
    waits: AtomicU8,
}

impl Turn {
    /// A request has come: it is the server's turn.
    pub(crate) fn begin(link: Arc<Link>) -> Arc<Turn> {
        link.progress().begin();
        link.sent.nothing.store(true, Relaxed);
        Arc::new(Turn { link, waits: AtomicU8::new(0) })
    }

    /// The request waits for its client.
    pub(crate) fn wait(&self, what: For) {
        if self.waits.fetch_or(what as u8, Relaxed) == 0 {
            self.link.progress().wait(Instant::now());
        }
    }

    /// The client did what was waited for, if it was, and sent or took so many bytes.
    pub(crate) fn work(&self, what: For, bytes: u64) {
        let what = what as u8;
        if self.waits.fetch_and(!what, Relaxed) == what {
            self.link.progress().work(bytes, Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn who_waits_for_whom() {
        let mut now = Instant::now();
        let mut progress = Progress::new(now);
        let mut pass = || {
            now += SECOND;
            now
        };
        assert_eq!(progress.waits(pass()), Some(SECOND));
        progress.begin();
        assert_eq!(progress.waits(pass()), None);
        progress.wait(pass());
        assert_eq!(progress.waits(pass()), Some(SECOND));
        // The server's own time does not count, what the client sends does.
        progress.work(RATE_MIN / 2, pass());
        progress.wait(pass());
        assert_eq!(progress.waits(pass()), Some(SECOND * 5 / 2));
        // Another request, and all is well.
        progress.begin();
        progress.wait(pass());
        assert_eq!(progress.waits(pass()), Some(SECOND));
    }

    #[test]
    fn one_turn_for_two_directions() {
        let link = Arc::new(Link::new(IpAddr::from([127, 0, 0, 1])));
        let turn = Turn::begin(link.clone());
        let works = || link.waits().is_none();
        assert!(works());
        turn.wait(For::Body);
        turn.wait(For::Room);
        turn.work(For::Room, 0);
        assert!(!works());
        turn.work(For::Body, 0);
        turn.work(For::Body, 0);
        assert!(works());
        turn.wait(For::Nothing);
        // What the body does later is of no interest.
        turn.wait(For::Body);
        turn.work(For::Body, 0);
        assert!(!works());
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
