//! Stopping a guest from another thread, at no cost to its code.
//!
//! WebAssembly runs without checks. To stop it, another thread takes its
//! memory away: the next load or store traps. That must not happen while the
//! host works on that memory, so each isolate has a state, which changes at
//! each crossing between WebAssembly and the host (wasmtime's call hook):
//!
//! ```text
//!            enter                take (another thread)
//!   Host ◄──────────► Wasm ─────────────────────────────► Taken
//!     │      leave                                          │ leave: the memory
//!     │ stop (another thread)                               ▼ is given back
//!     └──────────────────────────────────────────────────► Stopped
//! ```
//!
//! Only in `Wasm` is the memory taken. In `Stopped` it is there, but
//! WebAssembly cannot be entered: host functions that are under way end in
//! peace, and [`Error::Stopped`] passes through all frames.
//!
//! What of wasmtime touches the memory while the state is `Wasm`, and would be
//! hit itself: the functions behind `memory.copy`, `memory.fill` and
//! `memory.init` (48.0.8, `vm/libcalls.rs`: they return no `Result`, which is
//! where the hook is called), so modules must not have these
//! (`taipan_link::check_stoppable`). `memory.grow`, tables, exceptions and the
//! collector return a `Result`, and are in the state `Host`. Atomic waits are
//! not compiled in. The trap handler and backtraces read the native stack only.

mod account;
pub(crate) mod attached;
mod memory;
pub(crate) mod reason;
mod watchdog;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

pub use account::{CpuLimit, Turn};
pub use watchdog::Watchdog;

use account::Account;
use memory::Region;
use reason::Reason;
use watchdog::Shared;

use crate::{Error, thread_clock};

/// The states, see above.
const HOST: u8 = 0;
const WASM: u8 = 1;
const TAKEN: u8 = 2;
const STOPPED: u8 = 3;

/// CPU time between the soft stop, which the guest may use to end in its own way, and the hard one.
pub const GRACE: Duration = Duration::from_millis(25);

/// What another thread may do with an isolate.
#[derive(Default)]
pub struct Control {
    state: AtomicU8,
    /// Whether the guest is to be told of a soft stop.
    signal: AtomicBool,
    /// By what it is to be interrupted; 0 is nothing.
    interrupt: AtomicI32,
    inner: Mutex<Inner>,
    watchdog: OnceLock<Arc<Shared>>,
}

#[derive(Default)]
struct Inner {
    /// The memory, as long as it is mapped.
    region: Option<Region>,
    /// Why the isolate is stopped: the first reason stays.
    reason: Option<Reason>,
    soft_stop: Option<SoftStop>,
    account: Account,
    /// Whether the watchdog looks at it.
    listed: bool,
}

/// How a guest is told that it should end, or is interrupted: words in its memory that it looks at.
#[derive(Clone, Debug, Default)]
pub struct SoftStop {
    /// Addresses, multiples of 4, and what is written there.
    pub raise: Vec<(u32, u32)>,
    /// What is written once the guest was told.
    pub lower: Vec<(u32, u32)>,
}

/// How an isolate is doing, for the watchdog.
pub(crate) enum Outlook {
    /// It is not running.
    Idle,
    /// Nothing is to be done before it has used so much CPU time more.
    Running(Option<Duration>),
}

impl fmt::Debug for Control {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state.load(Ordering::Relaxed) {
            HOST => "host",
            WASM => "wasm",
            TAKEN => "taken",
            _ => "stopped",
        };
        formatter.debug_struct("Control").field("state", &state).finish_non_exhaustive()
    }
}

impl Control {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // What it guards is whole at any time.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops the isolate for good, from any thread and at any time.
    ///
    /// WebAssembly that runs ends at its next load or store; host functions end as they do, and none is called again.
    /// The caller that runs the isolate gets [`Error::Stopped`], and should drop it.
    pub fn stop(&self, reason: Reason) {
        self.stop_locked(&mut self.inner(), reason);
    }

    fn stop_locked(&self, inner: &mut Inner, reason: Reason) {
        inner.reason.get_or_insert(reason);
        loop {
            let (state, next) = match self.state.load(Ordering::Acquire) {
                HOST => (HOST, STOPPED),
                WASM | TAKEN => (WASM, TAKEN),
                _ => return,
            };
            let change =
                self.state.compare_exchange(state, next, Ordering::AcqRel, Ordering::Acquire);
            match (change, next) {
                (Ok(_), STOPPED) => return,
                // Again, if it was taken before: the kernel may have refused.
                (Ok(_) | Err(TAKEN), TAKEN) => {
                    if let Some(region) = &inner.region {
                        region.take();
                    }
                    return;
                }
                _ => {}
            }
        }
    }

    /// Why the isolate is stopped, or about to be.
    #[must_use]
    pub fn stopped(&self) -> Option<Reason> {
        self.inner().reason
    }

    /// From the host into WebAssembly.
    #[inline]
    fn enter(&self) -> Result<(), Error> {
        match self.state.compare_exchange(HOST, WASM, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Ok(()),
            Err(_) => Err(self.end()),
        }
    }

    /// From WebAssembly into the host, which may touch the memory from now on. `bytes` says how large it is.
    #[inline]
    fn leave(&self, bytes: impl Fn() -> usize) -> Result<(), Error> {
        match self.state.compare_exchange(WASM, HOST, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Ok(()),
            Err(_) => self.leave_taken(&bytes),
        }
    }

    #[cold]
    fn leave_taken(&self, bytes: &dyn Fn() -> usize) -> Result<(), Error> {
        loop {
            // The thread that took the memory is done with it once the lock is ours.
            let inner = self.inner();
            match self.state.load(Ordering::Acquire) {
                TAKEN => {
                    if let Some(region) = &inner.region {
                        region.give_back(bytes());
                    }
                    self.state.store(STOPPED, Ordering::Release);
                    drop(inner);
                    return Err(self.end());
                }
                // It was a soft stop.
                WASM => {
                    let (order, failure) = (Ordering::AcqRel, Ordering::Acquire);
                    if self.state.compare_exchange(WASM, HOST, order, failure).is_ok() {
                        return Ok(());
                    }
                }
                // Unwinding, after a hook had failed.
                _ => {
                    drop(inner);
                    return Err(self.end());
                }
            }
        }
    }

    #[cold]
    fn end(&self) -> Error {
        Error::Stopped { reason: self.stopped().unwrap_or(Reason::Shutdown) }
    }

    /// Why the guest was told that it should end, if the work that was told is still under way: neither
    /// [`Control::settle`] nor [`Control::close`] was called for its owner since. It may have lost the message: the
    /// code in which an exception of Python is raised can swallow it.
    #[must_use]
    pub fn told(&self) -> Option<Reason> {
        self.inner().account.told()
    }

    /// The same, whether or not its account is closed.
    #[must_use]
    pub fn was_told(&self) -> Option<Reason> {
        self.inner().account.was_told()
    }

    /// Whether `owner` was told of it.
    #[must_use]
    pub fn has_heard(&self, owner: u32) -> bool {
        self.inner().account.has_heard(owner)
    }

    /// Says that what was told to `owner` has had its effect: what goes on in its name may use so much CPU time from
    /// now on. Work without an account is settled together with any owner.
    pub fn settle(&self, owner: u32, limit: CpuLimit) {
        self.inner().account.settle(owner, limit);
    }

    /// Lets the isolate use so much CPU time from now on, unless it has used up what it had and was told so.
    pub fn extend(&self, limit: CpuLimit) {
        self.inner().account.extend(limit);
    }

    /// The isolate runs in the name of `owner` from now on. What it does in this name is counted by itself until
    /// [`Control::close`], and may use so much.
    pub fn open(&self, owner: u32, limit: CpuLimit) {
        self.inner().account.open(owner, limit);
    }

    /// What is left to do in the name of `owner` is counted with the work of all owners without an account.
    pub fn close(&self, owner: u32) {
        self.inner().account.close(owner);
    }

    /// The isolate runs in the name of `owner` from now on. Gives what is to be written into its memory, if that owner
    /// has used up its time.
    pub(crate) fn run_as(&self, owner: u32) -> Vec<(u32, u32)> {
        let mut inner = self.inner();
        let is_over = inner.account.run_as(owner);
        let signalled = match &inner.soft_stop {
            Some(soft_stop) if is_over => soft_stop.raise.clone(),
            // The owner before, if it was not told until now, is told when it runs again.
            _ => Vec::new(),
        };
        inner.account.signalled |= !signalled.is_empty();
        self.signal.store(!signalled.is_empty(), Ordering::Relaxed);
        signalled
    }

    /// Says that this thread is about to run the isolate, until what is returned is dropped.
    #[must_use]
    pub fn begin(self: &Arc<Self>) -> Turn {
        let clock = thread_clock::of_this_thread();
        let mut inner = self.inner();
        inner.account.begin(clock);
        if let Some(watchdog) = self.watchdog.get()
            && !inner.listed
        {
            inner.listed = true;
            // Not under the lock, which the watchdog takes while it holds its own.
            drop(inner);
            watchdog.list(self.clone());
        }
        Turn::of(self.clone())
    }

    fn end_turn(&self) {
        self.inner().account.end();
        // An owner that was not told until now is not told any more.
        self.signal.store(false, Ordering::Relaxed);
    }

    /// CPU time that the isolate has used in all turns.
    #[must_use]
    pub fn used(&self) -> Duration {
        self.inner().account.used()
    }

    /// Interrupts the guest as a signal does a process: it is told this number, which is not 0, when it next looks. The
    /// watchdog sees to it that it does. A number that was not taken yet is replaced.
    pub fn interrupt(&self, number: i32) {
        self.interrupt.store(number, Ordering::Relaxed);
    }

    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupt.load(Ordering::Relaxed) != 0
    }

    pub(crate) fn take_interrupt(&self) -> i32 {
        self.interrupt.swap(0, Ordering::Relaxed)
    }

    /// Tells the isolate of an interruption; looks how much CPU time it has used, and stops it if that is too much.
    pub(crate) fn look(&self) -> Outlook {
        let mut inner = self.inner();
        match self.look_at_time(&mut inner) {
            Outlook::Running(_) if self.is_interrupted() => {
                self.raise(&inner, || ());
                // Again soon: it may have looked at the words before, or not be in WebAssembly just now.
                Outlook::Running(Some(Duration::ZERO))
            }
            outlook => outlook,
        }
    }

    fn look_at_time(&self, inner: &mut Inner) -> Outlook {
        let Some(used) = inner.account.used_by_running() else { return Outlook::Idle };
        let Some((deadline, reason)) = inner.account.deadline() else {
            return Outlook::Running(None);
        };
        if used < deadline {
            return Outlook::Running(Some(deadline - used));
        }
        let end = if inner.soft_stop.is_some() { deadline + GRACE } else { deadline };
        if used >= end {
            self.stop_locked(inner, reason);
            return Outlook::Running(None);
        }
        if inner.account.signalled
            || self.raise(inner, || self.signal.store(true, Ordering::Relaxed))
        {
            inner.account.signalled = true;
            return Outlook::Running(Some(end - used));
        }
        // Again soon: it was not in WebAssembly just now.
        Outlook::Running(Some(Duration::ZERO))
    }

    /// The watchdog no longer looks at it, unless it runs again.
    pub(crate) fn unlist(&self) -> bool {
        let mut inner = self.inner();
        inner.listed = inner.account.is_running();
        !inner.listed
    }

    pub(crate) fn watch(&self, watchdog: &Arc<Shared>) {
        // One watchdog is enough.
        self.watchdog.get_or_init(|| watchdog.clone());
    }

    /// Does `first`, and writes what has the guest look; false if WebAssembly does not run just now.
    fn raise(&self, inner: &Inner, first: impl FnOnce()) -> bool {
        let (Some(region), Some(soft_stop)) = (&inner.region, &inner.soft_stop) else {
            return false;
        };
        // As long as it is taken, no call leaves WebAssembly, so the host never sees its memory change.
        let (order, failure) = (Ordering::AcqRel, Ordering::Acquire);
        if self.state.compare_exchange(WASM, TAKEN, order, failure).is_err() {
            return false;
        }
        first();
        for (address, word) in &soft_stop.raise {
            region.store(*address, *word);
        }
        self.state.store(WASM, Ordering::Release);
        true
    }

    pub(crate) fn take_signal(&self) -> bool {
        let told = self.signal.swap(false, Ordering::Relaxed);
        if told {
            self.inner().account.tell();
        }
        told
    }

    /// What is to be written so that the guest looks.
    pub(crate) fn raised(&self) -> Vec<(u32, u32)> {
        self.inner().soft_stop.as_ref().map(|soft_stop| soft_stop.raise.clone()).unwrap_or_default()
    }

    /// What is to be written once the guest was told.
    pub(crate) fn lowered(&self) -> Vec<(u32, u32)> {
        self.inner().soft_stop.as_ref().map(|soft_stop| soft_stop.lower.clone()).unwrap_or_default()
    }

    pub(crate) fn set_soft_stop(&self, soft_stop: SoftStop) {
        self.inner().soft_stop = Some(soft_stop);
    }
}
