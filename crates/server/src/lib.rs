//! HTTP in front of workers; knows neither JavaScript nor Python.
//!
//! HTTP/1.1, HTTP/1.0 and HTTP/2 without TLS, told apart by their first bytes,
//! in front of [`Handler`]s: a [`Router`] says which of them a request is for.
//! Bodies are streamed both ways and are pulled:
//! a handler that does not read lets the client wait, a client that does not
//! read lets the handler wait. A client that goes away drops the handler's
//! future and cancels [`Request::gone`].
//!
//! The server prints nothing and reads no environment: what happens is told to
//! an [`Observer`].

mod body;
mod clock;
mod closing;
mod ends;
mod error;
mod event;
mod exchange;
mod fault;
mod first_bytes;
mod handler;
mod limits;
mod link;
mod listen;
mod pace;
mod page;
mod receive;
mod room;
mod router;
mod serve;
mod settings;
mod socket;
mod streams;
mod target;
mod turn;

pub use body::{Body, BodyError, BodySender, Broken, Gone, RequestBody};
pub use error::Error;
pub use event::{Event, Observer, Outcome, Summary};
pub use fault::{Details, Fault};
pub use handler::{Handler, Request, Response};
pub use limits::Limits;
pub use listen::Listener;
pub use router::{Backend, Router};
pub use serve::{Drained, serve};
pub use settings::Settings;
pub use target::{Hosts, Target};
