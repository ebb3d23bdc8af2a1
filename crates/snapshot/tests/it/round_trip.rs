//! What is written is read again: memories of many shapes.

use taipan_snapshot::{Digest, Kind, Memory, PAGE_BYTES, Snapshot, decode, encode, verify};

use crate::sample::{MEMORY_PAGE_BYTES, provenance, state};

/// How many memories are tried.
const CASES: u64 = 300;

/// The most runs of a file, over the two kinds.
const RUNS_MAX: usize = 8;

/// Numbers that look random and are the same each time (xorshift64*, Vigna 2016).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).expect("31 bits") % end
    }
}

/// Writes and zeros at random places, few or many, short or long.
fn scribble(numbers: &mut Numbers, memory: &mut [u8]) {
    for _ in 0..numbers.below(40) {
        let start = numbers.below(memory.len());
        let bytes = 1 + numbers.below(4 * PAGE_BYTES);
        let end = memory.len().min(start + bytes);
        let byte = u8::try_from(numbers.below(3)).expect("small");
        memory[start..end].fill(byte);
    }
}

/// Puts a snapshot's pages over what is below.
fn restored(snapshot: &Snapshot, file: &[u8], below: &[u8]) -> Vec<u8> {
    let mut memory = below.to_vec();
    memory.resize(usize::try_from(snapshot.memory_bytes).expect("small"), 0);
    for run in snapshot.runs() {
        let [start, end, offset, bytes] =
            [run.range().start, run.range().end, run.offset.0, run.bytes]
                .map(|number| usize::try_from(number).expect("small"));
        assert_eq!([start % PAGE_BYTES, offset % PAGE_BYTES, bytes % PAGE_BYTES], [0; 3]);
        memory[start..end].copy_from_slice(&file[offset..offset + bytes]);
    }
    memory
}

/// Writes a memory and reads it again.
fn check(memory: &[u8], baseline: Option<&[u8]>, kind: Kind) -> Snapshot {
    let whole = Memory { bytes: memory, baseline };
    let (state, provenance) = (state(), provenance(kind));
    let encoded = encode(&whole, &state, &provenance).expect("encoded");
    let file = encoded.to_vec();
    assert_eq!(encoded.file_bytes(), file.len() as u64);
    assert_eq!(encode(&whole, &state, &provenance).expect("again").to_vec(), file);
    let snapshot = decode(&file).expect("read");
    verify(&snapshot, &file).expect("whole");
    assert_eq!((&snapshot.state, &snapshot.provenance), (&state, &provenance));
    assert_eq!(snapshot.digest, encoded.digest);
    assert!(snapshot.runs().len() <= RUNS_MAX, "{} runs", snapshot.runs().len());
    let differs = restored(&snapshot, &file, baseline.unwrap_or_default()) != memory;
    assert!(!differs, "another memory came back");
    snapshot
}

#[test]
fn memories_come_back() {
    let mut numbers = Numbers(0x7a1_9a4);
    for _ in 0..CASES {
        let mut memory = vec![0; numbers.below(40) * MEMORY_PAGE_BYTES];
        if !memory.is_empty() {
            scribble(&mut numbers, &mut memory);
        }
        let baseline = check(&memory, None, Kind::Baseline);
        let below = memory.clone();
        memory.resize(memory.len() + numbers.below(4) * MEMORY_PAGE_BYTES, 0);
        if !memory.is_empty() {
            scribble(&mut numbers, &mut memory);
        }
        let kind = Kind::Worker { baseline: baseline.digest };
        check(&memory, Some(&below), kind).check_baseline(&baseline).expect("its baseline");
    }
}

#[test]
fn a_worker_that_changed_nothing_stores_nothing() {
    let mut memory = vec![0; 4 * MEMORY_PAGE_BYTES];
    scribble(&mut Numbers(1), &mut memory);
    let kind = Kind::Worker { baseline: Digest([0; 32]) };
    assert_eq!(check(&memory, Some(&memory), kind).runs(), []);
}

#[test]
fn pages_that_became_zero_are_stored() {
    let below = vec![1; MEMORY_PAGE_BYTES];
    let kind = Kind::Worker { baseline: Digest([0; 32]) };
    let snapshot = check(&vec![0; MEMORY_PAGE_BYTES], Some(&below), kind);
    assert_eq!(snapshot.stored_bytes(), MEMORY_PAGE_BYTES as u64);
}
