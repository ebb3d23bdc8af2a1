//! What an isolate has beside its memory while it runs: the state of its event loop, and of its health.

use std::sync::Arc;

use taipan_guest::{CpuLimit, Handle, Reason};
use tokio::runtime;
use tokio::time::Instant;

use crate::call::Lease;
use crate::clock::Virtual;
use crate::event::{Availability, Event};
use crate::inbox::Inbox;
use crate::log::Log;
use crate::world::World;

/// The event loop's own state.
pub(crate) struct Loop {
    /// Tells this isolate's completions from those of the one before it.
    pub(crate) number: u64,
    pub(crate) inbox: Inbox,
    pub(crate) runtime: runtime::Handle,
    pub(crate) log: Log,
    /// Hears whether the isolate can begin a request.
    pub(crate) availability: Option<Arc<dyn Availability>>,
    /// Whether events come from outside, so that any wait may end.
    pub(crate) serves: bool,
    /// The places of the requests that came, if the isolate keeps them until it ends.
    pub(crate) leases: Option<Vec<Arc<dyn Lease>>>,
    /// What came before the isolate was ready, while it is not.
    pub(crate) held: Option<Vec<Event>>,
    /// CPU time that each request adds.
    pub(crate) cpu: CpuLimit,
    /// Whether it can serve.
    pub(crate) health: Health,
    /// How many waits of `run_sync` are under way, one within the other.
    pub(crate) waits: u32,
    /// The number of a signal that the innermost of them is to end for, or 0.
    pub(crate) signal: i32,
    /// The clock to move when a timer is waited for, in an isolate that a snapshot is taken of.
    pub(crate) clock: Option<Virtual>,
    pub(crate) begin: Handle,
    pub(crate) cancel: Handle,
}

impl Loop {
    /// The event loop of an isolate that is connected.
    pub(crate) fn new(world: World, begin: Handle, cancel: Handle) -> Self {
        let World { log, runtime, number, inbox, availability, serves, fresh, cpu, clock, .. } =
            world;
        Self {
            number,
            inbox,
            runtime,
            log,
            availability,
            serves,
            leases: fresh.then(Vec::new),
            held: None,
            cpu,
            health: Health::default(),
            waits: 0,
            signal: 0,
            clock,
            begin,
            cancel,
        }
    }
}

/// How an isolate is doing.
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// Why it is out of service.
    pub(crate) retired: Option<Reason>,
    /// Whether memory was refused in this turn.
    pub(crate) refused: bool,
    /// Whether it was since the isolate was last seen to have enough.
    pub(crate) strained: bool,
    /// When an isolate is stopped that came to rest although its CPU time is used up.
    pub(crate) overdue: Option<Instant>,
}
