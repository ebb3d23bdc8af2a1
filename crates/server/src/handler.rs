//! What a server asks of the program behind it.

use std::net::SocketAddr;

use http::{HeaderMap, Method, StatusCode};
use tokio_util::sync::CancellationToken;

use crate::{Body, Fault, Limits, RequestBody};

/// A program that answers requests, many at a time.
///
/// The future is dropped when the client goes away before there is a response.
/// A panic in it is a 500 for this request and nothing else.
pub trait Handler: Clone + Send + Sync + 'static {
    /// Answers one request.
    fn handle(&self, request: Request) -> impl Future<Output = Result<Response, Fault>> + Send;

    /// What is taken of the next request; asked for with each, and with each look for slow clients.
    fn limits(&self) -> Limits {
        Limits::default()
    }
}

/// A request whose head was read and found good.
#[derive(Debug)]
pub struct Request {
    /// The method; never CONNECT or TRACE.
    pub method: Method,
    /// The absolute URL, for example `http://127.0.0.1:8787/path?query`,
    /// serialised as the URL standard has it.
    pub url: String,
    /// Headers in the order in which their names first came; the lines of one
    /// name in their order. There is always a `host`, also of a client that says
    /// it otherwise, as HTTP/2 does.
    pub headers: HeaderMap,
    /// The body, not yet read.
    pub body: RequestBody,
    /// Who asks.
    pub peer: SocketAddr,
    /// Cancelled when the client goes away before it has the whole response;
    /// never when the response was complete.
    pub gone: CancellationToken,
}

/// An answer. Lengths, hop-by-hop headers and the rules of HEAD, 204 and 304 are
/// the server's business: a handler may give a body with any of them.
#[derive(Debug)]
pub struct Response {
    /// The status, from 200 to 999.
    pub status: StatusCode,
    /// What stands after the status in HTTP/1; the usual words without it.
    pub reason: Option<String>,
    /// Headers; a name may stand there several times, as `set-cookie` does.
    pub headers: HeaderMap,
    /// The body.
    pub body: Body,
}

impl Response {
    /// A response without headers of its own.
    pub fn new(status: StatusCode, body: Body) -> Self {
        Self { status, reason: None, headers: HeaderMap::new(), body }
    }
}
