//! What an isolate has of the world outside of it.

use std::fmt;
use std::sync::Arc;

use taipan_guest::CpuLimit;
use taipan_pyodide::layer::Layer;
use taipan_pyodide::{LayerBytes, Streams};
use taipan_webapi::fetch::Client;
use taipan_webapi::limits::Allowances;
use tokio::runtime;
use tokio::sync::mpsc::{UnboundedSender, WeakUnboundedSender};

use crate::bindings::Bindings;
use crate::clock::Virtual;
use crate::event::{Availability, Event};
use crate::inbox::Inbox;
use crate::log::Log;
use crate::registry::Registry;
use crate::streams::Mute;

/// What an isolate is given of the world, beside clocks and entropy.
pub struct World {
    /// Its standard streams.
    pub streams: Box<dyn Streams>,
    /// Receives what it says.
    pub log: Log,
    /// What its program finds in `env`.
    pub bindings: Bindings,
    /// For outgoing requests, if there shall be any.
    pub client: Option<Client>,
    /// What its operations run on.
    pub runtime: runtime::Handle,
    /// Tells this isolate's completions from those of the one before it.
    pub number: u64,
    /// Weak: an isolate does not keep its own worker.
    pub sender: WeakUnboundedSender<Event>,
    /// Where events come.
    pub inbox: Inbox,
    /// Hears whether the isolate can begin a request.
    pub availability: Option<Arc<dyn Availability>>,
    /// Whether events come from outside, so that any wait may end.
    pub serves: bool,
    /// Whether it answers one request only.
    pub fresh: bool,
    /// What it may use.
    pub allowances: Allowances,
    /// CPU time for a request.
    pub cpu: CpuLimit,
    /// The clock to move when a timer is waited for.
    pub clock: Option<Virtual>,
}

impl fmt::Debug for World {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("World").field("number", &self.number).finish_non_exhaustive()
    }
}

impl World {
    /// Of an isolate on a virtual host, which gets no events from outside; and what must live for as long as it runs.
    #[must_use]
    pub fn alone(
        runtime: runtime::Handle,
        log: Log,
        host: &Virtual,
    ) -> (Self, UnboundedSender<Event>) {
        let (sender, inbox) = Inbox::new();
        let clock = Some(host.clone());
        (Self { clock, ..Self::new(runtime, log, sender.downgrade(), inbox) }, sender)
    }

    /// Of an isolate that runs by itself, with the clocks of its host: no requests come to it, and it has no limits of
    /// its own and no network.
    #[must_use]
    pub fn new(
        runtime: runtime::Handle,
        log: Log,
        sender: WeakUnboundedSender<Event>,
        inbox: Inbox,
    ) -> Self {
        Self {
            streams: Box::new(Mute),
            log,
            bindings: Bindings::default(),
            client: None,
            runtime,
            number: 0,
            sender,
            inbox,
            availability: None,
            serves: false,
            fresh: false,
            allowances: Allowances::default(),
            cpu: CpuLimit::None,
            clock: None,
        }
    }
}

/// A layer, and where it is mounted.
pub type Mount = (Arc<Layer<LayerBytes>>, String);

/// What is mounted; the standard library comes first.
pub type Mounts = Vec<Mount>;

/// What an isolate is connected to, a new one as well as one that is resumed.
pub(crate) struct Connection<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) layers: &'a Mounts,
    pub(crate) world: &'a mut World,
}
