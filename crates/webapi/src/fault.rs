//! Why a worker has no answer: each kind with its name, what a client may know of it, and its status.

use http::StatusCode;

/// Why a worker has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind it is.
    pub kind: FaultKind,
    /// The error in one line.
    pub message: String,
    /// The error with its traceback.
    pub detail: String,
}

/// A kind of fault. A request that ends by a limit is one of that limit, whatever the worker made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The handler raised an exception.
    Exception,
    /// The worker has no handler for what came.
    NoHandler,
    /// The handler returned something else than a `Response`.
    NotAResponse,
    /// The body of the response broke off.
    Body,
    /// The isolate ended.
    Ended,
    /// CPU time of a request.
    CpuTime,
    /// CPU time of a start.
    StartupCpuTime,
    /// Memory of the isolate.
    Memory,
    /// Time from the head of a request to the end of its response.
    WallTime,
}

impl FaultKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Exception,
        Self::NoHandler,
        Self::NotAResponse,
        Self::Body,
        Self::Ended,
        Self::CpuTime,
        Self::StartupCpuTime,
        Self::Memory,
        Self::WallTime,
    ];

    /// Its name in JavaScript and Python; that of a limit is the limit's key, in `taipan.limits`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exception => "exception",
            Self::NoHandler => "no_handler",
            Self::NotAResponse => "not_a_response",
            Self::Body => "body",
            Self::Ended => "ended",
            Self::CpuTime => "cpu_ms",
            Self::StartupCpuTime => "startup_cpu_ms",
            Self::Memory => "memory_mb",
            Self::WallTime => "wall_ms",
        }
    }

    /// The kind with this name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What everybody may know of it.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Exception => "the worker raised an exception",
            Self::NoHandler => "the worker has no handler for requests",
            Self::NotAResponse => "the worker's handler did not return a Response",
            Self::Ended => "the worker ended while it was answering",
            Self::CpuTime => "the worker exceeded its limit of CPU time (`taipan.limits.cpu_ms`)",
            Self::Memory => "the worker exceeded its limit of memory (`taipan.limits.memory_mb`)",
            Self::WallTime => "the worker exceeded its limit of time (`taipan.limits.wall_ms`)",
            Self::Body | Self::StartupCpuTime => "the worker failed",
        }
    }

    /// The status of the answer. A limit that was exceeded is no fault of the server's.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::CpuTime | Self::Memory => StatusCode::SERVICE_UNAVAILABLE,
            Self::WallTime => StatusCode::GATEWAY_TIMEOUT,
            Self::Exception
            | Self::NoHandler
            | Self::NotAResponse
            | Self::Body
            | Self::Ended
            | Self::StartupCpuTime => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for kind in FaultKind::ALL {
            assert_eq!(FaultKind::of(kind.name()), Some(kind));
        }
        assert_eq!(FaultKind::of("Exception"), None);
    }

    /// The names that JavaScript and Python give, as the last argument of what makes a fault.
    #[test]
    fn the_languages_know_no_others() {
        let python = ("worker.py", include_str!("../../runtime/python/worker.py"));
        let ours = crate::JAVASCRIPT.iter().map(|source| (source.name, source.text));
        let makes = |text: &str| text.contains("HandlerFault(") || text.contains("tellFault(");
        let mut found = 0;
        for (file, text) in ours.filter(|(_, text)| makes(text)).chain([python]) {
            let calls = ["fault(requestId, \"", "kind = \"", "\"\", \"", "environment), \""];
            for name in calls.iter().flat_map(|call| text.split(call).skip(1)) {
                let name = name.split('"').next().unwrap_or_default();
                assert!(FaultKind::of(name).is_some(), "{file} has a fault of the kind {name:?}");
                found += 1;
            }
        }
        assert!(found >= 6, "only {found} names were found");
    }
}
