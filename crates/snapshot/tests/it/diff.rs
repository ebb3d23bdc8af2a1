//! What differs between two snapshots.

use taipan_snapshot::{Digest, Kind, Memory, decode, diff, encode};

use crate::sample::{memory, provenance, state};

fn file(pages: &[(usize, u8)], kind: Kind) -> Vec<u8> {
    let (memory, below) = (memory(pages), memory(&[]));
    let baseline = (kind != Kind::Baseline).then_some(&*below);
    let memory = Memory { bytes: &memory, baseline };
    encode(&memory, &state(), &provenance(kind)).expect("encoded").to_vec()
}

/// Compares snapshots of memories with a byte set in each of these pages.
fn compare(before: (&[(usize, u8)], Kind), after: (&[(usize, u8)], Kind)) -> String {
    let [before, after] = [before, after].map(|(pages, kind)| file(pages, kind));
    let snapshot = |file: &[u8]| decode(file).expect("read");
    match diff((&snapshot(&before), &before), (&snapshot(&after), &after)) {
        Ok(extents) => {
            let show = |extent: &taipan_snapshot::Extent| {
                let [start, end] = [extent.range.start, extent.range.end].map(|it| it / 4096);
                format!("{:?} {start}..{end}", extent.change)
            };
            extents.iter().map(show).collect::<Vec<_>>().join(", ")
        }
        Err(error) => error.to_string(),
    }
}

#[track_caller]
fn check(before: &[(usize, u8)], after: &[(usize, u8)], expected: &str) {
    for kind in [Kind::Baseline, Kind::Worker { baseline: Digest([0; 32]) }] {
        assert_eq!(compare((before, kind), (after, kind)), expected);
    }
}

#[test]
fn differences_are_listed() {
    check(&[], &[], "");
    check(&[(1, 1), (40, 1)], &[(1, 1), (40, 1)], "");
    check(&[(1, 1)], &[(1, 2)], "Changed 1..2");
    check(&[(1, 1), (40, 1)], &[(1, 1)], "Removed 40..41");
    check(
        &[(20, 1)],
        &[(0, 9), (20, 2), (21, 1), (47, 1)],
        "Added 0..1, Changed 20..21, Added 21..22, Added 47..48",
    );
    check(&[(3, 1), (4, 1), (5, 1)], &[(3, 2), (4, 2), (5, 1)], "Changed 3..5");
}

#[test]
fn different_kinds_are_not_compared() {
    let worker = Kind::Worker { baseline: Digest([0; 32]) };
    assert_eq!(
        compare((&[], Kind::Baseline), (&[], worker)),
        "snapshots cannot be compared, they build on different baselines"
    );
}
