//! Bundles: a Pyodide release linked, compiled, and ready to boot.
//!
//! [`prepare`] links and compiles a release, and has the guest's own Python compile the standard library and boot to the
//! baseline. A [`Bundle`] is a folder of the cache that is named by the digest of all that went into it.

mod boot;
mod bundle;
mod error;

pub use bundle::{
    BASELINE, BUNDLE_ENTRIES, Bundle, bundle_id, compile, find, map, prepare, release_of,
};
pub use error::Error;
