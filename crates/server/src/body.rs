//! Bodies: pulled from the client, pushed to it, never held whole by us.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::Fault;
use crate::closing::Unread;
use crate::limits::Size;
use crate::turn::{For, Turn};

/// Chunks of a response that wait for the client before `send` does: enough to
/// keep the socket busy while the handler makes the next one.
const CHUNKS_PENDING_MAX: usize = 4;

/// Bytes of an unwanted body that are read over, so that the connection can take the next request (RFC 9112, 9.3);
/// beyond that it is closed. Go's `net/http` reads as many.
const UNWANTED_BYTES_MAX: u64 = 256 << 10;

/// How long a client may take to send them.
const UNWANTED_TIMEOUT: Duration = Duration::from_secs(1);

/// Why the body of a request cannot be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The request's body is longer than the server takes.
    #[error("the request's body is longer than {} (`taipan.limits.request_body_mb`)", Size(*bytes_max))]
    TooLarge {
        /// The most that is taken.
        bytes_max: u64,
    },
    /// The client sent nothing for too long while its body was waited for.
    #[error("the client sent nothing more of its body for {} s", time_max.as_secs())]
    Stalled {
        /// The longest that is waited.
        time_max: Duration,
    },
    /// The client stopped in the middle of its body, or broke the protocol.
    #[error("the client did not finish its body")]
    Interrupted(#[source] hyper::Error),
}

/// Why a response broke off after its head.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The handler gave up.
    #[error("the response broke off: {reason}")]
    Abandoned {
        /// What the handler said.
        reason: String,
    },
    /// A response's own `content-length` does not fit its body.
    #[error("the response has another length than its content-length of {expected} bytes")]
    Length {
        /// What the header said.
        expected: u64,
    },
}

impl BodyError {
    /// What the client is told of its own body.
    pub(crate) fn fault(&self) -> Fault {
        let status = match self {
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Stalled { .. } => StatusCode::REQUEST_TIMEOUT,
            Self::Interrupted(_) => StatusCode::BAD_REQUEST,
        };
        Fault::new(status, self.to_string())
    }
}

/// What the server takes of a request's body.
#[derive(Clone, Copy, Debug)]
struct BodyLimits {
    bytes_max: u64,
    /// Between two pieces, while the handler waits for the next.
    time_max: Duration,
}

/// Why the reading of a body failed by the client's fault, for the status of the
/// response. A handler's own error that follows from it is not the cause.
pub(crate) type Blame = Arc<OnceLock<Fault>>;

/// The body of a request.
#[derive(Debug)]
pub struct RequestBody {
    source: Source,
    bytes_left: u64,
    limits: BodyLimits,
    blame: Blame,
    /// Of the request, where it has a client.
    turn: Option<Arc<Turn>>,
    /// Where the next request comes behind this body on the same connection.
    unread: Option<Unread>,
}

/// While this lives, the request waits for more of its body.
struct Waiting<'a> {
    turn: Option<&'a Turn>,
    /// Bytes that have come.
    bytes: u64,
}

impl<'a> Waiting<'a> {
    fn begin(turn: Option<&'a Turn>) -> Self {
        turn.inspect(|turn| turn.wait(For::Body));
        Self { turn, bytes: 0 }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.turn.inspect(|turn| turn.work(For::Body, self.bytes));
    }
}

#[derive(Debug)]
enum Source {
    Client(Incoming),
    Memory(Bytes),
    Ended,
}

impl RequestBody {
    /// A body of 0 bytes at most: `within` sets the limit, once the request's backend is known.
    pub(crate) fn new(
        incoming: Incoming,
        time_max: Duration,
        blame: Blame,
        turn: Arc<Turn>,
        unread: Option<Unread>,
    ) -> Self {
        let limits = BodyLimits { bytes_max: 0, time_max };
        let source = Source::Client(incoming);
        Self { source, bytes_left: 0, limits, blame, turn: Some(turn), unread }
    }

    /// The same body, of `bytes_max` bytes at most; an error when more were announced.
    pub(crate) fn within(mut self, bytes_max: u64) -> Result<Self, BodyError> {
        if self.length().is_some_and(|length| length > bytes_max) {
            return Err(BodyError::TooLarge { bytes_max });
        }
        self.limits.bytes_max = bytes_max;
        self.bytes_left = bytes_max;
        Ok(self)
    }

    /// The length that the client announced, if it did.
    pub fn length(&self) -> Option<u64> {
        match &self.source {
            Source::Client(incoming) => incoming.size_hint().exact(),
            Source::Memory(bytes) => Some(bytes.len() as u64),
            Source::Ended => Some(0),
        }
    }

    /// The next piece, when the client has sent it; none after the last.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        let chunk = self.read().await;
        if let Err(error) = &chunk {
            self.source = Source::Ended;
            self.unread.iter().for_each(Unread::give_up);
            // The first error is the cause of all that follow.
            self.blame.set(error.fault()).ok();
        }
        chunk
    }

    async fn read(&mut self) -> Result<Option<Bytes>, BodyError> {
        let BodyLimits { bytes_max, time_max } = self.limits;
        let chunk = match &mut self.source {
            Source::Client(incoming) => {
                let mut waiting = Waiting::begin(self.turn.as_deref());
                let chunk = timeout(time_max, next_data(incoming)).await;
                let chunk = chunk.map_err(|_| BodyError::Stalled { time_max })??;
                waiting.bytes = chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
                chunk
            }
            Source::Memory(bytes) if !bytes.is_empty() => Some(std::mem::take(bytes)),
            Source::Memory(_) | Source::Ended => None,
        };
        let length = chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        if chunk.is_none() {
            self.source = Source::Ended;
        }
        self.bytes_left =
            self.bytes_left.checked_sub(length).ok_or(BodyError::TooLarge { bytes_max })?;
        Ok(chunk)
    }

    /// All that is left, at most as much as the server takes.
    pub async fn bytes(mut self) -> Result<Bytes, BodyError> {
        let mut all = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            all.extend_from_slice(&chunk);
        }
        Ok(all.freeze())
    }
}

impl From<Bytes> for RequestBody {
    /// A body that is already here, of any length.
    fn from(bytes: Bytes) -> Self {
        let limits = BodyLimits { bytes_max: u64::MAX, time_max: Duration::MAX };
        Self {
            source: Source::Memory(bytes),
            bytes_left: limits.bytes_max,
            limits,
            blame: Blame::default(),
            turn: None,
            unread: None,
        }
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        let (source, unread) =
            (std::mem::replace(&mut self.source, Source::Ended), self.unread.take());
        let (Source::Client(incoming), Some(unread)) = (source, unread) else { return };
        if incoming.is_end_stream() {
            return;
        }
        let left = incoming.size_hint().exact();
        match Handle::try_current() {
            Ok(runtime) if left.is_none_or(|left| left <= UNWANTED_BYTES_MAX) => {
                unread.begin();
                runtime.spawn(read_over(incoming, unread));
            }
            // Without a runtime there is no server either.
            _ => unread.give_up(),
        }
    }
}

/// Reads over the unwanted rest of a body, as far as that is worth it; else hyper closes the connection after the
/// response.
async fn read_over(mut incoming: Incoming, unread: Unread) {
    let mut left = UNWANTED_BYTES_MAX;
    let all = timeout(UNWANTED_TIMEOUT, async {
        while let Ok(Some(data)) = next_data(&mut incoming).await {
            left = left.checked_sub(data.len() as u64)?;
        }
        Some(())
    });
    match all.await {
        Ok(Some(())) => unread.end(),
        Ok(None) | Err(_) => unread.give_up(),
    }
}

/// The next data of `incoming`; trailers are read over.
async fn next_data(incoming: &mut Incoming) -> Result<Option<Bytes>, BodyError> {
    while let Some(frame) = incoming.frame().await {
        if let Ok(data) = frame.map_err(BodyError::Interrupted)?.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

/// The body of a response.
#[derive(Debug)]
pub enum Body {
    /// None.
    Empty,
    /// All of it.
    Bytes(Bytes),
    /// What a [`BodySender`] sends.
    Stream(BodyStream),
}

/// The receiving end of a streamed body, which the server reads.
#[derive(Debug)]
pub struct BodyStream {
    chunks: mpsc::Receiver<Message>,
    ended: bool,
    /// Why it breaks off, while what came before is on its way.
    broken: Option<String>,
}

#[derive(Debug)]
enum Message {
    Chunk(Bytes),
    End,
    Abandon(String),
}

/// The sending end of a streamed body.
///
/// Dropped without [`finish`](BodySender::finish) it breaks the response off, so
/// that no client takes half a body for a whole one.
#[derive(Debug)]
pub struct BodySender {
    chunks: mpsc::Sender<Message>,
}

/// The client, or the server on its behalf, no longer reads the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the response is no longer read")]
pub struct Gone;

impl Body {
    /// A body that is sent while it is made.
    pub fn stream() -> (BodySender, Self) {
        let (sender, receiver) = mpsc::channel(CHUNKS_PENDING_MAX);
        (
            BodySender { chunks: sender },
            Self::Stream(BodyStream { chunks: receiver, ended: false, broken: None }),
        )
    }
}

impl BodySender {
    /// Hands over a piece, when the client has read enough of those before.
    pub async fn send(&self, chunk: Bytes) -> Result<(), Gone> {
        self.chunks.send(Message::Chunk(chunk)).await.map_err(|_| Gone)
    }

    /// Ends the body. It no longer matters whether the client still reads.
    pub async fn finish(self) {
        self.last(Message::End).await;
    }

    /// Breaks the response off; `reason` goes to the observer, not to the client.
    pub async fn abandon(self, reason: String) {
        self.last(Message::Abandon(reason)).await;
    }

    async fn last(self, message: Message) {
        // An error says that the client left, or has all that was announced.
        self.chunks.send(message).await.ok();
    }

    /// Waits until the body is no longer read.
    pub async fn gone(&self) {
        self.chunks.closed().await;
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Bytes(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Self::Stream(stream) => stream.poll(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Bytes(bytes) => bytes.is_empty(),
            Self::Stream(stream) => stream.ended,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Bytes(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

impl BodyStream {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if let Some(reason) = self.broken.take() {
            self.ended = true;
            return Poll::Ready(Some(Err(Broken::Abandoned { reason })));
        }
        let reason = match ready!(self.chunks.poll_recv(context)) {
            Some(Message::Chunk(chunk)) => return Poll::Ready(Some(Ok(Frame::data(chunk)))),
            Some(Message::End) => {
                self.ended = true;
                return Poll::Ready(None);
            }
            Some(Message::Abandon(reason)) => reason,
            None => "its sender was dropped".to_owned(),
        };
        // With an error, hyper drops what it has not written yet; it writes when there is nothing more at the moment.
        self.broken = Some(reason);
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
