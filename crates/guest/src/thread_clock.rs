//! The CPU time of threads: what one has used, asked by another.

#![expect(unsafe_code, reason = "the only place that asks the C library for clocks")]

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::time::Duration;

/// The clock of a thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ThreadClock(libc::clockid_t);

thread_local! {
    /// The clock of this thread, once it was asked for.
    static CLOCK: Cell<Option<libc::clockid_t>> = const { Cell::new(None) };
}

/// The clock of the thread that asks.
pub(crate) fn of_this_thread() -> ThreadClock {
    if let Some(clock) = CLOCK.get() {
        return ThreadClock(clock);
    }
    let mut clock = libc::CLOCK_THREAD_CPUTIME_ID;
    // SAFETY: `pthread_self` has no conditions.
    let this = unsafe { libc::pthread_self() };
    // SAFETY: the thread is alive, as it runs this; `clock` is ours to write.
    let status = unsafe { libc::pthread_getcpuclockid(this, &raw mut clock) };
    debug_assert_eq!(status, 0, "a thread that runs has a clock");
    CLOCK.set(Some(clock));
    ThreadClock(clock)
}

impl ThreadClock {
    /// CPU time that the thread has used; none if it has ended.
    pub(crate) fn now(self) -> Duration {
        let mut time = MaybeUninit::<libc::timespec>::zeroed();
        // SAFETY: `time` is ours to write; a clock that does not exist any more is an error.
        let status = unsafe { libc::clock_gettime(self.0, time.as_mut_ptr()) };
        if status != 0 {
            return Duration::ZERO;
        }
        // SAFETY: it was written, and zeroes would do.
        let time = unsafe { time.assume_init() };
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
    }
}
