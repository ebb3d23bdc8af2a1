//! One request and its response.

use std::any::Any;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::body::Blame;
use crate::ends::Ends;
use crate::limits::{Limits, Places};
use crate::link::Link;
use crate::target::target;
use crate::turn::{For, Turn};
use crate::{
    Body, Broken, Event, Fault, Handler, Observer, Outcome, Request, RequestBody, Response, Router,
    Settings, Summary, Target,
};

/// Headers that speak about one connection (RFC 9110, 7.6.1): ours, not the
/// handler's.
const HOP_BY_HOP: [HeaderName; 6] = [
    header::CONNECTION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// Bytes of a response that are handed over at a time: what hyper takes before it waits until they are sent, so that it
/// is seen how far a client is.
const PIECE_BYTES: usize = 64 << 10;

/// Why the server ends a request.
const TOO_SLOW: &str = "the client was too slow, its request was ended";

/// Has the handler that `request` is for answer it, and sees to it that there is an answer.
pub(crate) async fn exchange<R: Router>(
    router: Arc<R>,
    settings: Arc<Settings>,
    link: Arc<Link>,
    ends: Ends,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Outgoing>, Infallible> {
    let (head, incoming) = request.into_parts();
    let turn = Turn::begin(link);
    let mut watch = Watch::new(&head, turn.clone(), settings.observer.clone());
    let blame = Blame::default();
    let unread = ends.unread(&head);
    let time_max = settings.body_read_timeout;
    let body = RequestBody::new(incoming, time_max, blame.clone(), turn, unread.clone());
    let method = head.method.clone();
    let accept = head.headers.get(header::ACCEPT).cloned();
    let admitted = target(&head, ends.local, settings.hosts).and_then(|target| {
        let backend = router.route(&target);
        watch.summary.backend = Some(backend.name.clone());
        let limits = backend.handler.limits();
        let body = body.within(limits.body_bytes_max).map_err(|error| error.fault())?;
        let request = admit(head, target, body, ends.peer, &watch)?;
        watch.take_place(&backend.requests, limits)?;
        Ok((backend.handler.clone(), request))
    });
    let answer = match admitted {
        Ok((handler, request)) => answer(&handler, request).await,
        Err(fault) => Err(fault),
    };
    let response =
        answer.map_err(|fault| blame.get().cloned().unwrap_or(fault)).unwrap_or_else(|fault| {
            watch.faulted(&fault);
            fault.response(settings.details, accept.as_ref())
        });
    let mut response = outgoing(&method, response, watch);
    // What of the body is not read yet may still be read, by a handler that goes on, or over (`body.rs`): whether the
    // connection must be closed can be known later than the head of the response is sent.
    if unread.is_some_and(|unread| unread.is_given_up()) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// The request as the handler sees it.
fn admit(
    head: http::request::Parts,
    target: Target,
    body: RequestBody,
    peer: SocketAddr,
    watch: &Watch,
) -> Result<Request, Fault> {
    check_codings(&head.headers)?;
    let gone = watch.gone.clone();
    let Target { url, authority, .. } = target;
    let http::request::Parts { method, version, mut headers, uri, .. } = head;
    if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
        // The worker is not told of two hosts (RFC 9112, 3.2.2).
        if uri.authority().is_some() {
            headers.insert(header::HOST, host);
        } else {
            headers.entry(header::HOST).or_insert(host);
        }
    }
    if version == Version::HTTP_2 {
        join_cookies(&mut headers);
    }
    Ok(Request { method, url, headers, body, peer, gone })
}

/// Whether the body is coded in chunks only, which hyper undoes (RFC 9112, 6.1).
fn check_codings(headers: &HeaderMap) -> Result<(), Fault> {
    if !headers.contains_key(header::TRANSFER_ENCODING) {
        return Ok(());
    }
    let lines = headers.get_all(header::TRANSFER_ENCODING).iter();
    let text = lines.map(|line| line.to_str().unwrap_or("?")).collect::<Vec<_>>().join(",");
    let codings: Vec<_> = text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let unknown = codings.iter().find(|coding| !coding.eq_ignore_ascii_case("chunked"));
    match unknown {
        Some(coding) => {
            let message = format!("the transfer coding {coding} is not known");
            Err(Fault::new(StatusCode::NOT_IMPLEMENTED, message))
        }
        None if codings.len() > 1 => {
            Err(Fault::new(StatusCode::BAD_REQUEST, "a body is coded in chunks only once"))
        }
        None => Ok(()),
    }
}

/// One `cookie` header of those into which HTTP/2 may split it (RFC 9113, 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let mut lines = headers.get_all(header::COOKIE).iter();
    let (Some(first), Some(second)) = (lines.next(), lines.next()) else { return };
    let all = [first, second].into_iter().chain(lines).map(HeaderValue::as_bytes);
    if let Ok(joined) = HeaderValue::from_bytes(&all.collect::<Vec<_>>().join(&b"; "[..])) {
        headers.insert(header::COOKIE, joined);
    }
}

/// The handler's answer, checked; a panic is a fault.
async fn answer<H: Handler>(handler: &H, request: Request) -> Result<Response, Fault> {
    // The handler is called inside the future: a panic before its first await
    // counts too. What it leaves half done is its own clone, not seen again.
    let response =
        AssertUnwindSafe(async { handler.handle(request).await })
            .catch_unwind()
            .await
            .unwrap_or_else(|panic| Err(internal("the handler panicked", panic_text(&*panic))))?;
    if response.status.is_informational() {
        let detail = format!("the handler answered with status {}", response.status.as_u16());
        return Err(internal("not a final status", &detail));
    }
    Ok(response)
}

fn internal(what: &str, detail: &str) -> Fault {
    Fault::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error")
        .with_detail(format!("{what}: {detail}"))
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

/// The response as hyper sends it.
fn outgoing(method: &Method, response: Response, mut watch: Watch) -> hyper::Response<Outgoing> {
    let Response { status, reason, mut headers, body } = response;
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
    let declared = take_length(&mut headers);
    let without_body = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let (body, length) = match body {
        _ if without_body => (Body::Empty, None),
        // A HEAD request gets the headers that GET would have got; a handler that makes no body for it says its length.
        Body::Bytes(bytes) if *method == Method::HEAD => {
            let length = bytes.len() as u64;
            (Body::Empty, declared.filter(|_| length == 0).or(Some(length)))
        }
        _ if *method == Method::HEAD => (Body::Empty, declared),
        Body::Empty => (Body::Empty, Some(0)),
        Body::Bytes(bytes) => {
            let length = bytes.len() as u64;
            (Body::Bytes(bytes), Some(length))
        }
        Body::Stream(stream) => (Body::Stream(stream), declared),
    };
    if let Some(length) = length {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    watch.summary.status = Some(status);
    let expected = if *method == Method::HEAD { None } else { length };
    let mut response =
        hyper::Response::new(Outgoing { body, rest: Bytes::new(), expected, on_its_way: 0, watch });
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    if let Some(reason) = phrase(status, reason.as_deref().unwrap_or_default()) {
        response.extensions_mut().insert(reason);
    }
    response
}

/// What stands after the status, unless hyper knows it.
fn phrase(status: StatusCode, reason: &str) -> Option<ReasonPhrase> {
    if reason.is_empty() {
        // hyper would write `<none>`.
        return status.canonical_reason().is_none().then(|| ReasonPhrase::from_static(b""));
    }
    // Each character is a byte, as in other headers.
    let bytes: Result<Vec<u8>, _> = reason.chars().map(u8::try_from).collect();
    ReasonPhrase::try_from(bytes.ok()?).ok()
}

/// Takes the handler's `content-length` out, if it is one number.
fn take_length(headers: &mut HeaderMap) -> Option<u64> {
    let lines: Vec<HeaderValue> = headers.get_all(header::CONTENT_LENGTH).iter().cloned().collect();
    headers.remove(header::CONTENT_LENGTH);
    match lines.as_slice() {
        [line] => line.to_str().ok()?.parse().ok(),
        _ => None,
    }
}

/// Follows a request to its end, and tells the observer when it is dropped.
struct Watch {
    summary: Summary,
    version: Version,
    turn: Arc<Turn>,
    started: Instant,
    observer: Observer,
    gone: CancellationToken,
    /// Cancels `gone`, unless it is disarmed.
    guard: Option<DropGuard>,
    /// Where the request has its place, once it was admitted.
    place: Option<(Arc<Places>, u64)>,
}

impl Watch {
    fn new(head: &http::request::Parts, turn: Arc<Turn>, observer: Observer) -> Self {
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let summary = Summary {
            backend: None,
            method: head.method.clone(),
            path,
            status: None,
            duration: std::time::Duration::ZERO,
            body_bytes: 0,
            outcome: Outcome::Gone,
        };
        let gone = CancellationToken::new();
        let guard = Some(gone.clone().drop_guard());
        let (version, started) = (head.version, Instant::now());
        Self { summary, version, turn, started, observer, gone, guard, place: None }
    }

    /// Keeps a place until the request is over.
    fn take_place(&mut self, places: &Arc<Places>, limits: Limits) -> Result<(), Fault> {
        let number = places.take(limits, &self.turn)?;
        self.place = Some((places.clone(), number));
        Ok(())
    }

    fn faulted(&self, fault: &Fault) {
        let Summary { backend, method, path, .. } = &self.summary;
        (self.observer)(&Event::Faulted { backend: backend.as_deref(), method, path, fault });
    }

    fn complete(&mut self) {
        self.summary.outcome = Outcome::Complete;
        if let Some(guard) = self.guard.take() {
            guard.disarm();
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some((places, number)) = &self.place {
            places.give_back(*number);
        }
        self.turn.wait(For::Nothing);
        if self.summary.outcome == Outcome::Gone {
            if self.turn.is_closed() {
                self.summary.outcome = Outcome::Broken(TOO_SLOW.to_owned());
            } else if self.version == Version::HTTP_2 {
                self.turn.link.reset();
            }
        }
        self.summary.duration = self.started.elapsed();
        (self.observer)(&Event::Done(&self.summary));
    }
}

/// A response's body on its way out.
pub(crate) struct Outgoing {
    body: Body,
    /// What it gave, and hyper has not asked for yet.
    rest: Bytes,
    /// Bytes that must still come, where the length was announced.
    expected: Option<u64>,
    /// Bytes that came last, for which there may be no room yet.
    on_its_way: u64,
    watch: Watch,
}

impl Outgoing {
    /// The next piece, of `PIECE_BYTES` at most.
    fn poll_piece(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Frame<Bytes>>, Broken>> {
        if self.rest.is_empty() {
            let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(context)).transpose()?
            else {
                return Poll::Ready(self.end().map(|()| None));
            };
            self.rest = frame.into_data().unwrap_or_default();
        }
        let piece = self.rest.split_to(self.rest.len().min(PIECE_BYTES));
        Poll::Ready(self.count(piece.len() as u64).map(|()| Some(Frame::data(piece))))
    }

    /// Counts bytes; an error when they are more than was announced.
    fn count(&mut self, length: u64) -> Result<(), Broken> {
        if let Some(left) = self.expected {
            let expected = self.watch.summary.body_bytes + left;
            let left = left.checked_sub(length).ok_or(Broken::Length { expected })?;
            self.expected = Some(left);
        }
        self.watch.summary.body_bytes += length;
        self.on_its_way = length;
        Ok(())
    }

    /// An error when more was announced than has come.
    fn end(&self) -> Result<(), Broken> {
        match self.expected {
            None | Some(0) => Ok(()),
            Some(left) => Err(Broken::Length { expected: self.watch.summary.body_bytes + left }),
        }
    }
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        // A call for the next frame says that there is room for it.
        let taken = std::mem::take(&mut self.on_its_way);
        self.watch.turn.work(For::Room, taken);
        let piece = ready!(self.poll_piece(context));
        self.watch.turn.wait(For::Room);
        if let Err(error) = &piece {
            self.watch.summary.outcome = Outcome::Broken(error.to_string());
        }
        Poll::Ready(piece.transpose())
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // Asked for before the first frame.
        self.body.size_hint()
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        // hyper does not ask for the end of a body whose announced bytes came.
        let whole = self.is_end_stream() || self.expected == Some(0);
        if whole && self.watch.summary.outcome == Outcome::Gone {
            self.watch.complete();
        }
    }
}
