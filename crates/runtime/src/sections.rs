//! Takes a snapshot of an isolate, and gives it back what it had outside of its memory.
//!
//! The baseline is a bundle's own: Python has booted, and nothing has run. A worker's snapshot is taken after its
//! top level ran, and its warm-up requests if it has any. Both are made in an isolate with a virtual host, so that
//! the same inputs give the same bytes; that isolate serves nobody.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use taipan_guest::Scope;
use taipan_snapshot::{self as snapshot, Memory, Provenance};

use crate::instance::Instance;
use crate::log::Record;
use crate::part::{self, Part, PartError};
use crate::parts::PARTS;
use crate::snapshot_file::SnapshotFile;
use crate::state::Loop;
use crate::{Error, bindings, guest};

/// The name of the section that this file writes.
const WORKER: &str = "worker";
const VERSION: u8 = 1;

/// The latest that a monotonic clock can show, in milliseconds: a year. No top level runs for so long, and what
/// is much later is no time that the host's clocks can add to.
const MONOTONIC_CLOCK_MAX: f64 = 366.0 * 24.0 * 3600.0 * 1000.0;

/// What this crate has outside of an isolate's memory.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Saved {
    /// The handle of `worker.js`'s namespace, and those of the event loop.
    pub(crate) worker: i32,
    pub(crate) begin: i32,
    pub(crate) cancel: i32,
    /// What the monotonic clock showed, in milliseconds.
    pub(crate) monotonic_clock: f64,
    /// Whether Python has something to do in each isolate before its first request.
    pub(crate) resumes: bool,
    /// What was said while the top level ran.
    pub(crate) log: Vec<Record>,
}

/// What outlives an instance of which a snapshot is taken, beside its memory.
#[derive(Debug, Default)]
pub struct Rest {
    /// Whether Python has something to do in each isolate before its first request.
    pub resumes: bool,
    /// What was said while the top level ran.
    pub log: Vec<Record>,
}

/// Takes a snapshot of an instance, which is at rest: the bytes of its file.
///
/// # Errors
///
/// What does not fit into a snapshot; a fault of ours.
pub fn take(
    instance: &mut Instance,
    provenance: &Provenance,
    baseline: Option<&SnapshotFile>,
    rest: Rest,
) -> Result<Vec<u8>, Error> {
    const DOING: &str = "taking a snapshot";
    let baseline = baseline.map(SnapshotFile::memory);
    let sections = sections(instance, rest)?;
    instance
        .isolate
        .with_roots(|scope| {
            let mut state = scope.capture()?;
            state.sections = sections;
            let memory = Memory { bytes: scope.memory()?, baseline: baseline.as_deref() };
            Ok(snapshot::encode(&memory, &state, provenance).map(|encoded| encoded.to_vec()))
        })
        .map_err(guest(DOING))?
        .map_err(|source| Error::NoSnapshot { source: Box::new(source) })
}

/// What the owners of state save, each in its own encoding.
fn sections(instance: &mut Instance, rest: Rest) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let worker = instance.worker.index();
    let mut scope = instance.isolate.scope();
    let monotonic_clock = scope.host().monotonic_clock();
    let Some(state) = scope.extensions().of::<Loop>() else {
        return Err(Error::Bug { what: "an isolate without an event loop".into() });
    };
    let (begin, cancel) = (state.begin.index(), state.cancel.index());
    let Rest { resumes, log } = rest;
    let saved = Saved { worker, begin, cancel, monotonic_clock, resumes, log };
    let saved =
        postcard::to_stdvec(&saved).map_err(|error| Error::Bug { what: error.to_string() })?;
    let mut sections = BTreeMap::from([(WORKER.to_owned(), part::section(VERSION, &saved))]);
    for Part { name, state, .. } in &PARTS {
        if let Some(state) = state {
            let section = state.section(&scope).map_err(unusable(name, "saved"))?;
            sections.insert((*name).to_owned(), section);
        }
    }
    Ok(sections)
}

/// Says which part's state could not be used.
fn unusable(name: &'static str, done: &'static str) -> impl Fn(PartError) -> Error {
    move |source| Error::Part { part: name, done, source }
}

impl SnapshotFile {
    /// The names of the bindings that the program looked at before it was taken.
    ///
    /// # Errors
    ///
    /// [`Error::Section`] when it does not say them.
    pub fn bindings_read(&self) -> Result<BTreeSet<String>, Error> {
        let section = section(&self.snapshot.state, bindings::NAME);
        let saved = part::saved(bindings::VERSION, section).and_then(|it| Ok(bindings::saved(it)?));
        saved.map_err(|source| Error::Section {
            path: self.path.clone(),
            section: bindings::NAME,
            source,
        })
    }
}

/// What this crate saved in a snapshot; checks what the others did.
pub(crate) fn saved(file: &SnapshotFile) -> Result<Saved, Error> {
    let wrong = |section: &'static str, source: Box<dyn std::error::Error + Send + Sync>| {
        Error::Section { path: file.path.clone(), section, source }
    };
    let section = |name: &str| section(&file.snapshot.state, name);
    for Part { name, state, .. } in &PARTS {
        if let Some(state) = state {
            let saved = state.saved(section(name));
            saved.and_then(state.check).map_err(|error| wrong(name, error))?;
        }
    }
    let own = part::saved(VERSION, section(WORKER)).and_then(|it| Ok(decode(it)?));
    own.map_err(|error| wrong(WORKER, error))
}

fn section<'a>(state: &'a snapshot::State, name: &str) -> &'a [u8] {
    state.sections.get(name).map(Vec::as_slice).unwrap_or_default()
}

/// Gives the owners of state in a resumed isolate what they saved.
pub(crate) fn restore(scope: &mut Scope<'_>, image: &taipan_guest::Image) -> Result<(), Error> {
    let section = |name: &str| image.section(name).unwrap_or_default();
    for Part { name, state, .. } in &PARTS {
        if let Some(state) = state {
            let restored = state.saved(section(name)).and_then(|it| (state.restore)(scope, it));
            restored.map_err(unusable(name, "given back"))?;
        }
    }
    scope.reseed_javascript().map_err(guest("seeding JavaScript's random numbers"))
}

fn decode(section: &[u8]) -> Result<Saved, postcard::Error> {
    let (saved, rest) = postcard::take_from_bytes::<Saved>(section)?;
    let handles = [saved.worker, saved.begin, saved.cancel];
    let whole = rest.is_empty()
        && handles.iter().all(|handle| *handle >= 0)
        && (0.0..=MONOTONIC_CLOCK_MAX).contains(&saved.monotonic_clock);
    if whole { Ok(saved) } else { Err(postcard::Error::SerdeDeCustom) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Saved {
        let log = vec![Record::Stream { descriptor: 1, bytes: b"said".to_vec() }];
        Saved { worker: 1, begin: 2, cancel: 3, monotonic_clock: 4.5, resumes: false, log }
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Saved), expect: bool) {
        let mut saved = sample();
        change(&mut saved);
        assert_eq!(decode(&postcard::to_stdvec(&saved).unwrap()).is_ok(), expect);
    }

    #[test]
    fn sound() {
        check(|_| (), true);
        check(|saved| saved.monotonic_clock = 0.0, true);
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
        let bytes = postcard::to_stdvec(&sample()).unwrap();
        for end in 0..bytes.len() {
            assert!(decode(&bytes[..end]).is_err());
        }
        assert!(decode(&[&*bytes, &[0]].concat()).is_err());
    }

    #[test]
    fn a_log_of_absurd_length() {
        // Three handles, the clock, and a list of 2^64 - 1 records.
        let bytes = [&[2, 4, 6][..], &4.5f64.to_le_bytes(), &[0xff; 9], &[1]].concat();
        assert!(decode(&bytes).is_err());
    }
}
