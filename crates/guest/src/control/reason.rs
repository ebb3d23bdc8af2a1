//! Why an isolate is stopped.

use std::fmt;
use std::time::Duration;

/// Why an isolate is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// It used more CPU time than one request may.
    CpuTime {
        /// What it may use.
        limit: Duration,
    },
    /// It used more CPU time than its start may.
    StartupCpuTime {
        /// What it may use.
        limit: Duration,
    },
    /// It took longer than it may.
    WallTime {
        /// How long it may take.
        limit: Duration,
    },
    /// It needs more memory than it may have.
    Memory {
        /// How many bytes it may have.
        limit: usize,
    },
    /// It made more instances of WebAssembly than it has room for. They live as long as it does, so nothing less helps.
    Instances,
    /// What the host has put into it, and nothing of the guest's own, failed: it may be in any state.
    Broken,
    /// It was asked to end.
    Shutdown,
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MEBIBYTE: usize = 1 << 20;
        match self {
            Self::CpuTime { limit } => {
                write!(formatter, "it used more than {} ms of CPU time", limit.as_millis())
            }
            Self::StartupCpuTime { limit } => {
                write!(formatter, "its start used more than {} ms of CPU time", limit.as_millis())
            }
            Self::WallTime { limit } => {
                write!(formatter, "it took longer than {} ms", limit.as_millis())
            }
            Self::Memory { limit } => {
                write!(formatter, "it needs more than {} MiB of memory", limit / MEBIBYTE)
            }
            Self::Instances => formatter.write_str(
                "it has no room for more WebAssembly instances, which live as long as it does: keep one, and use it again",
            ),
            Self::Broken => formatter.write_str("the platform's own code failed in it"),
            Self::Shutdown => formatter.write_str("it was asked to end"),
        }
    }
}
