//! The body of an outgoing request on its way.
//!
//! When a request is given up, its connection must go. hyper closes the connection of a dropped request only when it has
//! sent everything that it has of it (hyper 1.12, `proto/h1/io.rs`, `poll_shutdown`): never, if the server reads nothing.
//! It closes the connection at once when the body fails. So hyper gets few pieces of a body at a time, and asks for the
//! next while those wait. There it learns that the request was given up; until then the request is still polled.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use hyper::body::{Body, Frame, SizeHint};
use reqwest::{RequestBuilder, Response};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::Error;

/// Bytes of a piece. A body that is no longer needs none of this: the systems of both ends take it.
pub(crate) const PIECE_BYTES: usize = 64 << 10;

/// Pieces that wait in hyper: with more than some 400 KiB it would not ask for the next (`DEFAULT_MAX_BUFFER_SIZE`).
const UNSENT_MAX: usize = 4;

/// In which time hyper asks for the next piece, if it does: a stream of HTTP/2 waits for its window without, and is reset
/// when its request is dropped.
const GIVING_UP: Duration = Duration::from_secs(1);

/// What comes of the body.
type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>;

struct State {
    /// None after the end.
    chunks: Option<Chunks>,
    /// The part of the last chunk that is not handed over.
    rest: Bytes,
    /// Bytes that are not handed over, where the length is known.
    left: Option<u64>,
    /// Pieces that hyper has.
    unsent: usize,
    begun: bool,
    given_up: bool,
    /// Of the connection.
    waker: Option<Waker>,
}

#[derive(Clone)]
struct Shared(Arc<Mutex<State>>);

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The body, as the connection has it.
pub(crate) struct Upload(Shared);

/// The body, as its request has it: dropped, it is given up.
pub(crate) struct Uploading {
    shared: Shared,
    /// The request, until there is a response.
    request: Option<JoinHandle<reqwest::Result<Response>>>,
}

impl fmt::Debug for Uploading {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Uploading").finish_non_exhaustive()
    }
}

/// A body that is made of `chunks`.
pub(crate) fn upload(chunks: Chunks, length: Option<u64>) -> (Upload, Uploading) {
    let state = State {
        chunks: Some(chunks),
        rest: Bytes::new(),
        left: length,
        unsent: 0,
        begun: false,
        given_up: false,
        waker: None,
    };
    let shared = Shared(Arc::new(Mutex::new(state)));
    (Upload(shared.clone()), Uploading { shared, request: None })
}

impl Uploading {
    /// Sends the request whose body this is.
    pub(crate) async fn send(
        &mut self,
        request: RequestBuilder,
    ) -> Result<reqwest::Result<Response>, Error> {
        let request = self.request.insert(tokio::spawn(request.send()));
        let response = request.await;
        self.request = None;
        response.map_err(|panic| Error::Aborted { message: panic.to_string() })
    }
}

impl Drop for Uploading {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.given_up = true;
        let (begun, waker) = (state.begun, state.waker.take());
        let held = (state.chunks.take(), std::mem::take(&mut state.rest));
        drop(state);
        drop(held);
        waker.inspect(Waker::wake_by_ref);
        let Some(mut request) = self.request.take() else { return };
        match Handle::try_current() {
            Ok(runtime) if begun => {
                runtime.spawn(async move {
                    if timeout(GIVING_UP, &mut request).await.is_err() {
                        request.abort();
                    }
                });
            }
            _ => request.abort(),
        }
    }
}

impl State {
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        self.begun = true;
        if self.given_up {
            let message = "the request was given up".to_owned();
            return Poll::Ready(Some(Err(Error::Aborted { message })));
        }
        if self.unsent >= UNSENT_MAX {
            return Poll::Pending;
        }
        while self.rest.is_empty()
            && let Some(chunks) = &mut self.chunks
        {
            match ready!(chunks.as_mut().poll_next(context)).transpose() {
                Ok(Some(chunk)) => self.rest = chunk,
                Ok(None) => self.chunks = None,
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
        let length = self.rest.len().min(PIECE_BYTES);
        let left = self.left.map(|left| left.saturating_sub(length as u64));
        // With the end hyper forgets the body: it comes when all else is sent.
        if (length == 0 || left == Some(0)) && self.unsent > 0 {
            return Poll::Pending;
        }
        if length == 0 {
            return Poll::Ready(None);
        }
        self.left = left;
        self.unsent += 1;
        Poll::Ready(Some(Ok(self.rest.split_to(length))))
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let mut state = self.0.state();
        let piece = state.poll_piece(context);
        state.waker = piece.is_pending().then(|| context.waker().clone());
        drop(state);
        let shared = &self.0;
        let frame = |bytes| Frame::data(Bytes::from_owner(Piece { bytes, shared: shared.clone() }));
        piece.map(|piece| piece.map(|bytes| bytes.map(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.state().left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.state().left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// A piece that hyper has until it is sent.
struct Piece {
    bytes: Bytes,
    shared: Shared,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.unsent -= 1;
        let waker = state.waker.take();
        drop(state);
        waker.inspect(Waker::wake_by_ref);
    }
}

#[cfg(test)]
mod tests;
