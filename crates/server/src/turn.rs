//! Whose turn it is: the server's, or its client's.
//!
//! The server works while a handler runs. Else it waits for its client: for a request, for more of a body, for room to
//! send more. The client that lets it wait the longest is closed first when places run out: a connection for
//! another connection (`room.rs`), a request for another request (`limits.rs`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::link::Link;
use crate::pace::Pace;
use crate::streams;

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
    /// Cancelled to close the stream that the request is, with HTTP/2.
    stream: Option<CancellationToken>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What it waits for.
    waits: u8,
    pace: Pace,
    /// Since when it waits for room, if it does.
    blocked: Option<Instant>,
}

impl Turn {
    /// A request has come: it is the server's turn.
    pub(crate) fn begin(link: Arc<Link>) -> Arc<Self> {
        link.begin();
        Arc::new(Self { link, stream: streams::current(), state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The request waits for its client.
    pub(crate) fn wait(&self, what: For) {
        let (mut state, now) = (self.state(), Instant::now());
        if what == For::Room {
            state.blocked = Some(now);
        }
        state.pace.wait(now);
        if state.waits == 0 {
            self.link.wait(now);
        }
        state.waits |= what as u8;
    }

    /// The client did what was waited for, if it was, and sent or took so many bytes.
    pub(crate) fn work(&self, what: For, bytes: u64) {
        let (mut state, now) = (self.state(), Instant::now());
        if what == For::Room {
            state.blocked = None;
        }
        let before = state.waits;
        state.waits &= !(what as u8);
        if before == what as u8 {
            state.pace.work(bytes, now);
            self.link.work(bytes, now);
        }
    }

    /// How long the client lets the server wait; none when the server has to do something.
    pub(crate) fn waits(&self, now: Instant) -> Option<Duration> {
        self.state().pace.waits(now)
    }

    /// Whether the client has taken nothing of what waits for it for so long.
    pub(crate) fn is_blocked_for(&self, time: Duration, now: Instant) -> bool {
        self.state().blocked.is_some_and(|since| now - since > time)
    }

    /// Ends the request, with its connection where that has nothing else.
    pub(crate) fn close(&self) {
        self.stream.as_ref().unwrap_or(&self.link.closed).cancel();
    }

    /// Whether the server has ended it.
    pub(crate) fn is_closed(&self) -> bool {
        let stream = self.stream.as_ref().is_some_and(CancellationToken::is_cancelled);
        stream || self.link.closed.is_cancelled()
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

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
}
