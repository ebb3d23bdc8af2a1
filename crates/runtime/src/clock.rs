//! Clocks and entropy: the real ones, which an isolate that serves is given, and virtual ones, with which
//! a snapshot is made, so that the same inputs give the same bytes.

#![expect(
    clippy::disallowed_methods,
    reason = "here the clock is read that everybody else is given"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use taipan_guest::{Digest, Host, digest};

/// The time of day at which every snapshot is made: 2026-01-01T00:00:00Z, in milliseconds.
const VIRTUAL_WALL_CLOCK: f64 = 1_767_225_600_000.0;

/// How far each look at a virtual clock moves it, so that a program that waits for it to advance does not wait for
/// ever.
const VIRTUAL_STEP_MICROSECONDS: u64 = 1;

/// The clocks and the entropy of this machine.
#[derive(Debug)]
pub struct Machine {
    started: Instant,
    /// What the monotonic clock showed when this began, in milliseconds.
    offset: f64,
}

impl Machine {
    /// A monotonic clock that goes on from `offset` milliseconds.
    #[must_use]
    pub fn new(offset: f64) -> Self {
        Self { started: Instant::now(), offset }
    }
}

impl Host for Machine {
    fn wall_clock(&mut self) -> f64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
    }

    fn monotonic_clock(&mut self) -> f64 {
        self.offset + self.started.elapsed().as_secs_f64() * 1000.0
    }

    fn random(&mut self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system has entropy");
    }
}

/// Clocks that move when they are looked at, and entropy that follows from a seed. A clone is the same host.
#[derive(Clone, Debug)]
pub struct Virtual {
    /// What the monotonic clock shows, in microseconds.
    microseconds: Arc<AtomicU64>,
    seed: Digest,
    /// How many blocks of entropy were given.
    blocks: u64,
}

impl Virtual {
    /// The host whose entropy follows from `seed`.
    #[must_use]
    pub fn new(seed: Digest) -> Self {
        Self { microseconds: Arc::default(), seed, blocks: 0 }
    }

    /// Moves the clocks: what takes so long is over.
    pub fn pass(&self, milliseconds: f64) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the cast saturates"
        )]
        let microseconds = (milliseconds * 1000.0).ceil() as u64;
        self.microseconds.fetch_add(microseconds, Ordering::Relaxed);
    }
}

impl Host for Virtual {
    fn wall_clock(&mut self) -> f64 {
        VIRTUAL_WALL_CLOCK + self.monotonic_clock()
    }

    fn monotonic_clock(&mut self) -> f64 {
        let before = self.microseconds.fetch_add(VIRTUAL_STEP_MICROSECONDS, Ordering::Relaxed);
        #[expect(
            clippy::cast_precision_loss,
            reason = "microseconds of a start are far below 2^53"
        )]
        let milliseconds = before as f64 / 1000.0;
        milliseconds
    }

    fn random(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let block = [self.seed.as_slice(), &self.blocks.to_le_bytes()].concat();
            chunk.copy_from_slice(&digest(&block)[..chunk.len()]);
            self.blocks += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_virtual_host_repeats_itself() {
        let take = |seed: &str| {
            let mut host = Virtual::new(digest(seed.as_bytes()));
            let mut bytes = [0; 40];
            host.random(&mut bytes);
            host.pass(1.5);
            (bytes, host.monotonic_clock(), host.wall_clock())
        };
        assert_eq!(take("a"), take("a"));
        assert_ne!(take("a").0, take("b").0);
        assert_eq!((take("a").1, take("a").2), (1.5, VIRTUAL_WALL_CLOCK + 1.501));
    }

    #[test]
    fn a_monotonic_clock_goes_on() {
        assert!(Machine::new(5000.0).monotonic_clock() >= 5000.0);
    }
}
