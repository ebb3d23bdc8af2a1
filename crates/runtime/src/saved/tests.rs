//! Tests of the section `worker`.

use super::*;

/// A state with a record of each kind.
fn sample() -> Saved {
    let log = vec![
        SavedRecord::Console { level: "log".into(), text: "called".into() },
        SavedRecord::Stream { descriptor: 1, bytes: b"said".to_vec() },
        SavedRecord::Warning { text: "drawn".into() },
    ];
    Saved { worker: 1, begin: 2, cancel: 3, monotonic_clock: 4.5, resumes: true, log }
}

fn bytes() -> Vec<u8> {
    postcard::to_stdvec(&sample()).unwrap()
}

#[track_caller]
fn check(change: impl FnOnce(&mut Saved), expect: bool) {
    let mut saved = sample();
    change(&mut saved);
    assert_eq!(check_saved(&postcard::to_stdvec(&saved).unwrap()).is_ok(), expect);
}

#[test]
fn sound() {
    check(|_| (), true);
    check(|saved| saved.monotonic_clock = 0.0, true);
}

#[test]
fn round_trip() {
    assert_eq!(Saved::of(&sample().section().unwrap()).unwrap(), sample());
}

#[test]
fn clocks_that_none_shows() {
    for clock in [f64::NAN, f64::INFINITY, -1.0, f64::MAX, 1e12] {
        check(|saved| saved.monotonic_clock = clock, false);
    }
}

#[test]
fn handles_that_none_is() {
    check(|saved| saved.worker = -1, false);
    check(|saved| saved.begin = i32::MIN, false);
}

#[test]
fn cut_or_longer() {
    let bytes = bytes();
    for end in 0..bytes.len() {
        assert!(decode(&bytes[..end]).is_err());
    }
    assert!(decode(&[&*bytes, &[0]].concat()).is_err());
}

#[test]
fn a_log_of_absurd_length() {
    // Three handles, the clock, and a list of 2^64 - 1 records.
    let bytes = [&[2, 4, 6][..], &4.5f64.to_le_bytes(), &[0], &[0xff; 9], &[1]].concat();
    assert!(decode(&bytes).is_err());
}
