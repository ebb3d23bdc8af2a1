//! Workers behind a server: HTTP on the one side, workers on the other.
//!
//! A [`Service`] is a worker as the server sees it. [`Current`] gives each request to the service of the moment, which
//! `taipan dev` replaces when a file changes. [`Routes`] know which `Current` a request is for.

mod adapter;
mod current;
mod routes;
mod trigger;

pub use adapter::Service;
pub use current::{Current, State};
pub use routes::Routes;
