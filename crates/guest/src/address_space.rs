//! Address space: how much isolates reserve, and whether this process may have it.

use rustix::process::{Resource, getrlimit};

use crate::engine::{RESERVED_BYTES, THREAD_STACK_BYTES};

/// What wasmtime reserves on either side of a memory (`Config::memory_guard_size`).
const GUARD_BYTES: u64 = 32 << 20;

/// Bytes of a page; a kernel with larger ones is told to have less than it has.
const PAGE_BYTES: u64 = 4096;

/// What an isolate reserves: its memory and the heap of wasmtime's collector, and the stack of the thread that runs it.
const ISOLATE_BYTES: u64 = 2 * (RESERVED_BYTES + 2 * GUARD_BYTES) + THREAD_STACK_BYTES as u64;

/// A limit of the process (`RLIMIT_AS`) under which isolates would not find room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// The limit, in bytes.
    pub limit: u64,
    /// What is needed, in bytes: what the process has now, and what so many isolates reserve.
    pub needed: u64,
}

/// Looks whether so many isolates fit into the address space that this process may have.
#[must_use]
pub fn address_space_shortage(isolates: usize) -> Option<Shortage> {
    let limit = getrlimit(Resource::As).current?;
    shortage(limit, used(), isolates)
}

fn shortage(limit: u64, used: u64, isolates: usize) -> Option<Shortage> {
    let isolates = u64::try_from(isolates).unwrap_or(u64::MAX);
    let needed = used.saturating_add(isolates.saturating_mul(ISOLATE_BYTES));
    (needed > limit).then_some(Shortage { limit, needed })
}

/// What the process has (proc(5), `/proc/pid/statm`, field 1); nothing, where the kernel does not say it.
fn used() -> u64 {
    let text = fs_err::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = text.split(' ').next().and_then(|field| field.parse().ok()).unwrap_or(0);
    pages.saturating_mul(PAGE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(limit: u64, isolates: usize, expect: Option<u64>) {
        let found = shortage(limit, 1 << 30, isolates);
        assert_eq!(found.map(|it| it.needed), expect);
    }

    #[test]
    fn as_many_as_fit() {
        let one = (1 << 30) + ISOLATE_BYTES;
        check(one, 1, None);
        check(one - 1, 1, Some(one));
        check(one, 2, Some(one + ISOLATE_BYTES));
        check(0, 0, Some(1 << 30));
        check(u64::MAX - 1, usize::MAX, Some(u64::MAX));
    }

    #[test]
    fn this_process_has_some() {
        assert!(used() > 1 << 20);
    }
}
