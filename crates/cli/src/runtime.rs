//! Starts the threads of this process: those that run guests, and the one that watches their limits.

use taipan_runtime::Guard;
use tokio::runtime::{Builder, Runtime};

use crate::failure::Failure;

/// Threads on which guests run, and on which they wait in `run_sync`: twice the requests at a time that there are by
/// default. Those that have nothing to do end.
const BLOCKING_THREADS_MAX: usize = 2048;

/// The runtime in which workers run.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    taipan_runtime::bound_arenas();
    // Guests run on the threads that are for blocking, and need their stack.
    let mut builder = Builder::new_multi_thread();
    builder.enable_all().thread_stack_size(taipan_runtime::THREAD_STACK_BYTES);
    builder.max_blocking_threads(BLOCKING_THREADS_MAX);
    builder.build().map_err(|source| Failure::System { what: "start the threads", source })
}

/// Watches the limits of all workers of this process.
pub(crate) fn guard() -> Result<Guard, Failure> {
    Guard::start().map_err(|source| Failure::System { what: "start a thread", source })
}
