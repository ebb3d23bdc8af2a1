//! How long the quiet server takes to answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::server::Server;
use super::traffic::{Request, exchange};

/// Between two requests.
const PAUSE: Duration = Duration::from_millis(10);

/// Milliseconds of each answer since they were last taken.
#[derive(Default)]
pub(crate) struct Latency(Mutex<Vec<f64>>);

impl Latency {
    /// Asks `server` until it is `over`.
    #[expect(clippy::disallowed_methods, reason = "time is what is measured")]
    pub(crate) fn watch(&self, server: &Server, over: &AtomicBool) {
        let request = Request { method: "GET", path: "/".into(), body: 0 };
        while !over.load(Ordering::Relaxed) {
            let begin = Instant::now();
            // One that fails is the longest that there can be.
            let time = exchange(server.port, &request)
                .map_or(f64::INFINITY, |_| begin.elapsed().as_secs_f64() * 1000.0);
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(time);
            thread::sleep(PAUSE);
        }
    }

    /// The median and the 99th percentile, in milliseconds; forgets the answers so far.
    pub(crate) fn take(&self) -> (f64, f64) {
        let mut times = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        times.sort_by(f64::total_cmp);
        let at = |percent: usize| times.get(times.len() * percent / 100).copied();
        (at(50).unwrap_or(f64::NAN), at(99).unwrap_or(f64::NAN))
    }
}
