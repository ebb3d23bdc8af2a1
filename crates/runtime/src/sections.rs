//! Takes a snapshot of an isolate, and gives it back what it had outside of its memory.
//!
//! The baseline is a bundle's own: Python has booted, and nothing has run. A worker's snapshot is taken after its top
//! level ran, and its warm-up requests if it has any. Both are made in an isolate with a virtual host, so that the same
//! inputs give the same bytes; that isolate serves no clients.

use std::collections::{BTreeMap, BTreeSet};

use taipan_guest::Scope;
use taipan_snapshot::{self as snapshot, Memory, Provenance};

use crate::instance::Instance;
use crate::part::{self, Part, PartError};
use crate::parts::PARTS;
use crate::recorded::SavedRecord;
use crate::saved::{self, Saved};
use crate::snapshot_file::SnapshotFile;
use crate::state::Loop;
use crate::{Error, bindings, guest};

/// What a snapshot keeps of an instance, beside its memory.
#[derive(Debug, Default)]
pub struct Rest {
    /// Whether Python has something to do in each isolate before its first request.
    pub resumes: bool,
    /// What was said while the top level ran.
    pub log: Vec<SavedRecord>,
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
    let own = saved.section().map_err(|error| Error::Bug { what: error.to_string() })?;
    let mut sections = BTreeMap::from([(saved::SECTION.to_owned(), own)]);
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
        let saved = part::saved(bindings::VERSION, section)
            .and_then(|it| Ok(bindings::saved_bindings(it)?));
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
    Saved::of(section(saved::SECTION)).map_err(|error| wrong(saved::SECTION, error))
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
