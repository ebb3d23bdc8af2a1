//! The web platform of a worker: fetch, Request, Response, Headers, streams, timers, crypto.
//!
//! The JavaScript is in `js/`, one module for each interface of its standard.
//! Here is the host's side of it. [`OPERATIONS`] and the saved state know the
//! isolate of `guest`; bodies, fetches, headers and URLs do not. What is whose:
//!
//! * Rust: URLs (crate `url`), encodings other than UTF-8 (`encoding_rs`), HTTP
//!   (`reqwest`, `rustls`), the channels that bodies go through.
//! * A library: streams (`web-streams-polyfill`); the engine has `DOMException`,
//!   `atob` and `btoa` itself.
//! * Our own JavaScript: the rest, with Request and Response on the fast path.
//!
//! A host operation stands in `operations/`, in the file of its interface, with what it promises.

pub mod access;
pub mod body;
mod causes;
mod completion;
mod connect;
pub mod encoding;
mod error;
mod fault;
pub mod fetch;
pub mod headers;
pub mod limits;
mod operations;
mod owner;
pub mod pending;
mod refused;
pub mod requests;
mod saved;
mod sources;
mod under_way;
mod upload;
pub mod url;

pub use causes::{causes, with_causes};
pub use completion::{deliver, give_up};
pub use connect::connect;
pub use error::Error;
pub use fault::{Fault, FaultKind};
pub use operations::{Console, OPERATIONS};
pub use owner::Owner;
pub use saved::{check, restore, save};
pub use sources::{INSTALL, JAVASCRIPT, Source, WEB_STREAMS};
pub use under_way::{Unsaved, unsaved};
