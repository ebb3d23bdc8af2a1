//! What an image is made from.

use std::sync::Arc;

use taipan_bundle::Bundle;
use taipan_runtime::Guard;
use taipan_store::Digest;

/// What an image is made from, and with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    /// Of what it is made from.
    pub(crate) digest: Digest,
    /// Where it is mounted.
    pub(crate) path: &'a str,
    /// Whose Python compiles it.
    pub(crate) bundle: &'a Arc<Bundle>,
    pub(crate) guard: &'a Guard,
}
