//! What holds an isolate to its limits.

use std::sync::Arc;
use std::time::Duration;

use taipan_guest::{CpuLimit, Watchdog};

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
    pub fn start() -> std::io::Result<Self> {
        Ok(Self(Arc::new(Watchdog::start()?)))
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

/// The error of an instance that was stopped while it started, if it was.
#[must_use]
pub fn stopped(instance: &Instance) -> Option<Error> {
    instance.isolate.control().stopped().map(|reason| Error::Limit { reason })
}
