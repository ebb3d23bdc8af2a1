//! Packages of workers: installed trees, checked, compiled, and kept as read-only images.
//!
//! An image is a file layer in an entry of the cache: the files of all packages, and `.pyc` files beside the sources,
//! which the guest's own Python has made. Isolates map it. It holds no times, and nothing of the machine that made it, so
//! the same packages give the same image everywhere.

mod abi;
mod bytecode;
mod check;
mod ephemeral;
mod error;
mod exclude;
mod image;
mod inline;
mod install;
mod list;
mod metadata;
mod native;
mod record;
mod source;
mod tree;
mod unvendored;

pub use check::{Expected, check};
pub use ephemeral::{Ephemeral, SCRIPT_LOCK_ENTRIES, ephemeral};
pub use error::{Claim, Error};
pub use exclude::leave_out;
pub use image::{IMAGE_ENTRIES, image, image_prefix};
pub use inline::{Inline, Requirements};
pub use install::{Installation, Installer, install};
pub use list::{Listed, list};
pub use tree::{FILES_MAX, read_tree};
pub use unvendored::{Published, unpack, unvendored};
