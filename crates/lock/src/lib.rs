//! Which packages: from requirements to a lock, and back to data.
//!
//! A lock is a `pylock.toml` ([PEP 751](https://peps.python.org/pep-0751/)), which uv and pip read too. uv resolves;
//! this crate finds it ([`Uv`]), asks it, and says its errors in words.
//!
//! ```text
//! text of pyproject.toml ──Wanted::parse──► Wanted ──resolve (uv)──► Resolved ──write──► pylock.toml
//! text of pylock.toml ──Lock::parse──► Lock ──digest──► what it installs, in a name
//!                                       └──check_fits(Wanted)──► whether it has what is asked for
//! ```

mod backends;
mod blame;
mod build;
mod build_failure;
mod built;
mod changes;
mod compare;
mod digest;
mod edit;
mod error;
mod file;
mod fit;
mod held;
mod indexes;
mod install;
mod lacking;
mod lock;
mod made;
mod marker;
mod name;
mod package;
mod password;
mod program;
mod project;
mod pyodide_index;
mod reader;
mod request;
mod requirement;
mod resolve;
mod said;
mod sdk;
mod tree;
mod unpacking;
mod uv;
mod wheel;
mod write;

pub use build::{BUILT_ENTRIES, Builder, MakePython, Seen, build, build_locked};
pub use built::{Builds, Built};
pub use changes::Change;
pub use edit::{allow_builds, in_form_of, pin_release};
pub use error::Error;
pub use file::{File, Place};
pub use held::{ANOTHER_RELEASE, Held, Kind, held_table};
pub use indexes::{is_one_index, options as index_options};
pub use lacking::{COMPILED_OPTIONALLY, Lacking};
pub use lock::{LOCK_FILE, Lock};
pub use made::Made;
pub use name::{is_name, normalised};
pub use package::{Package, Source, Vcs};
pub use password::{address_with_password, without_passwords};
pub use project::Wanted;
pub use pyodide_index::PyodideIndex;
pub use request::{Request, Upgrade};
pub use requirement::Requirement;
pub use resolve::{DRAFT, Resolved, draft_prefix, read_lock, resolve};
pub use said::left_out;
pub use sdk::{SDK, needs_sdk};
pub use unpacking::{Size, Unpacking};
pub use uv::{NOT_THERE, PINNED, RUN_PIP, UV_ENTRIES, Uv};
pub use wheel::Target;
