//! What a worker is made from.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use taipan_bundle::Bundle;
use taipan_runtime::{Bindings, Guard, Log, OwnModules};
use taipan_store::Cache;
use taipan_webapi::fetch;

use crate::Error;
use crate::code::Code;
use crate::packages::Packages;

/// What a worker is made from.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The Pyodide that it runs on.
    pub bundle: Arc<Bundle>,
    /// Its files.
    pub code: Code,
    /// Its packages, if it has any.
    pub packages: Option<Packages>,
    /// The modules of the standard library that its release ships apart, as far as they can be had.
    pub unvendored: Option<Packages>,
    /// Its main module, relative to its files: `src/entry.py`, or one that is among `modules`.
    pub main: String,
    /// Those of its files that JavaScript may import.
    pub modules: Arc<OwnModules>,
    /// Where its snapshot is kept.
    pub cache: Cache,
    /// Paths that it is asked for before its snapshot is taken.
    pub warmup: Vec<String>,
    /// How its isolates come and go.
    pub pool: PoolSettings,
    /// What it may use.
    pub limits: Limits,
    /// Enforces these limits.
    pub guard: Guard,
    /// Every compatibility flag, and whether it has it.
    pub flags: BTreeMap<&'static str, bool>,
    /// What its handlers get as `env`.
    pub bindings: Bindings,
    /// For outgoing requests.
    pub network: Network,
    /// Receives what it says.
    pub log: Log,
}

impl Settings {
    /// What is mounted beside its files.
    pub(crate) fn libraries(&self) -> Vec<&Packages> {
        self.packages.iter().chain(&self.unvendored).collect()
    }
}

/// What a worker may use. `docs/reference/limits.md` has the keys and the defaults.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of an isolate's memory.
    pub memory_bytes: usize,
    /// CPU time for the top level, and for what runs before an isolate's first request.
    pub startup_cpu: Duration,
    /// CPU time for a request.
    pub cpu: Duration,
    /// From the head of a request to the end of its response.
    pub wall: Duration,
    /// How long work may go on after the response (`waitUntil`).
    pub wait_until: Duration,
    /// What is counted inside of the isolate.
    pub inside: taipan_webapi::limits::Limits,
}

/// Whether requests see what others left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Isolation {
    /// An isolate answers many requests, many at a time.
    #[default]
    Reuse,
    /// Each request has an isolate of its own, made for it.
    Fresh,
}

/// How the isolates of a worker come and go.
#[derive(Clone, Debug)]
pub struct PoolSettings {
    /// Whether requests share isolates.
    pub isolation: Isolation,
    /// Isolates that are kept, even when there is nothing to do.
    pub isolates_min: usize,
    /// Isolates at a time, without the additional ones that there are while others are held by `run_sync`.
    pub isolates_max: usize,
    /// Bytes of memory for those.
    pub waiting_bytes: usize,
    /// With [`Isolation::Fresh`]: isolates that are resumed before a request comes, once there was one.
    pub reserve: usize,
    /// How long an isolate waits for something to do before it is dropped.
    pub idle: Duration,
    /// Requests at a time; more wait for their turn.
    pub requests_max: usize,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            isolation: Isolation::Reuse,
            isolates_min: 0,
            isolates_max: 4,
            waiting_bytes: 1 << 30,
            reserve: 2,
            idle: Duration::from_secs(60),
            requests_max: 1024,
        }
    }
}

/// A client for outgoing requests, and what it was made from.
#[derive(Clone, Debug)]
pub struct Network {
    client: fetch::Client,
    pub(crate) settings: fetch::Settings,
}

impl Network {
    /// Makes the client.
    ///
    /// # Errors
    ///
    /// [`Error::Client`] for proxies that cannot be.
    pub fn new(settings: fetch::Settings) -> Result<Self, Error> {
        let client = fetch::client(&settings).map_err(Error::Client)?;
        Ok(Self { client, settings })
    }

    /// The client.
    #[must_use]
    pub fn client(&self) -> fetch::Client {
        self.client.clone()
    }
}
