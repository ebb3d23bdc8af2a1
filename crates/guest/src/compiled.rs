//! A module that was compiled at set-up, and the digest by which it is known.

use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use wasmtime::Module;

/// The SHA-256 of a module's bytes.
pub type Digest = [u8; 32];

/// A module that was compiled at set-up.
#[derive(Clone)]
pub struct CompiledModule {
    /// Its bytes, as the guest has them.
    pub bytes: Bytes,
    /// Its code.
    pub module: Module,
    digest: Arc<OnceLock<Digest>>,
    /// Whether it is a side module, whose data the host writes.
    is_side: bool,
}

impl CompiledModule {
    /// A module that is known by the digest of `bytes`.
    #[must_use]
    pub fn new(bytes: Bytes, module: Module) -> Self {
        Self { bytes, module, digest: Arc::default(), is_side: false }
    }

    /// A side module, as [`taipan_link::side_module`] linked it: `bytes` have its data, the code has not. It is known
    /// by the digest of its file.
    #[must_use]
    pub fn side(bytes: Bytes, module: Module, file: Digest) -> Self {
        Self { bytes, module, digest: Arc::new(file.into()), is_side: true }
    }

    /// Whether it is a side module.
    #[must_use]
    pub fn is_side(&self) -> bool {
        self.is_side
    }

    /// The names of what it imports.
    pub fn symbols(&self) -> impl Iterator<Item = String> {
        self.module.imports().map(|import| import.name().to_owned())
    }

    /// The digest by which it is known.
    #[must_use]
    pub fn digest(&self) -> Digest {
        *self.digest.get_or_init(|| digest(&self.bytes))
    }
}

impl fmt::Debug for CompiledModule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CompiledModule")
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// The digest by which a module is known.
#[must_use]
pub fn digest(bytes: &[u8]) -> Digest {
    Sha256::digest(bytes).into()
}
