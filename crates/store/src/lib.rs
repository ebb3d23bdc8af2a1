//! Content-addressed cache and download; the only downloader.
//!
//! Nothing here knows what it stores. `release` says which files of which
//! package, `cli` says where the cache is and shows the progress; this crate
//! alone starts `npm`, downloads, and writes below the cache's root.
//!
//! ```text
//! <root>/entries/<kind>/<key>/            one published entry, never edited
//! <root>/entries/<kind>/<key>/.inventory  its files, lengths and digests
//! <root>/staging/<kind>/<key>/            the same entry while it is built
//! <root>/staging/.import-*/               an export while it is looked at
//! <root>/locks/<kind>/<key>               held by the process that builds it
//! <root>/locks/<kind>/.<key>              shared by the processes that use it
//! <root>/recent/<list>                    the last entries of a program that makes many
//! <root>/partial/<sha256>                 a file that has been downloaded in part
//! <root>/sought/<mirror>                  a mirror that lately had no answer
//! ```

mod arrival;
mod atomic;
mod cache;
mod contents;
mod digest;
mod disk;
mod entry;
mod error;
mod export;
mod fetch;
mod files;
mod inventory;
mod kept;
mod mirror;
mod npm;
mod package;
mod progress;
mod published;
mod recent;
mod seal;
mod tarball;

pub use atomic::{write_atomic, write_of_project, write_output, write_private, write_program};
pub use cache::{Cache, Surroundings, root};
pub use contents::ContentDigest;
pub use digest::Digest;
pub use entry::{Entry, Held, OnReadOnly};
pub use error::{Damage, Error, FULL};
pub use export::{Import, export};
pub use fetch::{Source, fetch};
pub use files::Files;
pub use kept::Kept;
pub use mirror::Mirror;
pub use package::{PACKAGE_ENTRIES, Package, PackageFile};
pub use progress::{Progress, Step};
pub use published::{PUBLISHED_ENTRIES, PublishedFile, fetch_published};
