//! Tests of the section `worker`, and of what `docs/internals/snapshot-format.md` says of all sections.

use super::*;
use crate::parts::PARTS;

#[path = "../../../snapshot/tests/it/cases.rs"]
mod cases;
#[path = "../../../snapshot/tests/it/page.rs"]
mod page;

use page::Page;

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

#[test]
fn the_page_describes_bindings() {
    let names = std::collections::BTreeSet::from(["KEY", "NAME"]);
    let read = Page::open().read("bindings", &postcard::to_stdvec(&names).unwrap()).0;
    assert_eq!(read, "read: [\"KEY\", \"NAME\"]");
}

#[test]
fn the_page_describes_it() {
    let page = Page::open();
    let expect = r#"
worker: 1
begin: 2
cancel: 3
monotonic clock: 4.5
resumes: true
log: [console "log" "called", stream 1 [115, 97, 105, 100], warning "drawn"]
"#;
    assert_eq!(page.read(SECTION, &bytes()), (expect.trim().to_owned(), &[][..]));
    cases::check::<SavedRecord>(&page, "record");
}

#[test]
fn the_page_lists_all_sections() {
    let parts = PARTS.iter().filter_map(|part| Some((part.name, part.state.as_ref()?.version)));
    let mut written: Vec<_> = parts.chain([(SECTION, VERSION)]).collect();
    written.sort_unstable();
    let page = Page::open();
    let described = page.rows("section").iter();
    let mut described: Vec<_> =
        described.map(|row| (row[0].as_str(), row[1].parse().unwrap())).collect();
    described.sort_unstable();
    assert_eq!(described, written);
}

/// The state of an isolate that has done nothing is zeros: as many of them as the table of the section says.
#[test]
fn the_page_knows_what_each_section_has() {
    const ZEROS: [u8; 64] = [0; 64];
    let page = Page::open();
    for part in &PARTS {
        let Some(state) = &part.state else { continue };
        let (_, left) = page.read(part.name, &ZEROS);
        let length = ZEROS.len() - left.len();
        let check = |length: usize| (state.check)(&ZEROS[..length]).is_ok();
        let expect = [false, true, false];
        assert_eq!([length - 1, length, length + 1].map(check), expect, "{}", part.name);
    }
}
