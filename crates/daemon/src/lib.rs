//! Workers behind a server: HTTP on the one side, workers on the other.
//!
//! A [`Service`] is a worker as the server sees it. [`Current`] is the server's handler: it gives each request to the
//! service of the moment, which `taipan dev` replaces when a file changes.

mod adapter;
mod current;

pub use adapter::Service;
pub use current::{Current, State};
