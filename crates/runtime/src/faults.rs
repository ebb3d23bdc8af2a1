//! What is said when a limit is exceeded.

use std::time::Duration;

use taipan_guest::Reason;
use taipan_webapi::{Fault, FaultKind};

/// The fault of a request that took longer than it may, whatever becomes of its isolate.
#[must_use]
pub fn late(limit: Duration) -> Fault {
    let limit = limit.as_millis();
    let kind = FaultKind::WallTime;
    let key = kind.name();
    let message = format!("the request took longer than {limit} ms (`taipan.limits.{key}`)");
    Fault { kind, detail: message.clone(), message }
}

/// The fault for the callers of an isolate that was stopped.
#[must_use]
pub fn fault(reason: Reason) -> Fault {
    let kind = match reason {
        Reason::CpuTime { .. } => FaultKind::CpuTime,
        Reason::StartupCpuTime { .. } => FaultKind::StartupCpuTime,
        Reason::WallTime { .. } => FaultKind::WallTime,
        Reason::Memory { .. } => FaultKind::Memory,
        _ => FaultKind::Ended,
    };
    let limit = match kind {
        FaultKind::Ended => String::new(),
        kind => format!(" (`taipan.limits.{}`)", kind.name()),
    };
    let message = format!("the isolate was stopped: {reason}{limit}");
    Fault { kind, detail: message.clone(), message }
}

/// What Python raises when it is told that its CPU time is used up; `of_script` has its limit from the command line.
pub(crate) fn cpu_time_exceeded(told: Option<Reason>, of_script: bool) -> String {
    let (limit, of, key) = match told {
        Some(Reason::CpuTime { limit }) if of_script => (limit, "", "--cpu"),
        Some(Reason::CpuTime { limit }) => (limit, " for a request", "taipan.limits.cpu_ms"),
        Some(Reason::StartupCpuTime { limit }) => {
            (limit, " for a start", "taipan.limits.startup_cpu_ms")
        }
        _ => return "the limit of CPU time was exceeded".to_owned(),
    };
    format!("the limit of CPU time was exceeded: {} ms{of} (`{key}`)", limit.as_millis())
}
