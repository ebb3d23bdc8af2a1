//! Whether a snapshot is the one that is looked for.

use taipan_snapshot::{Digest, Kind, Memory, Provenance, Snapshot, decode, encode};

use crate::sample::{memory, provenance, state};

#[track_caller]
fn check(change: impl FnOnce(&mut Provenance), expected: &str) {
    let found = provenance(Kind::Baseline);
    let mut wanted = found.clone();
    change(&mut wanted);
    let text = found.check(&wanted).err().map(|error| error.to_string()).unwrap_or_default();
    // A digest of the sample is one byte, again and again.
    let text = (1..10).fold(text, |text, byte| {
        text.replace(&format!("{byte:02x}").repeat(32), &byte.to_string())
    });
    assert_eq!(text, expected);
}

#[test]
fn differences_are_named() {
    check(|_| {}, "");
    check(|it| it.bundle = Digest([9; 32]), "snapshot was taken with bundle 1, expected 9");
    let kind = Kind::Worker { baseline: Digest([5; 32]) };
    check(|it| it.kind = kind, "snapshot was taken with baseline none, expected 5");
    let changed = |name: &'static str, byte| {
        move |it: &mut Provenance| {
            it.inputs.insert(name.to_owned(), Digest([byte; 32]));
        }
    };
    check(changed("source", 7), "snapshot was taken with source 3, expected 7");
    check(changed("configuration", 4), "snapshot was taken with configuration none, expected 4");
    check(|it| it.inputs.clear(), "snapshot was taken with packages 2, expected none");
}

fn snapshot(pages: usize, baseline: Option<(Digest, usize)>) -> Snapshot {
    let memory = memory(&[(1, 1)])[..pages * 65_536].to_vec();
    let below = baseline.map(|(_, pages)| vec![0; pages * 65_536]);
    let kind = baseline.map_or(Kind::Baseline, |(digest, _)| Kind::Worker { baseline: digest });
    let memory = Memory { bytes: &memory, baseline: below.as_deref() };
    decode(&encode(&memory, &state(), &provenance(kind)).expect("encoded").to_vec()).expect("read")
}

#[test]
fn a_worker_fits_its_baseline() {
    let [small, large] = [1, 3].map(|pages| snapshot(pages, None));
    let worker = snapshot(2, Some((small.digest, 1)));
    worker.check_baseline(&small).expect("its own");
    let error = worker.check_baseline(&large).expect_err("another");
    let (found, expected) = (small.digest, large.digest);
    assert_eq!(
        error.to_string(),
        format!("snapshot was taken with baseline {found}, expected {expected}")
    );
    let error = snapshot(2, Some((large.digest, 1))).check_baseline(&large).expect_err("smaller");
    assert_eq!(error.to_string(), "memory has 131072 bytes, its baseline has 196608");
    small.check_baseline(&small).expect_err("no worker");
}
