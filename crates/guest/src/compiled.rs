//! A module that was compiled at set-up, and the digest by which it is known.

use std::fmt;

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
