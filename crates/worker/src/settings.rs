//! What a worker is made from.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use taipan_bundle::Bundle;
use taipan_runtime::{Guard, Log, OwnModules};
use taipan_store::Cache;

use crate::code::Code;
use crate::pool;
use crate::top_level::Network;

/// What a worker is made from.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The Pyodide that it runs on.
    pub bundle: Arc<Bundle>,
    /// Its files.
    pub code: Code,
    /// Its main module, relative to its files: `src/entry.py`, or one that is among `modules`.
    pub main: String,
    /// Those of its files that JavaScript may import.
    pub modules: Arc<OwnModules>,
    /// Where its snapshot is kept.
    pub cache: Cache,
    /// Paths that it is asked for before its snapshot is taken.
    pub warmup: Vec<String>,
    /// How its isolates come and go.
    pub pool: pool::Settings,
    /// What it may use.
    pub limits: Limits,
    /// Who sees to that.
    pub guard: Guard,
    /// Every compatibility flag, and whether it has it.
    pub flags: BTreeMap<&'static str, bool>,
    /// What its handlers get as `env`.
    pub variables: BTreeMap<String, Value>,
    /// For outgoing requests.
    pub network: Network,
    /// Who hears what it says.
    pub log: Log,
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
