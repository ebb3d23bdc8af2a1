//! Snapshots as files: what of them is an isolate's memory.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use taipan_guest::Run;
use taipan_snapshot::{self as snapshot, Provenance, Snapshot};

use crate::Error;

/// A snapshot file that was read. A clone is the same file.
#[derive(Clone, Debug)]
pub struct SnapshotFile {
    /// Where it is.
    pub path: PathBuf,
    /// What is in it.
    pub snapshot: Snapshot,
    /// Its bytes.
    pub bytes: Bytes,
    file: Arc<File>,
}

impl SnapshotFile {
    /// Opens a snapshot file and checks all of it.
    ///
    /// # Errors
    ///
    /// [`Error::Snapshot`] for what is no whole snapshot of this format.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let read = |source| Error::Read { path: path.into(), source };
        let opened = Self::of(path, fs_err::File::open(path).map_err(read)?)?;
        snapshot::verify(&opened.snapshot, &opened.bytes).map_err(opened.unusable())?;
        Ok(opened)
    }

    /// A snapshot file that is open. Its pages are not checked: the cache has compared the file with what was
    /// published.
    ///
    /// # Errors
    ///
    /// [`Error::Snapshot`] for a file that is no snapshot.
    pub fn of(path: &Path, file: fs_err::File) -> Result<Self, Error> {
        let file = file.into_file();
        let bytes = taipan_guest::map(&file);
        let bytes = bytes.map_err(|source| Error::Read { path: path.into(), source })?;
        let snapshot = snapshot::decode(&bytes).map_err(unusable(path))?;
        Ok(Self { path: path.into(), snapshot, bytes, file: Arc::new(file) })
    }

    /// Checks that it was made from this.
    ///
    /// # Errors
    ///
    /// [`Error::Snapshot`] when it was not.
    pub fn check(&self, provenance: &Provenance) -> Result<(), Error> {
        self.snapshot.provenance.check(provenance).map_err(self.unusable())
    }

    fn unusable(&self) -> impl Fn(snapshot::Error) -> Error {
        unusable(&self.path)
    }

    /// All that an isolate has of the memory: what this file has over its baseline.
    ///
    /// # Errors
    ///
    /// [`Error::Snapshot`] when it has another baseline.
    pub fn all_runs(&self, baseline: &Self) -> Result<Vec<Run>, Error> {
        if self.snapshot.digest == baseline.snapshot.digest {
            return Ok(self.runs().collect());
        }
        self.snapshot.check_baseline(&baseline.snapshot).map_err(self.unusable())?;
        let over: Vec<Run> = self.runs().collect();
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
                let from = hidden.address.max(start);
                let to = (hidden.address + hidden.length).min(end);
                if from < to {
                    keep(start, from);
                    start = to;
                }
            }
            keep(start, end);
        }
        runs.extend(over);
        Ok(runs)
    }

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
    pub(crate) fn memory(&self) -> Vec<u8> {
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

/// What is wrong with the snapshot at `path`.
fn unusable(path: &Path) -> impl Fn(snapshot::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Snapshot { path: path.clone(), source: Box::new(source) }
}
