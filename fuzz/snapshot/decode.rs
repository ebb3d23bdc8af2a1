//! Reading a snapshot: no input makes it panic or gives a run that lies outside
//! of the memory or the file. What is read can be written again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};
use taipan_snapshot::{
    FORMAT, HEADER_BYTES, Kind, Memory, PAGE_BYTES, Snapshot, decode, diff, encode, sizes, verify,
};

/// Bytes of the header that the checksum covers.
const HEADER_CHECKED_BYTES: usize = 16;

/// The most bytes of memory that are written again.
const MEMORY_BYTES_MAX: u64 = 1 << 20;

fuzz_target!(|input: &[u8]| {
    let _ = decode(input);
    for pages in 0..3 {
        let file = sealed(input, pages);
        if let Ok(snapshot) = decode(&file) {
            check(&snapshot, &file);
        }
    }
});

/// A file with `metadata`, whose checksum is right, and so many pages.
fn sealed(metadata: &[u8], pages: usize) -> Vec<u8> {
    let mut file = b"\x7ftaipan\n".to_vec();
    file.extend(FORMAT.0.to_le_bytes());
    file.extend(u32::try_from(metadata.len()).expect("small").to_le_bytes());
    let checksum = Sha256::new().chain_update(&file).chain_update(metadata).finalize();
    assert_eq!(file.len(), HEADER_CHECKED_BYTES);
    file.extend_from_slice(&checksum);
    assert_eq!(file.len(), HEADER_BYTES);
    file.extend_from_slice(metadata);
    file.resize(file.len().next_multiple_of(PAGE_BYTES) + pages * PAGE_BYTES, 0);
    file
}

fn check(snapshot: &Snapshot, file: &[u8]) {
    let mut end = 0;
    for run in snapshot.runs() {
        assert!(run.range().start >= end && run.bytes > 0);
        end = run.range().end;
        assert!(run.offset.0 + run.bytes <= snapshot.file_bytes);
        assert_eq!(run.offset.0 % PAGE_BYTES as u64, 0);
    }
    assert!(end <= snapshot.memory_bytes);
    let _ = verify(snapshot, file);
    assert_eq!(diff((snapshot, file), (snapshot, file)).expect("comparable"), []);
    let counted = sizes(snapshot.runs().iter().map(|run| run.range()), &[]);
    assert_eq!(counted.iter().map(|size| size.bytes).sum::<u64>(), snapshot.stored_bytes());
    if snapshot.memory_bytes <= MEMORY_BYTES_MAX {
        let memory = vec![0; usize::try_from(snapshot.memory_bytes).expect("small")];
        let baseline = match snapshot.provenance.kind {
            Kind::Baseline => None,
            Kind::Worker { .. } => Some(&*memory),
        };
        let memory = Memory { bytes: &memory, baseline };
        let written = encode(&memory, &snapshot.state, &snapshot.provenance).expect("written");
        let again = decode(&written.to_vec()).expect("read");
        assert_eq!((&again.state, &again.provenance), (&snapshot.state, &snapshot.provenance));
    }
}
