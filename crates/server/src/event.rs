//! What a server tells its owner.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use http::{Method, StatusCode};

use crate::Fault;

/// Hears what the server tells. Called on the server's threads: it must not block.
pub type Observer = Arc<dyn Fn(&Event<'_>) + Send + Sync>;

/// Something worth a line.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A request got no response from its handler; told before its `Done`.
    Faulted {
        /// The name of the backend that the request was for; none when its head names no host.
        backend: Option<&'a str>,
        /// The method and path of the request.
        method: &'a Method,
        /// The path, with its query.
        path: &'a str,
        /// Why.
        fault: &'a Fault,
    },
    /// A request is over.
    Done(&'a Summary),
    /// A connection ended in disorder; no request is lost by it that `Done`
    /// does not tell.
    Disconnected {
        /// The other end.
        peer: SocketAddr,
        /// What happened.
        error: &'a (dyn std::error::Error + 'static),
    },
    /// A connection could not be taken; the server goes on.
    NotAccepted {
        /// What the operating system says.
        error: &'a io::Error,
    },
    /// The server takes no more requests, and waits for those in flight.
    Draining {
        /// Connections that are open.
        connections: usize,
    },
}

/// A request from its head to the last byte of its response.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The name of the backend that it was for; none when its head names no host.
    pub backend: Option<Arc<str>>,
    /// The method.
    pub method: Method,
    /// The path, with its query, as the client wrote it.
    pub path: String,
    /// The status; none when the client left before there was one.
    pub status: Option<StatusCode>,
    /// From the head of the request to the last byte handed to the socket.
    pub duration: Duration,
    /// Bytes of the response's body.
    pub body_bytes: u64,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The client has the whole response.
    Complete,
    /// The client went away.
    Gone,
    /// The response broke off, for this reason.
    Broken(String),
}

impl fmt::Display for Summary {
    /// One line of an access log: `GET /path 200 OK (12ms)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, path, status, duration, .. } = self;
        write!(f, "{method} {path} ")?;
        match status {
            Some(status) => {
                f.write_str(status.as_str())?;
                status.canonical_reason().map_or(Ok(()), |reason| write!(f, " {reason}"))?;
            }
            None => f.write_str("-")?,
        }
        write!(f, " ({}ms)", duration.as_millis())?;
        match &self.outcome {
            Outcome::Complete => Ok(()),
            Outcome::Gone => f.write_str(", the client went away"),
            Outcome::Broken(reason) => write!(f, ", {reason}"),
        }
    }
}
