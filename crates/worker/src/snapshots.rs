//! Snapshots: an isolate at rest, as a file.
//!
//! The baseline is a bundle's own: Python has booted, and nothing has run. A worker's snapshot is taken after its
//! top level ran, and its warm-up requests if it has any. Both are made in an isolate with a virtual host, so that
//! the same inputs give the same bytes; that isolate serves nobody.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use taipan_guest::{Run, Scope};
use taipan_release::{BundleId, Digest};
use taipan_snapshot::{self as snapshot, Image, Kind, Provenance, Snapshot};

use crate::Error;
use crate::bundle::guest;
use crate::events::Loop;
use crate::instance::Instance;
use crate::log::Record;

/// The names of the sections: what this crate saves, and what those below it do.
const WORKER: &str = "worker";
const PYODIDE: &str = "pyodide";
const WEBAPI: &str = "webapi";

/// The latest that a monotonic clock can show, in milliseconds: a year. No top level runs for so long, and what
/// is much later is no time that the host's clocks can add to.
const MONOTONIC_CLOCK_MAX: f64 = 366.0 * 24.0 * 3600.0 * 1000.0;

/// What this crate has outside of an isolate's memory.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Saved {
    /// The handle of `worker.js`'s namespace, and those of the event loop.
    pub(crate) worker: i32,
    pub(crate) fetch: i32,
    pub(crate) cancel: i32,
    /// What the monotonic clock showed, in milliseconds.
    pub(crate) monotonic_clock: f64,
    /// Whether Python has something to do in each isolate before its first request.
    pub(crate) resumes: bool,
    /// What was said while the top level ran.
    pub(crate) log: Vec<Record>,
}

/// A snapshot file that was checked.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) snapshot: Snapshot,
    pub(crate) bytes: Bytes,
    file: Arc<File>,
}

/// Opens a snapshot file and checks all of it.
pub(crate) fn open(path: &Path) -> Result<Opened, Error> {
    let read = |source| Error::Read { path: path.into(), source };
    let opened = of_entry(path, fs_err::File::open(path).map_err(read)?)?;
    snapshot::verify(&opened.snapshot, &opened.bytes).map_err(unusable(path))?;
    Ok(opened)
}

/// A snapshot file of the cache, which has compared all of it with what was published.
pub(crate) fn of_entry(path: &Path, file: fs_err::File) -> Result<Opened, Error> {
    let file = file.into_file();
    let bytes = taipan_guest::map(&file);
    let bytes = bytes.map_err(|source| Error::Read { path: path.into(), source })?;
    let snapshot = snapshot::decode(&bytes).map_err(unusable(path))?;
    Ok(Opened { snapshot, bytes, file: Arc::new(file) })
}

/// What is wrong with the snapshot at `path`.
pub(crate) fn unusable(path: &Path) -> impl Fn(snapshot::Error) -> Error {
    move |source| Error::Snapshot { path: path.into(), source: Box::new(source) }
}

/// All that an isolate has of the memory: what `opened`, which was read from `path`, has over its baseline.
pub(crate) fn all_runs(path: &Path, baseline: &Opened, opened: &Opened) -> Result<Vec<Run>, Error> {
    let snapshot = &opened.snapshot;
    if snapshot.digest == baseline.snapshot.digest {
        return Ok(opened.runs().collect());
    }
    snapshot.check_baseline(&baseline.snapshot).map_err(unusable(path))?;
    Ok(runs(baseline, opened))
}

impl Opened {
    /// What lies in the file of the memory.
    fn runs(&self) -> impl Iterator<Item = Run> {
        self.snapshot.runs().iter().map(|run| Run {
            address: u32::try_from(run.address.0).unwrap_or(u32::MAX),
            length: u32::try_from(run.bytes).unwrap_or(u32::MAX),
            file: self.file.clone(),
            offset: run.offset.0,
        })
    }

    /// The memory of a baseline.
    fn memory(&self) -> Vec<u8> {
        let length = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let mut memory = vec![0; length(self.snapshot.memory_bytes)];
        for run in self.snapshot.runs() {
            let (range, offset) = (run.range(), length(run.offset.0));
            let (start, end) = (length(range.start), length(range.end));
            memory[start..end].copy_from_slice(&self.bytes[offset..offset + end - start]);
        }
        memory
    }
}

/// What a worker's snapshot has of the memory, over what its baseline has.
fn runs(baseline: &Opened, worker: &Opened) -> Vec<Run> {
    let over: Vec<Run> = worker.runs().collect();
    let mut runs = Vec::new();
    for run in baseline.runs() {
        let (mut start, end) = (run.address, run.address + run.length);
        let mut keep = |from: u32, to: u32| {
            if from < to {
                let (length, offset) = (to - from, run.offset + u64::from(from - run.address));
                runs.push(Run { address: from, length, file: run.file.clone(), offset });
            }
        };
        for hidden in &over {
            let (from, to) = (hidden.address.max(start), (hidden.address + hidden.length).min(end));
            if from < to {
                keep(start, from);
                start = to;
            }
        }
        keep(start, end);
    }
    runs.extend(over);
    runs
}

/// The provenance of a bundle's baseline.
pub(crate) fn baseline_provenance(bundle: BundleId) -> Provenance {
    let bundle = snapshot::Digest(*bundle.as_bytes());
    Provenance { bundle, kind: Kind::Baseline, inputs: BTreeMap::new() }
}

/// The provenance of a worker's snapshot over `baseline`.
pub(crate) fn worker_provenance(
    baseline: &Opened,
    inputs: &BTreeMap<&'static str, Digest>,
) -> Provenance {
    let inputs = inputs.iter();
    Provenance {
        bundle: baseline.snapshot.provenance.bundle,
        kind: Kind::Worker { baseline: baseline.snapshot.digest },
        inputs: inputs
            .map(|(name, digest)| ((*name).to_owned(), snapshot::Digest(*digest.as_bytes())))
            .collect(),
    }
}

/// What outlives an instance of which a snapshot is taken, beside its memory.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    /// Whether Python has something to do in each isolate before its first request.
    pub(crate) resumes: bool,
    /// What was said while the top level ran.
    pub(crate) log: Vec<Record>,
}

/// Takes a snapshot of an instance, which is at rest: the bytes of its file.
pub(crate) fn take(
    instance: &mut Instance,
    provenance: &Provenance,
    baseline: Option<&Opened>,
    rest: Rest,
) -> Result<Vec<u8>, Error> {
    const DOING: &str = "taking a snapshot";
    let baseline = baseline.map(Opened::memory);
    let sections = sections(instance, rest)?;
    instance
        .isolate
        .with_roots(|scope| {
            let mut state = scope.capture()?;
            state.sections = sections;
            let image = Image { memory: scope.memory()?, baseline: baseline.as_deref() };
            Ok(snapshot::encode(&image, &state, provenance).map(|encoded| encoded.to_vec()))
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
    let (fetch, cancel) = (state.fetch.index(), state.cancel.index());
    let Rest { resumes, log } = rest;
    let saved = Saved { worker, fetch, cancel, monotonic_clock, resumes, log };
    let saved =
        postcard::to_stdvec(&saved).map_err(|error| Error::Bug { what: error.to_string() })?;
    let pyodide = taipan_pyodide::save(&scope)
        .map_err(|source| Error::Pyodide { doing: "saving its state", source })?;
    let webapi =
        taipan_webapi::save(&scope).map_err(|error| Error::Bug { what: error.to_string() })?;
    let sections = [(WORKER, saved), (PYODIDE, pyodide), (WEBAPI, webapi)];
    Ok(sections.map(|(name, bytes)| (name.to_owned(), bytes)).into())
}

/// What this crate saved in a snapshot; checks what the others did.
pub(crate) fn saved(path: &Path, snapshot: &Snapshot) -> Result<Saved, Error> {
    let wrong = |section: &'static str, source: Box<dyn std::error::Error + Send + Sync>| {
        Error::Section { path: path.into(), section, source }
    };
    let section = |name: &str| section(&snapshot.state, name);
    taipan_pyodide::check(section(PYODIDE)).map_err(|error| wrong(PYODIDE, error.into()))?;
    taipan_webapi::check(section(WEBAPI)).map_err(|error| wrong(WEBAPI, error.into()))?;
    decode(section(WORKER)).map_err(|error| wrong(WORKER, error.into()))
}

fn section<'a>(state: &'a snapshot::State, name: &str) -> &'a [u8] {
    state.sections.get(name).map(Vec::as_slice).unwrap_or_default()
}

/// Gives the owners of state in a resumed isolate what they saved.
pub(crate) fn restore(scope: &mut Scope<'_>, image: &taipan_guest::Image) -> Result<(), Error> {
    let section = |name: &str| image.section(name).unwrap_or_default();
    taipan_pyodide::restore(scope, section(PYODIDE))
        .map_err(|source| Error::Pyodide { doing: "giving it its state back", source })?;
    taipan_webapi::restore(scope, section(WEBAPI))
        .map_err(|error| Error::Bug { what: error.to_string() })?;
    scope.reseed_javascript().map_err(guest("seeding JavaScript's random numbers"))
}

fn decode(section: &[u8]) -> Result<Saved, postcard::Error> {
    let (saved, rest) = postcard::take_from_bytes::<Saved>(section)?;
    let handles = [saved.worker, saved.fetch, saved.cancel];
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
        Saved { worker: 1, fetch: 2, cancel: 3, monotonic_clock: 4.5, resumes: false, log }
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
        check(|saved| saved.fetch = i32::MIN, false);
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
