//! The packages of a worker: read-only files beside its own, which all its isolates map.

use std::fmt;
use std::sync::Arc;

use taipan_pyodide::layer::Layer;
use taipan_pyodide::{LayerBytes, PACKAGES_DIRECTORY};
use taipan_runtime::WORKER_DIRECTORY;
use taipan_store::{Digest, Entry, Held};

/// The packages of a worker or of a script, or the modules of the standard library that its release ships apart.
#[derive(Clone)]
pub struct Packages {
    /// Where they are mounted.
    pub path: String,
    /// Their files.
    pub layer: Arc<Layer<LayerBytes>>,
    /// Of what is in the layer: the same of the same packages on every machine.
    pub digest: Digest,
    /// Where they are in the cache, unless that can only be read.
    pub entry: Entry,
    /// What of the cache says that they are there, beside `entry`.
    pub made_from: Vec<Entry>,
    /// Keeps them in the cache.
    pub held: Arc<Held>,
}

impl fmt::Debug for Packages {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Packages({})", self.digest)
    }
}

/// Where Python finds packages, as in workerd.
#[must_use]
pub fn packages_path() -> String {
    format!("{WORKER_DIRECTORY}/{PACKAGES_DIRECTORY}")
}
