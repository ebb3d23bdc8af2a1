//! What the store tells while it works; showing it is the caller's part.

/// One step of something that takes long enough to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// A phase begins. It ends where the next one begins.
    Begin {
        /// What is done, for people: "fetching pyodide 314.0.7 with npm".
        label: &'a str,
        /// How much there is to do, where that is known.
        bytes_total: Option<u64>,
    },
    /// So much of the present phase is done.
    Advance {
        /// Bytes since the phase began.
        bytes_done: u64,
    },
    /// An entry is not what was published; it is made again.
    Damaged {
        /// Which, and how.
        what: &'a str,
    },
    /// This entry is made for this process alone, since the cache can only be read.
    Apart {
        /// The entry, for people: `kind/key` where nobody has called it otherwise.
        entry: &'a str,
    },
    /// Another process builds this entry; it is waited for.
    Waiting {
        /// The entry, for people: `kind/key` where nobody has called it otherwise.
        entry: &'a str,
    },
}

/// Called with each step, on the thread that does the work.
pub type Progress<'a> = &'a dyn Fn(Step<'_>);
