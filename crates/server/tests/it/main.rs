//! The server over real sockets.

#![expect(clippy::unwrap_used, reason = "a test fails where its preparation fails")]

mod fixture;
mod floods;
mod frames;
mod greedy;
mod hostile;
mod http1;
mod http2;
mod lifetime;
mod limits;
mod routes;
mod streaming;
