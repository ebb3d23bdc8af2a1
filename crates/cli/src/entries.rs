//! The kinds of entries in the cache.

use taipan_bundle::{BASELINE, BUNDLE_ENTRIES};
use taipan_worker::{SNAPSHOT_ENTRIES, SNAPSHOT_FILE, WEBASSEMBLY_ENTRIES};

/// Packages of a release, as npm has them.
pub(crate) const PACKAGES: &str = "npm";

/// All kinds.
pub(crate) const KINDS: [&str; 4] =
    [PACKAGES, BUNDLE_ENTRIES, SNAPSHOT_ENTRIES, WEBASSEMBLY_ENTRIES];

/// The kinds with a snapshot, and the name of its file in an entry.
pub(crate) const WITH_SNAPSHOT: [(&str, &str); 2] =
    [(BUNDLE_ENTRIES, BASELINE), (SNAPSHOT_ENTRIES, SNAPSHOT_FILE)];
