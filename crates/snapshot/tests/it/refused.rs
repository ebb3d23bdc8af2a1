//! What cannot be written.

use taipan_snapshot::{Digest, Function, Kind, Memory, State, encode};

use crate::sample::{provenance, state};

const WORKER: Kind = Kind::Worker { baseline: Digest([0; 32]) };

#[track_caller]
fn check(memory: usize, baseline: Option<usize>, kind: Kind, state: &State, expected: &str) {
    let (memory, baseline) = (vec![0; memory], baseline.map(|bytes| vec![0; bytes]));
    let memory = Memory { bytes: &memory, baseline: baseline.as_deref() };
    let error = encode(&memory, state, &provenance(kind)).expect_err("refused");
    assert_eq!(error.to_string(), expected);
}

#[test]
fn memory_of_no_whole_pages() {
    let expected = "memory has 4096 bytes, which are no whole pages";
    check(4096, None, Kind::Baseline, &state(), expected);
    let expected = "memory of the baseline has 4096 bytes, which are no whole pages";
    check(65_536, Some(4096), WORKER, &state(), expected);
}

#[test]
fn memory_that_shrank() {
    let expected = "memory has 65536 bytes, its baseline has 131072";
    check(65_536, Some(131_072), WORKER, &state(), expected);
}

#[test]
fn another_kind_of_memory() {
    let expected = "memory of a baseline missing for a worker snapshot";
    check(0, None, WORKER, &state(), expected);
    let expected = "memory of a baseline given for a baseline snapshot";
    check(0, Some(0), Kind::Baseline, &state(), expected);
}

#[test]
fn state_that_refers_to_nothing() {
    let mut state = state();
    state.functions[1] = Function::Element(300);
    let expected = "table element 300 in the state of the snapshot is out of range, there are 300";
    check(0, None, Kind::Baseline, &state, expected);
}

#[test]
fn too_much_metadata() {
    let mut state = state();
    state.sections.insert("large".to_owned(), vec![0; 4 << 20]);
    let expected = "snapshot has 4194716 bytes of metadata, at most 4194304 are allowed";
    check(0, None, Kind::Baseline, &state, expected);
}
