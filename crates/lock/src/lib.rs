//! Which packages: from requirements to a lock, and back to data.
//!
//! A lock is a `pylock.toml` ([PEP 751](https://peps.python.org/pep-0751/)), which uv and pip read too. uv resolves;
//! this crate finds it ([`Uv`]), asks it, and says its errors in words.
//!
//! ```text
//! text of pylock.toml ──Lock::parse──► Lock ──digest──► what it installs, in a name
//! ```

mod digest;
mod error;
mod file;
mod lock;
mod program;
mod reader;
mod uv;

pub use error::Error;
pub use file::{File, Place};
pub use lock::{LOCK_FILE, Lock, Package, Source, Vcs};
pub use uv::{PINNED, Uv};
