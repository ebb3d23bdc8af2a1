//! What a worker has to say to whoever runs it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// One thing that a worker says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Record {
    /// `console.log` and its siblings.
    Console {
        /// `debug`, `log`, `info`, `warn` or `error`.
        level: String,
        /// The text.
        text: String,
    },
    /// What Python wrote to a standard stream.
    Stream {
        /// 1 or 2.
        descriptor: i32,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// A request that the worker's code failed to answer.
    Fault {
        /// The last line of the traceback.
        message: String,
        /// The traceback, cut to the user's frames.
        traceback: String,
    },
    /// What the worker's author may want to mend.
    Warning {
        /// The text.
        text: String,
    },
    /// An isolate that starts has come this far; how long it took, the listener's clock says.
    Reached(Milestone),
    /// An isolate was resumed from the worker's snapshot.
    Resumed(ResumeTimes),
    /// The isolate has ended, and why; a new one takes its place.
    Ended {
        /// Why.
        reason: String,
    },
}

/// How long the steps of a resume took, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResumeTimes {
    /// Making the instances.
    pub instantiate: f64,
    /// Mapping the memory.
    pub map: f64,
    /// Restoring what lies outside of the memory.
    pub side_state: f64,
}

impl Record {
    /// About how much it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let said = match self {
            Record::Console { level, text } => level.len() + text.len(),
            Record::Stream { bytes, .. } => bytes.len(),
            Record::Fault { message, traceback } => message.len() + traceback.len(),
            Record::Ended { reason } => reason.len(),
            Record::Warning { text } => text.len(),
            Record::Reached(_) | Record::Resumed(_) => 0,
        };
        said + size_of::<Record>()
    }
}

/// How far an isolate has come, in the order in which it gets there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Milestone {
    /// There is an isolate, with a JavaScript engine in it.
    Isolate,
    /// The web platform is installed.
    Platform,
    /// The glue has run and CPython is initialised.
    Interpreter,
    /// Python and JavaScript know each other.
    Python,
    /// The worker's main module has been imported.
    Program,
}

/// Takes records, from any thread.
#[derive(Clone)]
pub struct Log(Arc<dyn Fn(Record) + Send + Sync>);

impl Log {
    /// Hands each record to `take`.
    pub fn new(take: impl Fn(Record) + Send + Sync + 'static) -> Log {
        Log(Arc::new(take))
    }

    /// A log that hands on only what `admit` says.
    #[must_use]
    pub fn filter(self, admit: impl Fn(&Record) -> bool + Send + Sync + 'static) -> Log {
        Log::new(move |record| {
            if admit(&record) {
                self.write(record);
            }
        })
    }

    /// A log that hands on what it takes, and remembers it but for milestones. Not the faults of warm-up requests:
    /// they are the error with which it ends.
    #[must_use]
    pub fn recorded(&self) -> (Log, Recorded) {
        let recorded = Recorded::default();
        let (log, all) = (self.clone(), recorded.clone());
        let take = move |record: Record| {
            if matches!(record, Record::Fault { .. }) {
                return;
            }
            if !matches!(record, Record::Reached(_)) {
                all.0.lock().unwrap_or_else(PoisonError::into_inner).push(&record);
            }
            log.write(record);
        };
        (Log::new(take), recorded)
    }

    /// Says it.
    pub fn write(&self, record: Record) {
        (self.0)(record);
    }
}

/// Bytes of records that are remembered: they are a part of the snapshot's metadata, which has 4 MiB at most.
const RECORDED_BYTES_MAX: usize = 256 << 10;

/// The same for warnings, of which a chatty top level takes no room.
const WARNINGS_BYTES_MAX: usize = 256 << 10;

/// What is said in place of what goes beyond it.
const NOT_RECORDED: &str = "the top level said more, which was printed when the snapshot was made";

/// What a log was told.
#[derive(Clone, Debug, Default)]
pub struct Recorded(Arc<Mutex<Memory>>);

#[derive(Debug, Default)]
struct Memory {
    records: Vec<Record>,
    bytes: usize,
    warnings_bytes: usize,
}

impl Memory {
    fn push(&mut self, record: &Record) {
        if matches!(record, Record::Warning { .. }) {
            self.warnings_bytes += record.bytes();
            if self.warnings_bytes <= WARNINGS_BYTES_MAX {
                self.records.push(record.clone());
            }
            return;
        }
        if self.bytes > RECORDED_BYTES_MAX {
            return;
        }
        self.bytes += record.bytes();
        if self.bytes <= RECORDED_BYTES_MAX {
            self.records.push(record.clone());
        } else {
            let (level, text) = ("warn".into(), NOT_RECORDED.into());
            self.records.push(Record::Console { level, text });
        }
    }
}

impl Recorded {
    /// All of it, once.
    #[must_use]
    pub fn take(&self) -> Vec<Record> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).records)
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Log")
    }
}
