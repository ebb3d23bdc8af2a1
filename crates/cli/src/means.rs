//! What packages and what is published beside a release are made with.

use std::sync::Arc;

use taipan_bundle::Bundle;
use taipan_release::Release;
use taipan_runtime::Guard;
use taipan_store::Cache;

use crate::options::Options;

/// What packages are made with.
#[derive(Clone, Copy)]
pub(crate) struct Means<'a> {
    pub(crate) options: &'a Options,
    pub(crate) release: &'static Release,
    pub(crate) bundle: &'a Arc<Bundle>,
    pub(crate) cache: &'a Cache,
    pub(crate) guard: &'a Guard,
}
