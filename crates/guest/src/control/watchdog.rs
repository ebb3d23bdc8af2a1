//! The thread that looks how much CPU time isolates use, and stops those that use too much.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::{Control, Outlook};

/// How often it looks at isolates that run. A turn that begins is not announced, if the isolate ran shortly before.
const TICK: Duration = Duration::from_millis(5);

/// How soon it looks again at an isolate that is about to reach its limit.
const TICK_MIN: Duration = Duration::from_micros(200);

/// An isolate that does not run is forgotten after so many looks. When there is none left, the thread sleeps until a
/// turn begins.
const IDLE_LOOKS_MAX: u32 = 20;

/// The watchdog of a process, until it is dropped.
pub struct Watchdog {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread has in common with others.
#[derive(Default)]
pub(crate) struct Shared {
    inbox: Mutex<Inbox>,
    changed: Condvar,
}

#[derive(Default)]
struct Inbox {
    /// Isolates that began to run.
    arrived: Vec<Arc<Control>>,
    /// Whether the thread sleeps until something changes.
    sleeping: bool,
    ended: bool,
}

impl fmt::Debug for Watchdog {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Watchdog").finish_non_exhaustive()
    }
}

impl Watchdog {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// When the system has none left.
    pub fn start() -> std::io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let thread = {
            let shared = shared.clone();
            thread::Builder::new().name("watchdog".into()).spawn(move || shared.run())?
        };
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Looks at this isolate from now on whenever it runs ([`Control::begin`]).
    pub fn watch(&self, control: &Control) {
        control.watch(&self.shared);
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.shared.inbox().ended = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // It has no way to panic, and there would be nothing to do about it.
            drop(thread.join());
        }
    }
}

impl Shared {
    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        // What it guards is whole at any time.
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at an isolate until it has not run for a while.
    pub(crate) fn list(&self, control: Arc<Control>) {
        let mut inbox = self.inbox();
        inbox.arrived.push(control);
        if inbox.sleeping {
            self.changed.notify_one();
        }
    }

    fn run(&self) {
        // With how often each was seen not to run.
        let mut listed: Vec<(Arc<Control>, u32)> = Vec::new();
        loop {
            let mut pause = TICK;
            listed.retain_mut(|(control, idle)| match control.look() {
                Outlook::Running(rest) => {
                    *idle = 0;
                    pause = pause.min(rest.unwrap_or(TICK));
                    true
                }
                Outlook::Idle => {
                    *idle += 1;
                    *idle < IDLE_LOOKS_MAX || !control.unlist()
                }
            });
            let mut inbox = self.inbox();
            if inbox.arrived.is_empty() && !inbox.ended {
                inbox.sleeping = listed.is_empty();
                inbox = if inbox.sleeping {
                    self.changed.wait(inbox).unwrap_or_else(PoisonError::into_inner)
                } else {
                    let waited = self.changed.wait_timeout(inbox, pause.max(TICK_MIN));
                    waited.unwrap_or_else(PoisonError::into_inner).0
                };
                inbox.sleeping = false;
            }
            if inbox.ended {
                return;
            }
            listed.extend(inbox.arrived.drain(..).map(|control| (control, 0)));
        }
    }
}
