//! Which pages of a memory go into a file.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::format::PAGE_BYTES;

/// Runs with no more equal pages than this between them become one. A mapping
/// costs a microsecond at each resume, a page only disk; and the kernel brings
/// in sixteen pages around a fault (`fault_around_bytes`), but not across the
/// end of a mapping.
const EQUAL_PAGES_MAX: usize = 16;

/// The most runs of a baseline; beyond it the shortest gaps are filled, however
/// long. Linux gives a process 65,530 mappings (`vm.max_map_count`), which is 32
/// for each of 2,000 isolates. An isolate has those of its baseline, those of its
/// worker, and what is left between them: `2 * 4 + 1 + 2 * 8`. Pyodide 314.0.7
/// takes 20.7 MB so, and 20.2 MB in as many runs as there are.
const BASELINE_RUNS_MAX: usize = 4;

/// The most runs of a worker, for the same reason. What a small program changes
/// are 173 pages, which take 11 MB so: in 16 runs they would take 6.6 MB, in all
/// 44 2 MB. It is disk; the isolates of a worker share it.
const WORKER_RUNS_MAX: usize = 8;

/// A page that need not be stored where the memory below is empty.
const ZERO: [u8; PAGE_BYTES] = [0; PAGE_BYTES];

/// The pages of `memory` that are not those of `baseline` (if there is none, not
/// zero), and some between them, in order. A baseline goes on with zeros.
pub(crate) fn differing(memory: &[u8], baseline: Option<&[u8]>) -> Vec<Range<usize>> {
    let runs_max = if baseline.is_some() { WORKER_RUNS_MAX } else { BASELINE_RUNS_MAX };
    let below = baseline
        .unwrap_or_default()
        .chunks_exact(PAGE_BYTES)
        .chain(std::iter::repeat(ZERO.as_slice()));
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (index, (page, below)) in memory.chunks_exact(PAGE_BYTES).zip(below).enumerate() {
        if page == below {
            continue;
        }
        match runs.last_mut() {
            Some(run) if index - run.end <= EQUAL_PAGES_MAX => run.end = index + 1,
            _ => runs.push(index..index + 1),
        }
    }
    fill_gaps(runs, runs_max)
}

/// Joins runs across the shortest gaps (of equal ones the last) until there are
/// at most `count`.
fn fill_gaps(runs: Vec<Range<usize>>, count: usize) -> Vec<Range<usize>> {
    if runs.len() <= count {
        return runs;
    }
    let gap = |after: usize| runs[after].start - runs[after - 1].end;
    let mut gaps: Vec<usize> = (1..runs.len()).collect();
    gaps.sort_by_key(|&after| std::cmp::Reverse(gap(after)));
    let kept: BTreeSet<usize> = gaps.into_iter().take(count - 1).collect();
    let mut joined: Vec<Range<usize>> = Vec::with_capacity(count);
    for (index, run) in runs.into_iter().enumerate() {
        match joined.last_mut() {
            Some(last) if !kept.contains(&index) => last.end = run.end,
            _ => joined.push(run),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks which pages are stored of a memory with these pages set, over one with those.
    #[track_caller]
    fn check(set: &[usize], below: &[usize], expected: &[Range<usize>]) {
        let memory = |set: &[usize]| {
            let mut bytes = vec![0; 64 * PAGE_BYTES];
            set.iter().for_each(|page| bytes[page * PAGE_BYTES + 7] = 1);
            bytes
        };
        assert_eq!(differing(&memory(set), Some(&memory(below))), expected);
        let short = &memory(below)[..32 * PAGE_BYTES];
        assert_eq!(differing(&memory(set), Some(short)), expected, "zeros follow");
        if below.is_empty() {
            assert_eq!(differing(&memory(set), None), expected, "nothing is zeros");
        }
    }

    #[test]
    fn nothing_differs() {
        check(&[], &[], &[]);
        check(&[3], &[3], &[]);
    }

    #[test]
    fn one_page() {
        check(&[0, 63], &[], &[0..1, 63..64]);
        check(&[63], &[5], &[5..6, 63..64]);
    }

    #[test]
    fn short_gaps_are_filled() {
        check(&[1, 18, 50], &[], &[1..19, 50..51]);
        check(&[1, 19], &[], &[1..2, 19..20]);
    }

    #[test]
    fn few_runs_remain() {
        let runs = vec![0..1, 30..31, 50..51, 90..91];
        assert_eq!(fill_gaps(runs.clone(), 4), runs);
        assert_eq!(fill_gaps(runs.clone(), 3), [0..1, 30..51, 90..91]);
        assert_eq!(fill_gaps(runs.clone(), 2), [0..51, 90..91]);
        assert_eq!(fill_gaps(runs, 1), std::slice::from_ref(&(0..91)));
        assert_eq!(fill_gaps(vec![0..1, 2..3, 4..5], 2), [0..1, 2..5]);
    }
}
