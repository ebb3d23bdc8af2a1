//! What a worker says before its snapshot is taken: each process that starts from the snapshot says it again.
//!
//! [`SavedRecord`] is on disk and [`Record`] is not, so a new case of `Record` leaves snapshots as they are.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::log::{Log, Record};

/// A [`Record`] that a snapshot keeps.
///
/// Its cases are numbered in this order, from 0, in `docs/internals/snapshot-format.md`. One that comes, goes or moves
/// makes a new version of the section (`saved.rs`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SavedRecord {
    /// [`Record::Console`].
    Console {
        /// `debug`, `log`, `info`, `warn` or `error`.
        level: String,
        /// The text.
        text: String,
    },
    /// [`Record::Stream`].
    Stream {
        /// 1 or 2.
        descriptor: i32,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// [`Record::Warning`].
    Warning {
        /// The text.
        text: String,
    },
}

impl SavedRecord {
    /// What a snapshot keeps of a record: nothing of what is true of one process or one isolate. The fault of a warm-up
    /// request is the error with which the start ends, so there is no snapshot.
    #[must_use]
    pub fn of(record: &Record) -> Option<Self> {
        match record.clone() {
            Record::Console { level, text } => Some(Self::Console { level, text }),
            Record::Stream { descriptor, bytes } => Some(Self::Stream { descriptor, bytes }),
            Record::Warning { text } => Some(Self::Warning { text }),
            Record::Fault { .. }
            | Record::Reached(_)
            | Record::Resumed(_)
            | Record::Ended { .. } => None,
        }
    }
}

impl From<SavedRecord> for Record {
    fn from(saved: SavedRecord) -> Self {
        match saved {
            SavedRecord::Console { level, text } => Self::Console { level, text },
            SavedRecord::Stream { descriptor, bytes } => Self::Stream { descriptor, bytes },
            SavedRecord::Warning { text } => Self::Warning { text },
        }
    }
}

impl Log {
    /// A log that hands on what it takes, and remembers what a snapshot keeps. It does not hand on the faults of warm-up
    /// requests: they are the error with which the start ends.
    #[must_use]
    pub fn recorded(&self) -> (Self, Recorded) {
        let recorded = Recorded::default();
        let (log, all) = (self.clone(), recorded.clone());
        let take = move |record: Record| {
            if matches!(record, Record::Fault { .. }) {
                return;
            }
            all.0.lock().unwrap_or_else(PoisonError::into_inner).push(&record);
            log.write(record);
        };
        (Self::new(take), recorded)
    }
}

/// Bytes of records that are remembered: they are a part of the snapshot's metadata, which has 4 MiB at most.
const RECORDED_BYTES_MAX: usize = 256 << 10;

/// The same for warnings: a chatty top level takes no room from them.
const WARNINGS_BYTES_MAX: usize = 256 << 10;

/// What is said in place of what goes beyond it.
const NOT_RECORDED: &str = "the top level said more, which was printed when the snapshot was made";

/// What a log was told, as far as a snapshot keeps it.
#[derive(Clone, Debug, Default)]
pub struct Recorded(Arc<Mutex<Remembered>>);

#[derive(Debug, Default)]
struct Remembered {
    records: Vec<SavedRecord>,
    bytes: usize,
    warnings_bytes: usize,
}

impl Remembered {
    fn push(&mut self, record: &Record) {
        let Some(saved) = SavedRecord::of(record) else { return };
        if matches!(saved, SavedRecord::Warning { .. }) {
            self.warnings_bytes += record.bytes();
            if self.warnings_bytes <= WARNINGS_BYTES_MAX {
                self.records.push(saved);
            }
            return;
        }
        if self.bytes > RECORDED_BYTES_MAX {
            return;
        }
        self.bytes += record.bytes();
        if self.bytes <= RECORDED_BYTES_MAX {
            self.records.push(saved);
        } else {
            let (level, text) = ("warn".into(), NOT_RECORDED.into());
            self.records.push(SavedRecord::Console { level, text });
        }
    }
}

impl Recorded {
    /// All of it, once.
    #[must_use]
    pub fn take(&self) -> Vec<SavedRecord> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).records)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Milestone, ResumeTimes};

    /// What is remembered of these, and how many are handed on.
    fn recorded(records: &[Record]) -> (Vec<Record>, usize) {
        let handed = Arc::new(Mutex::new(0));
        let count = handed.clone();
        let (log, recorded) = Log::new(move |_| *count.lock().unwrap() += 1).recorded();
        records.iter().for_each(|record| log.write(record.clone()));
        let remembered = recorded.take().into_iter().map(Record::from).collect();
        (remembered, *handed.lock().unwrap())
    }

    fn console(text: &str) -> Record {
        Record::Console { level: "info".into(), text: text.into() }
    }

    fn warning(text: &str) -> Record {
        Record::Warning { text: text.into() }
    }

    #[test]
    fn what_is_said_again_is_what_was_said() {
        let bytes = vec![0xff, b'\n'];
        let said = [console("a"), Record::Stream { descriptor: 2, bytes }, warning("w")];
        assert_eq!(recorded(&said), (said.to_vec(), 3));
    }

    #[test]
    fn what_is_true_of_one_process_is_not_kept() {
        let times = ResumeTimes { instantiate: 1.0, map: 2.0, side_state: 3.0 };
        let passing = [
            Record::Reached(Milestone::Program),
            Record::Resumed(times),
            Record::Ended { reason: "its time is up".into() },
        ];
        assert_eq!(recorded(&passing), (Vec::new(), 3));
    }

    #[test]
    fn faults_are_neither_kept_nor_handed_on() {
        let fault = Record::Fault { message: "m".into(), traceback: "t".into() };
        assert_eq!(recorded(&[fault]), (Vec::new(), 0));
    }

    #[test]
    fn too_much_is_cut_but_for_warnings() {
        let long = console(&"x".repeat(RECORDED_BYTES_MAX));
        let cut = Record::Console { level: "warn".into(), text: NOT_RECORDED.into() };
        let said = [console("first"), long, console("last"), warning("w")];
        assert_eq!(recorded(&said), (vec![console("first"), cut, warning("w")], 4));
    }
}
