//! What holds an isolate to its limits, and what is said when one is exceeded.

use std::sync::Arc;
use std::time::Duration;

use taipan_guest::{CpuLimit, Reason, Watchdog};
use taipan_webapi::{Fault, FaultKind};

use crate::instance::Instance;
use crate::{Error, guest};

/// Checks that so many isolates find room in the address space of this process.
///
/// # Errors
///
/// [`Error::AddressSpace`] when they do not.
pub fn check_address_space(isolates: usize) -> Result<(), Error> {
    match taipan_guest::address_space_shortage(isolates) {
        Some(shortage) => Err(Error::AddressSpace { shortage, isolates }),
        None => Ok(()),
    }
}

/// Looks after the time that isolates use; a clone is the same.
#[derive(Clone, Debug)]
pub struct Guard(Arc<Watchdog>);

impl Guard {
    /// Starts the thread that does it.
    ///
    /// # Errors
    ///
    /// When there can be no thread.
    pub fn start() -> std::io::Result<Guard> {
        Ok(Guard(Arc::new(Watchdog::start()?)))
    }
}

/// Puts an instance under its limits. It may use the time of a start until its first request comes.
///
/// # Errors
///
/// A fault of ours.
pub fn impose(
    instance: &mut Instance,
    memory_bytes: usize,
    startup_cpu: Duration,
    guard: &Guard,
) -> Result<(), Error> {
    impose_on(instance, memory_bytes, CpuLimit::Startup(startup_cpu), guard)
}

/// Puts an instance under a limit of memory and one of CPU time.
///
/// # Errors
///
/// A fault of ours.
pub fn impose_on(
    instance: &mut Instance,
    memory_bytes: usize,
    cpu: CpuLimit,
    guard: &Guard,
) -> Result<(), Error> {
    instance.isolate.set_memory_limit(memory_bytes);
    let mut scope = instance.isolate.scope();
    taipan_pyodide::set_soft_stop(&mut scope).map_err(guest("setting the limits"))?;
    let control = instance.isolate.control();
    guard.0.watch(control);
    control.extend(cpu);
    Ok(())
}

/// What a request is told that took longer than it may, whatever becomes of its isolate.
#[must_use]
pub fn late(limit: Duration) -> Fault {
    let limit = limit.as_millis();
    let kind = FaultKind::WallTime;
    let key = kind.name();
    let message = format!("the request took longer than {limit} ms (`taipan.limits.{key}`)");
    Fault { kind, detail: message.clone(), message }
}

/// What those hear who wait for an isolate that was stopped.
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

/// That an instance was stopped while it started, if it was.
#[must_use]
pub fn stopped(instance: &Instance) -> Option<Error> {
    instance.isolate.control().stopped().map(|reason| Error::Limit { reason })
}
