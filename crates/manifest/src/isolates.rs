//! How a worker's isolates serve, and how many of them there are.

use std::fmt;

use crate::limits::{Rule, rule};

/// What an isolate does after it has answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// It answers the next request, and many at a time.
    #[default]
    Reuse,
    /// It ends: nothing that one request leaves is seen by another.
    Fresh,
}

impl Isolation {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Reuse, Self::Fresh];

    /// Its name in configurations and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reuse => "reuse",
            Self::Fresh => "fresh",
        }
    }

    /// The one that is called `name`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|isolation| isolation.name() == name)
    }
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How many isolates a worker has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Isolates {
    /// Isolates that are kept resumed without any request. None by default:
    /// an idle worker costs nothing, and resuming one takes less than 1 ms.
    pub min: u32,
    /// The most isolates at a time, at least `min`. None given: see
    /// [`max`](Isolates::max), since it depends on the isolation.
    pub max: Option<u32>,
    /// Seconds without a request after which an isolate is dropped. 60 bridge
    /// the pauses of a person, and no night.
    pub idle_seconds: u32,
    /// MiB for isolates beyond the most, which there are while the others' stacks are held by `run_sync`. 1024
    /// are some 500 of them: more than there are requests that wait at a time, and a part of a small machine.
    pub waiting_mb: u32,
}

impl Default for Isolates {
    /// The reasons are with the fields.
    fn default() -> Self {
        Self { min: 0, max: None, idle_seconds: 60, waiting_mb: 1024 }
    }
}

/// Isolates of a worker that answers many requests in each: enough for the cores
/// of a small machine.
const REUSE_MAX: u32 = 4;

/// Isolates of a worker that has one for each request: requests that wait for
/// others, and not for a core, need more of them.
const FRESH_MAX: u32 = 64;

/// The most isolates of one worker: each takes 4 GiB of addresses and more, of
/// the 128 TiB that a process has.
const ISOLATES_MAX: u32 = 10_000;

/// The longest `idle_seconds`: a day. `min` keeps isolates without end.
const IDLE_SECONDS_MAX: u32 = 24 * 60 * 60;

/// The largest `waiting_mb`: 1 TiB, more than [`ISOLATES_MAX`] usually need.
const WAITING_MB_MAX: u32 = 1 << 20;

impl Isolates {
    /// The most isolates at a time: what was given, or 4 for [`Isolation::Reuse`]
    /// and 64 for [`Isolation::Fresh`], and `min` where that is more.
    pub fn max(&self, isolation: Isolation) -> u32 {
        let usual = match isolation {
            Isolation::Reuse => REUSE_MAX,
            Isolation::Fresh => FRESH_MAX,
        };
        self.max.unwrap_or(usual.max(self.min))
    }
}

/// The keys of `taipan.isolates`.
pub(crate) const RULES: [Rule<Isolates>; 4] = [
    rule("min", 0, ISOLATES_MAX, |isolates, value| isolates.min = value),
    rule("max", 1, ISOLATES_MAX, |isolates, value| isolates.max = Some(value)),
    rule("idle_seconds", 0, IDLE_SECONDS_MAX, |isolates, value| isolates.idle_seconds = value),
    rule("waiting_mb", 0, WAITING_MB_MAX, |isolates, value| isolates.waiting_mb = value),
];
