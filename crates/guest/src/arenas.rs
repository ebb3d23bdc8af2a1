//! The arenas of the C library's allocator.
//!
//! glibc gives a thread that meets another in the allocator an arena of its own, up to eight for a processor, and what
//! is free in one arena is of no use to another. Isolates take turns on many threads, so that each arena comes to hold
//! what all isolates together once needed: `cargo xtask soak` showed 18 MiB in 13 of them after 800 requests, 7 MiB in
//! one.

#![expect(unsafe_code, reason = "the only place that tells the C library how to allocate")]

/// Lets the allocator have one arena for each processor. It holds for the whole process, from its next thread on.
pub fn bound_arenas() {
    #[cfg(target_env = "gnu")]
    {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let processors = libc::c_int::try_from(processors).unwrap_or(libc::c_int::MAX);
        // SAFETY: it writes a number of the allocator's, under the allocator's lock.
        let done = unsafe { libc::mallopt(libc::M_ARENA_MAX, processors) };
        debug_assert_eq!(done, 1, "glibc has this parameter");
    }
}

/// Gives the system back what is free in the arenas: for when isolates have ended, and none takes their place. It takes
/// milliseconds.
pub fn trim_arenas() {
    #[cfg(target_env = "gnu")]
    {
        let kept_bytes = 0;
        // SAFETY: it gives up free memory of the allocator's, under the allocator's locks.
        unsafe { libc::malloc_trim(kept_bytes) };
    }
}
