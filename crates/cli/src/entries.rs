//! The kinds of entries in the cache.

use taipan_bundle::{BASELINE, BUNDLE_ENTRIES};
use taipan_lock::{BUILT_ENTRIES, UV_ENTRIES};
use taipan_packages::{IMAGE_ENTRIES, SCRIPT_LOCK_ENTRIES};
use taipan_store::{PACKAGE_ENTRIES, PUBLISHED_ENTRIES};
use taipan_worker::{SNAPSHOT_ENTRIES, SNAPSHOT_FILE, WEBASSEMBLY_ENTRIES};

/// The kind of the programs that other programs call as an interpreter.
pub(crate) const INTERPRETER_ENTRIES: &str = "interpreter";

/// All kinds.
pub(crate) const KINDS: [&str; 10] = [
    PACKAGE_ENTRIES,
    PUBLISHED_ENTRIES,
    BUNDLE_ENTRIES,
    SNAPSHOT_ENTRIES,
    WEBASSEMBLY_ENTRIES,
    IMAGE_ENTRIES,
    INTERPRETER_ENTRIES,
    SCRIPT_LOCK_ENTRIES,
    UV_ENTRIES,
    BUILT_ENTRIES,
];

/// The kinds with a snapshot, and the name of its file in an entry.
pub(crate) const WITH_SNAPSHOT: [(&str, &str); 2] =
    [(BUNDLE_ENTRIES, BASELINE), (SNAPSHOT_ENTRIES, SNAPSHOT_FILE)];
