//! Which Pyodide: releases, digests, contents.
//!
//! [`release`] and [`BundleId`] only compute; [`fetch`] has the store get the
//! files. Linking, compiling and booting what was fetched is the work of others,
//! inside the cache entry that a [`BundleId`] names.

mod development;
mod distribution;
mod error;
mod fetch;
mod id;
mod releases;
mod version;

pub use development::{DEVELOPMENT, development};
pub use distribution::{Distribution, Member, MemberKind};
pub use error::Error;
pub use fetch::{ReleaseFiles, fetch};
pub use id::BundleId;
pub use releases::{NEWEST, RELEASES, Release};
pub use taipan_store::{Digest, Mirror, Source};
pub use version::release;
