//! The kinds of entries in the cache.

use taipan_worker::WEBASSEMBLY_ENTRIES;

/// Packages of a release, as npm has them.
pub(crate) const PACKAGES: &str = "npm";

/// Bundles of releases.
pub(crate) const BUNDLES: &str = "bundle";

/// Snapshots of workers.
pub(crate) const SNAPSHOTS: &str = "snapshot";

/// All kinds.
pub(crate) const KINDS: [&str; 4] = [PACKAGES, BUNDLES, SNAPSHOTS, WEBASSEMBLY_ENTRIES];

/// The kinds with a snapshot, and the name of its file in an entry.
pub(crate) const WITH_SNAPSHOT: [(&str, &str); 2] =
    [(BUNDLES, "baseline.snapshot"), (SNAPSHOTS, "worker.snapshot")];
