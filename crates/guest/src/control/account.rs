//! How much CPU time an isolate has used, and may use.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::{Control, Reason};
use crate::thread_clock::ThreadClock;

/// CPU time that an isolate may use, and for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CpuLimit {
    /// For its start.
    Startup(Duration),
    /// For a request, and what it leaves behind.
    Request(Duration),
    /// Any.
    None,
}

/// A thread runs an isolate, until this is dropped.
#[derive(Debug)]
pub struct Turn {
    control: Arc<Control>,
    /// The thread whose time is counted is the one that ends the turn.
    here: PhantomData<*const ()>,
}

impl Turn {
    pub(super) fn of(control: Arc<Control>) -> Turn {
        Turn { control, here: PhantomData }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.control.end_turn();
    }
}

/// What was used and may be used.
#[derive(Default)]
pub(super) struct Account {
    /// In turns that ended.
    used: Duration,
    running: Option<Running>,
    /// At how much used time the isolate is stopped, and why.
    deadline: Option<(Duration, Reason)>,
    /// Whether this turn was told of a soft stop.
    pub(super) signalled: bool,
    /// Whether the guest has heard of it, and nobody has said what came of that.
    pub(super) told: bool,
}

/// A turn that has not ended.
struct Running {
    clock: ThreadClock,
    /// What the clock showed when it began.
    since: Duration,
}

impl Account {
    pub(super) fn begin(&mut self, clock: ThreadClock) {
        self.end();
        self.running = Some(Running { clock, since: clock.now() });
    }

    pub(super) fn end(&mut self) {
        self.used = self.used();
        self.running = None;
        // Who has not heard of it is told again; who has, is not.
        self.signalled = self.told;
    }

    pub(super) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// All that was used until now.
    pub(super) fn used(&self) -> Duration {
        self.used_by_running().unwrap_or(self.used)
    }

    /// All that was used until now, if the isolate runs.
    pub(super) fn used_by_running(&self) -> Option<Duration> {
        let running = self.running.as_ref()?;
        Some(self.used + running.clock.now().saturating_sub(running.since))
    }

    pub(super) fn deadline(&self) -> Option<(Duration, Reason)> {
        self.deadline
    }

    /// What the guest was told has had its effect.
    pub(super) fn settle(&mut self, limit: CpuLimit) {
        (self.told, self.signalled) = (false, false);
        self.extend(limit);
    }

    pub(super) fn extend(&mut self, limit: CpuLimit) {
        // What has used up its time and goes on gets no more of it because somebody else comes.
        if self.told {
            return;
        }
        let used = self.used();
        self.deadline = match limit {
            CpuLimit::Startup(limit) => Some((limit, Reason::StartupCpuTime { limit })),
            CpuLimit::Request(limit) => Some((limit, Reason::CpuTime { limit })),
            CpuLimit::None => None,
        }
        .map(|(limit, reason)| (used.saturating_add(limit), reason));
    }
}
