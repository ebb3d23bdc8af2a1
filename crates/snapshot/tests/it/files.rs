//! Files of formats past and present: the present one is read to the last field, others are refused by their number.

use taipan_snapshot::{FileOffset, GuestAddress, Kind, Memory, Run, decode, encode, verify};

use crate::sample::{file, provenance, sample_memory, state};

/// The file of `format`, which is never written again.
fn stored(format: u32) -> Vec<u8> {
    let path = format!("{}/tests/files/format-{format}.snapshot", env!("CARGO_MANIFEST_DIR"));
    fs_err::read(path).expect("a file of the tests")
}

#[test]
fn format_1_is_refused() {
    let error = decode(&stored(1)).expect_err("another format");
    assert_eq!(error.to_string(), "snapshot format is 1, this build reads 2");
}

#[test]
fn format_2_is_read() {
    let file = stored(2);
    let snapshot = decode(&file).expect("read");
    assert_eq!(snapshot.state, state());
    assert_eq!(snapshot.provenance, provenance(Kind::Baseline));
    assert_eq!(snapshot.memory_bytes, 196_608);
    let run = |address, offset| Run {
        address: GuestAddress(address),
        bytes: 4096,
        offset: FileOffset(offset),
    };
    assert_eq!(snapshot.runs(), [run(4096, 4096), run(122_880, 8192)]);
    verify(&snapshot, &file).expect("whole");
}

#[test]
fn format_2_is_written() {
    assert!(file() == stored(2), "the same arguments give other bytes: that is a new format");
    let memory = sample_memory();
    let memory = Memory { bytes: &memory, baseline: None };
    let state = state();
    let encoded = encode(&memory, &state, &provenance(Kind::Baseline)).expect("encoded");
    assert_eq!(encoded.file_bytes(), 12_288);
    assert_eq!(
        encoded.digest.to_string(),
        "bee97669ecfcc76e392db277a7b35ac75e570db7d8d25a031fbb2ef8d6c53e61"
    );
}
