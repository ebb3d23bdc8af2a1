//! Damaged and hostile files: each an error that says what is wrong.

use std::error::Error as _;

use sha2::{Digest as _, Sha256};
use taipan_snapshot::{
    Error, FormatVersion, decode, decode_head, format_version, head_bytes, verify,
};

use crate::sample::file;

/// Where the metadata begins.
const METADATA: usize = 48;

/// Where the pages of the sample begin.
const PAGES: usize = 4096;

/// Where the kind is in the metadata of the sample: after the bundle.
const KIND: usize = 32;

/// Where the count of inputs is.
const INPUTS: usize = 33;

/// Where the size of the memory is: after two inputs.
const MEMORY: usize = 114;

/// Where the count of runs is, and then two runs: one page after one page, one
/// after twenty-eight more.
const RUNS: usize = 115;

/// Where the state begins: after the digest of the pages.
const STATE: usize = 152;

/// Reads a file as a caller does that trusts nothing.
fn read(file: &[u8]) -> Result<(), Error> {
    verify(&decode(file)?, file)
}

/// Checks what is said of the sample after some damage, cause included.
#[track_caller]
fn check(damage: impl FnOnce(&mut Vec<u8>), expected: &str) {
    let mut file = file();
    damage(&mut file);
    let error = read(&file).expect_err("damaged");
    let mut text = error.to_string();
    if let Some(cause) = error.source() {
        text += &format!(": {cause}");
    }
    assert_eq!(text, expected);
}

/// As [`check`], with metadata that someone made on purpose, so that its checksum is right: that of the sample with
/// `new` in place of `old`, its bytes from `start` on.
#[track_caller]
fn check_hostile(start: usize, old: &[u8], new: &[u8], expected: &str) {
    let damage = |file: &mut Vec<u8>| {
        let mut metadata = metadata(file).to_vec();
        assert_eq!(&metadata[start..start + old.len()], old, "the sample is another");
        metadata.splice(start..start + old.len(), new.iter().copied());
        *file = sealed(&metadata, &file[PAGES..]);
    };
    check(damage, expected);
}

fn metadata(file: &[u8]) -> &[u8] {
    let bytes = u32::from_le_bytes(file[12..16].try_into().expect("four bytes"));
    &file[METADATA..][..usize::try_from(bytes).expect("small")]
}

/// A file with a right header.
fn sealed(metadata: &[u8], pages: &[u8]) -> Vec<u8> {
    let mut file = file()[..12].to_vec();
    file.extend(u32::try_from(metadata.len()).expect("small").to_le_bytes());
    let mut hasher = Sha256::new();
    hasher.update(&file);
    hasher.update(metadata);
    file.extend_from_slice(&hasher.finalize());
    file.extend_from_slice(metadata);
    file.resize(file.len().next_multiple_of(4096), 0);
    file.extend_from_slice(pages);
    file
}

#[test]
fn undamaged() {
    read(&file()).expect("read");
    assert_eq!(sealed(metadata(&file()), &file()[PAGES..]), file());
}

#[test]
fn foreign_file() {
    check(|file| file[0] = b'X', "not a snapshot file");
    check(|file| *file = b"#!/bin/sh\nexit 1\n".to_vec(), "not a snapshot file");
}

#[test]
fn cut_short() {
    check(Vec::clear, "snapshot ends inside its magic");
    check(|file| file.truncate(11), "snapshot ends inside its format version");
    check(|file| file.truncate(15), "snapshot ends inside its size of the metadata");
    check(|file| file.truncate(47), "snapshot ends inside its checksum");
    check(|file| file.truncate(METADATA + 9), "snapshot ends inside its metadata");
    check(|file| file.truncate(PAGES - 1), "snapshot ends inside its padding");
    check(|file| file.truncate(PAGES), "snapshot has 4096 bytes, its metadata says 12288");
    check(|file| file.truncate(12_287), "snapshot has 12287 bytes, its metadata says 12288");
}

#[test]
fn too_long() {
    check(|file| file.push(0), "snapshot has 12289 bytes, its metadata says 12288");
}

#[test]
fn newer_format() {
    check(|file| file[8] = 9, "snapshot format is 9, this build reads 2");
    let mut file = file();
    file[8] = 9;
    assert_eq!(format_version(&file[..12]).expect("read"), FormatVersion(9));
}

#[test]
fn huge_metadata() {
    check(
        |file| file[12..16].fill(255),
        "snapshot has 4294967295 bytes of metadata, at most 4194304 are allowed",
    );
}

#[test]
fn padding_is_used() {
    check(|file| file[PAGES - 1] = 1, "snapshot has a padding that is not empty");
}

#[test]
fn page_is_flipped() {
    check(
        |file| file[PAGES + 5] ^= 1,
        "digest of the snapshot's pages is 95eb97e37cffd9c6782d1132136348cac53cea21315673a5b4afc688820fd9af, its metadata says b5cf0248b2f6ee47635a1fcf588f836d0a1421d22f73085b50ebc5f690288527",
    );
}

/// Every bit before the pages counts, and every byte of the pages.
#[test]
fn any_flip_is_found() {
    let file = file();
    let flip = |at: usize, bit: u8| {
        let mut file = file.clone();
        file[at] ^= 1 << bit;
        assert!(read(&file).is_err(), "bit {bit} of byte {at}");
    };
    for at in 0..PAGES {
        (0..8).for_each(|bit| flip(at, bit));
    }
    (PAGES..file.len()).step_by(97).for_each(|at| flip(at, 3));
}

#[test]
fn any_cut_is_found() {
    let file = file();
    for end in (0..PAGES).chain((PAGES..file.len()).step_by(97)) {
        assert!(read(&file[..end]).is_err(), "{end} bytes");
    }
}

/// Any byte of the metadata may be any other: then there is an error or another
/// snapshot, but no more.
#[test]
fn any_metadata_is_survived() {
    let file = file();
    for at in 0..metadata(&file).len() {
        for byte in [0, 1, 2, 127, 128, 255] {
            let mut metadata = metadata(&file).to_vec();
            metadata[at] = byte;
            let file = sealed(&metadata, &file[PAGES..]);
            if let Ok(snapshot) = decode(&file) {
                for run in snapshot.runs() {
                    assert!(run.range().end <= snapshot.memory_bytes);
                    assert!(run.offset.0 + run.bytes <= snapshot.file_bytes);
                }
            }
            metadata.truncate(at);
            assert!(decode(&sealed(&metadata, &file[PAGES..])).is_err(), "cut at {at}");
        }
    }
}

#[test]
fn leftover_metadata() {
    let add = |file: &mut Vec<u8>| {
        let longer = [metadata(file), &[0]].concat();
        *file = sealed(&longer, &file[PAGES..]);
    };
    check(add, "snapshot has an end of its metadata that is not empty");
}

#[test]
fn unknown_kind() {
    check_hostile(
        KIND,
        &[0],
        &[2],
        "metadata of the snapshot cannot be decoded: Serde Deserialization Error",
    );
}

#[test]
fn huge_memory() {
    check_hostile(
        MEMORY,
        &[3],
        &[0x81, 0x80, 4],
        "snapshot has 65537 pages of memory, at most 65536 are allowed",
    );
}

#[test]
fn run_past_the_memory() {
    check_hostile(MEMORY, &[3], &[1], "run 1 of the snapshot ends at page 31, the memory has 16");
    let huge = [0xff, 0xff, 0xff, 0xff, 0x0f];
    let text = "run 0 of the snapshot ends at page 4294967296, the memory has 48";
    check_hostile(RUNS + 1, &[1], &huge, text);
    let text = "run 0 of the snapshot ends at page 4294967296, the memory has 48";
    check_hostile(RUNS + 2, &[1], &huge, text);
}

#[test]
fn run_past_the_file() {
    check_hostile(RUNS + 4, &[1], &[2], "snapshot has 12288 bytes, its metadata says 16384");
}

#[test]
fn empty_run() {
    check_hostile(RUNS + 2, &[1], &[0], "run 0 of the snapshot has no pages");
}

#[test]
fn too_many_runs() {
    let runs = [vec![0x81, 0x20], [0, 1].repeat(4097)].concat();
    check_hostile(
        RUNS,
        &[2, 1, 1, 28, 1],
        &runs,
        "snapshot has 4097 runs of pages, at most 4096 are allowed",
    );
}

/// A count that nothing follows costs nothing.
#[test]
fn huge_counts() {
    for place in [INPUTS, RUNS, STATE] {
        let count = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
        let cut = |file: &mut Vec<u8>| {
            *file = sealed(&[&metadata(file)[..place], &count].concat(), &file[PAGES..]);
        };
        let text = "metadata of the snapshot cannot be decoded: \
                    Hit the end of buffer, expected more data";
        check(cut, text);
    }
}

/// Checks what is said of a sample in whose state the bytes `old`, which are there once, are `new`.
#[track_caller]
fn check_state(old: &[u8], new: &[u8], expected: &str) {
    let sample = file();
    let places: Vec<_> =
        metadata(&sample).windows(old.len()).enumerate().filter(|(_, it)| *it == old).collect();
    let [(place, _)] = places[..] else { panic!("{} places", places.len()) };
    check_hostile(place, old, new, expected);
}

#[test]
fn state_refers_to_nothing() {
    let check = |old: &[u8], new: &[u8], what: &str, index: u32, count: u32| {
        let rest = format!("is out of range, there are {count}");
        check_state(old, new, &format!("{what} {index} in the state of the snapshot {rest}"));
    };
    // One imported global: import 1, `f32` 1.
    check(&[1, 1, 2, 1], &[1, 2, 2, 1], "import", 2, 2);
    // Two slots: 299 → null, 7 → function 3.
    let slots = &[2, 0xab, 2, 0, 7, 1, 3];
    check(slots, &[2, 0xac, 2, 0, 7, 1, 3], "table element", 300, 300);
    check(slots, &[2, 0xab, 2, 0, 7, 1, 4], "function", 4, 4);
    // One instance: of module 1, with function 3, global 3, table 1, tag 2 and the memory.
    let instance = &[1, 1, 5, 0, 3, 1, 3, 2, 1, 3, 2, 4];
    check(instance, &[1, 4, 5, 0, 3, 1, 3, 2, 1, 3, 2, 4], "module", 4, 4);
    check(instance, &[1, 1, 5, 0, 4, 1, 3, 2, 1, 3, 2, 4], "function", 4, 4);
    check(instance, &[1, 1, 5, 0, 3, 1, 4, 2, 1, 3, 2, 4], "global", 4, 4);
    check(instance, &[1, 1, 5, 0, 3, 1, 3, 2, 2, 3, 2, 4], "table", 2, 2);
    check(instance, &[1, 1, 5, 0, 3, 1, 3, 2, 1, 3, 3, 4], "tag", 3, 3);
    // Its table `t` of three functions: element 2 is function 0.
    let table = &[1, b't', 3, 1, 2, 1, 0];
    check(table, &[1, b't', 3, 1, 3, 1, 0], "table element", 3, 3);
    check(table, &[1, b't', 3, 1, 2, 1, 4], "function", 4, 4);
    // Tables: the main module's, and `t` of instance 0.
    check(&[2, 0, 1, 0, 1, b't'], &[2, 0, 1, 1, 1, b't'], "instance", 1, 1);
    // Globals: import 1 and the main module's `m`; `v` of instance 0.
    check(&[0, 1, 1, 1, b'm'], &[0, 2, 1, 1, b'm'], "import", 2, 2);
    check(&[3, 0, 1, b'v'], &[3, 1, 1, b'v'], "instance", 1, 1);
    // Functions: element 298; `f` of instance 0.
    check(&[1, 0xaa, 2], &[1, 0xac, 2], "table element", 300, 300);
    check(&[3, 0, 1, b'f'], &[3, 1, 1, b'f'], "instance", 1, 1);
}

#[test]
fn state_is_too_large() {
    let types = |count: usize| [&[0xe9, 7][..], &vec![0x7f; count]].concat();
    let parameters = [&[2, 18][..], &types(1001), &[0]].concat();
    let text = "snapshot has 1001 parameters of a function, at most 1000 are allowed";
    check_state(&[2, 18, 1, 0x7f, 0], &parameters, text);
    let results = [&[2, 0x7e, 0x7d][..], &types(1001)].concat();
    let text = "snapshot has 1001 results of a function, at most 1000 are allowed";
    check_state(&[2, 0x7e, 0x7d, 1, 0x7c], &results, text);
    // Two tables, and three tags; the second is the main module's `t`.
    let count = [0x81, 0x80, 0x40];
    let tables = [&count[..], &[0; 1 << 20], &[1, 0, 1, b't', 3]].concat();
    let text = "snapshot has 1048577 tables, at most 1048576 are allowed";
    check_state(&[2, 0, 1, 0, 1, b't', 3], &tables, text);
    let tags = [&[b't'][..], &count, &[0; (1 << 20) + 1 - 2], &[1, 1, b't']].concat();
    let text = "snapshot has 1048577 tags, at most 1048576 are allowed";
    check_state(&[b't', 3, 0, 1, 1, b't'], &tags, text);
    let text = "snapshot has 10000001 elements of a table, at most 10000000 are allowed";
    check_state(&[1, b't', 3, 1, 2], &[1, b't', 0x81, 0xad, 0xe2, 4, 1, 2], text);
    // The table's length, and two slots.
    let text = "snapshot has 10000001 elements of the table, at most 10000000 are allowed";
    check_state(&[0xac, 2, 2, 0xab], &[0x81, 0xad, 0xe2, 4, 2, 0xab], text);
}

#[test]
fn only_the_head_is_read() {
    let file = file();
    assert_eq!(head_bytes(&file[..METADATA]).expect("read"), PAGES);
    let whole = decode(&file).expect("read");
    assert_eq!(decode_head(&file[..PAGES], file.len() as u64).expect("read"), whole);
    let error = decode_head(&file[..PAGES], 12_287).expect_err("cut");
    assert_eq!(error.to_string(), "snapshot has 12287 bytes, its metadata says 12288");
}
