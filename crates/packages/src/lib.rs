//! Packages of workers: installed trees, checked, compiled, and kept as read-only images.
//!
//! An image is a file layer in an entry of the cache: the files of all packages, and `.pyc` files beside the sources,
//! which the guest's own Python has made. Isolates map it. It holds no times, and nothing of the machine that made it, so
//! the same packages give the same image everywhere.

mod bytecode;
mod error;
mod image;

pub use error::Error;
pub use image::{IMAGE_ENTRIES, image, image_prefix};
