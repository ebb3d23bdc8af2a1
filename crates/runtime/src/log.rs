//! What a worker says to the program that runs it.

use std::fmt;
use std::sync::Arc;

/// One thing that a worker says. What of it a snapshot keeps is a [`SavedRecord`](crate::SavedRecord).
#[derive(Clone, Debug, PartialEq)]
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
#[derive(Clone, Copy, Debug, PartialEq)]
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
            Self::Console { level, text } => level.len() + text.len(),
            Self::Stream { bytes, .. } => bytes.len(),
            Self::Fault { message, traceback } => message.len() + traceback.len(),
            Self::Ended { reason } => reason.len(),
            Self::Warning { text } => text.len(),
            Self::Reached(_) | Self::Resumed(_) => 0,
        };
        said + size_of::<Self>()
    }
}

/// How far an isolate has come, in the order in which it gets there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    pub fn new(take: impl Fn(Record) + Send + Sync + 'static) -> Self {
        Self(Arc::new(take))
    }

    /// A log that hands on only what `admit` says.
    #[must_use]
    pub fn filter(self, admit: impl Fn(&Record) -> bool + Send + Sync + 'static) -> Self {
        Self::new(move |record| {
            if admit(&record) {
                self.write(record);
            }
        })
    }

    /// Says it.
    pub fn write(&self, record: Record) {
        (self.0)(record);
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Log")
    }
}
