//! The real clocks and the real entropy: what an isolate is given in production.

#![expect(
    clippy::disallowed_methods,
    reason = "here the clock is read that everybody else is given"
)]

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use taipan_guest::Host;

/// The clocks and the entropy of this machine.
#[derive(Debug)]
pub(crate) struct Machine {
    started: Instant,
}

impl Machine {
    pub(crate) fn new() -> Machine {
        Machine { started: Instant::now() }
    }
}

impl Host for Machine {
    fn wall_clock(&mut self) -> f64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
    }

    fn monotonic_clock(&mut self) -> f64 {
        self.started.elapsed().as_secs_f64() * 1000.0
    }

    fn random(&mut self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system has entropy");
    }
}
