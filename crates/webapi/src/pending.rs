//! What an isolate has started and waits for: timers, reads, writes, fetches.
//!
//! An operation that cannot be done at once gets a number; what comes of it is a [`Completion`], which the code that
//! runs the isolate delivers when it is at rest. Timers need no other thread: there is a next deadline to ask for.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use crate::Error;
use crate::body::BodyReader;
use crate::fetch::Response;
use crate::owner::Owner;

/// Operations that an isolate may wait for at once, timers included.
pub const OPERATIONS_MAX: usize = 65_536;

/// Numbers stay positive where JavaScript reads them as 32-bit integers.
const ID_MASK: u32 = 0x7fff_ffff;

/// What came of an operation.
#[derive(Debug)]
pub enum Outcome {
    /// It is done, and has no value.
    Done,
    /// A body gave this, and its read end comes back; `None` at the end.
    Chunk {
        /// The number of the body.
        body: u32,
        /// Its read end.
        reader: Option<BodyReader>,
        /// What was read.
        chunk: Result<Option<Bytes>, Error>,
    },
    /// A fetch has its headers.
    Fetched(Box<Response>),
    /// It failed.
    Failed(Error),
}

/// An operation that has ended.
#[derive(Debug)]
pub struct Completion {
    /// The number of the operation.
    pub id: u32,
    /// What came of it.
    pub outcome: Outcome,
}

/// Takes completions from where operations run to the isolate that waits.
pub type Sender = Arc<dyn Fn(Completion) + Send + Sync>;

/// What an isolate waits for.
pub struct Pending {
    last: u32,
    /// Each with the microsecond since which it is ready.
    ready: VecDeque<(u64, Owner, Completion)>,
    /// The latest microsecond of the monotonic clock that was heard of.
    now: u64,
    /// Ordered by the microsecond of the monotonic clock at which they fire.
    timers: BTreeSet<(u64, u32)>,
    deadlines: HashMap<u32, (u64, Owner)>,
    running: HashMap<u32, (AbortHandle, Owner)>,
    sender: Sender,
    runtime: Handle,
}

impl fmt::Debug for Pending {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (timers, running) = (self.timers.len(), self.running.len());
        formatter
            .debug_struct("Pending")
            .field("timers", &timers)
            .field("running", &running)
            .finish_non_exhaustive()
    }
}

impl Pending {
    /// Operations run on `runtime` and tell `sender` when they end.
    #[must_use]
    pub fn new(runtime: Handle, sender: Sender) -> Self {
        Self {
            last: 0,
            ready: VecDeque::new(),
            now: 0,
            timers: BTreeSet::new(),
            deadlines: HashMap::new(),
            running: HashMap::new(),
            sender,
            runtime,
        }
    }

    /// The last number that was given.
    pub(crate) fn last(&self) -> u32 {
        self.last
    }

    /// The next number is the one after `last`.
    pub(crate) fn go_on_after(&mut self, last: u32) {
        self.last = last & ID_MASK;
    }

    /// The numbers of all operations that have not ended.
    pub(crate) fn under_way(&self) -> Vec<u32> {
        let ready = self.ready.iter().map(|(_, _, completion)| completion.id);
        ready.chain(self.deadlines.keys().copied()).chain(self.running.keys().copied()).collect()
    }

    fn number(&mut self) -> Result<u32, Error> {
        if self.ready.len() + self.timers.len() + self.running.len() >= OPERATIONS_MAX {
            return Err(Error::TooMany { what: "operations under way", maximum: OPERATIONS_MAX });
        }
        self.last = self.last.wrapping_add(1) & ID_MASK;
        Ok(self.last)
    }

    /// An operation whose outcome is known already.
    ///
    /// # Errors
    ///
    /// More than [`OPERATIONS_MAX`] operations.
    pub fn complete(&mut self, owner: Owner, outcome: Outcome) -> Result<u32, Error> {
        let id = self.number()?;
        self.ready.push_back((self.now, owner, Completion { id, outcome }));
        Ok(id)
    }

    /// A timer that fires when the monotonic clock shows `deadline_milliseconds`.
    ///
    /// # Errors
    ///
    /// More than [`OPERATIONS_MAX`] operations.
    pub fn start_timer(
        &mut self,
        owner: Owner,
        now_milliseconds: f64,
        delay_milliseconds: f64,
    ) -> Result<u32, Error> {
        self.now = microseconds(now_milliseconds);
        if delay_milliseconds <= 0.0 || delay_milliseconds.is_nan() {
            return self.complete(owner, Outcome::Done);
        }
        let id = self.number()?;
        let deadline = microseconds(now_milliseconds + delay_milliseconds);
        self.timers.insert((deadline, id));
        self.deadlines.insert(id, (deadline, owner));
        Ok(id)
    }

    /// Timers that wait.
    #[must_use]
    pub fn timers(&self) -> usize {
        self.timers.len()
    }

    /// An operation that runs elsewhere.
    ///
    /// # Errors
    ///
    /// More than [`OPERATIONS_MAX`] operations.
    pub fn start(
        &mut self,
        owner: Owner,
        work: impl Future<Output = Outcome> + Send + 'static,
    ) -> Result<u32, Error> {
        let id = self.number()?;
        let sender = self.sender.clone();
        let task = self.runtime.spawn(async move {
            let outcome = work.await;
            sender(Completion { id, outcome });
        });
        self.running.insert(id, (task.abort_handle(), owner));
        Ok(id)
    }

    /// Work whose end is not waited for.
    pub fn detach(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(work);
    }

    /// Forgets an operation: it has no completion any more.
    pub fn cancel(&mut self, id: u32) {
        if let Some((task, _)) = self.running.remove(&id) {
            task.abort();
        } else if let Some((deadline, _)) = self.deadlines.remove(&id) {
            self.timers.remove(&(deadline, id));
        } else {
            self.ready.retain(|(_, _, completion)| completion.id != id);
        }
    }

    /// Forgets what runs elsewhere, and the `timers` too if asked, of the owners that `whose` accepts; gives their
    /// numbers. What is ready is delivered in any case, at once.
    pub(crate) fn give_up(&mut self, timers: bool, whose: impl Fn(Owner) -> bool) -> Vec<u32> {
        let running = self.running.iter().filter(|(_, (_, owner))| whose(*owner));
        let mut given_up: Vec<u32> = running.map(|(id, _)| *id).collect();
        if timers {
            let deadlines = self.deadlines.iter().filter(|(_, (_, owner))| whose(*owner));
            given_up.extend(deadlines.map(|(id, _)| *id));
        }
        given_up.sort_unstable();
        for id in &given_up {
            self.cancel(*id);
        }
        given_up
    }

    /// Whose a completion that arrived is, if it is still wanted; to be asked once for each.
    pub fn end(&mut self, id: u32) -> Option<Owner> {
        self.running.remove(&id).map(|(_, owner)| owner)
    }

    /// The next completion that needs no waiting, and whose it is: what has been due for longest, so that
    /// neither timers nor what is ready at once keep the others waiting for ever.
    pub fn take_ready(&mut self, now_milliseconds: f64) -> Option<(Owner, Completion)> {
        self.now = microseconds(now_milliseconds);
        let timer = self.timers.first().copied().filter(|(deadline, _)| *deadline <= self.now);
        let ready = self.ready.front().map(|(since, ..)| *since);
        let Some((deadline, id)) =
            timer.filter(|(deadline, _)| ready.is_none_or(|ready| *deadline < ready))
        else {
            return self.ready.pop_front().map(|(_, owner, completion)| (owner, completion));
        };
        self.timers.remove(&(deadline, id));
        let (_, owner) = self.deadlines.remove(&id)?;
        Some((owner, Completion { id, outcome: Outcome::Done }))
    }

    /// In how many milliseconds the next timer fires.
    #[must_use]
    pub fn next_timer(&self, now_milliseconds: f64) -> Option<f64> {
        if !self.ready.is_empty() {
            return Some(0.0);
        }
        let (deadline, _) = self.timers.first()?;
        #[expect(
            clippy::cast_precision_loss,
            reason = "microseconds of a process's life are far below 2^53"
        )]
        let milliseconds = deadline.saturating_sub(microseconds(now_milliseconds)) as f64 / 1000.0;
        Some(milliseconds)
    }

    /// Whether an operation runs elsewhere.
    #[must_use]
    pub fn runs(&self) -> bool {
        !self.running.is_empty()
    }

    /// Whether anything can still happen that the isolate itself has started.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.ready.is_empty() && self.timers.is_empty() && self.running.is_empty()
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        for (task, _) in self.running.values() {
            task.abort();
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clocks are positive, casts saturate"
)]
fn microseconds(milliseconds: f64) -> u64 {
    (milliseconds * 1000.0).ceil() as u64
}
