//! The socket of a connection, and whether its client is still there.
//!
//! A client may say that it sends nothing more and wait for the answer (a half-close), or may be gone: both look the
//! same, since TCP says of either that the other end sends nothing more. They differ when something is sent: the system
//! of a client that is gone refuses it. What an answer of HTTP/1 begins with is known before the handler has it, so its
//! first byte is sent ahead.

use std::future::poll_fn;
use std::io;
use std::net::Shutdown;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

use crate::closing::Closing;
use crate::first_bytes::Opening;
use crate::link::{Link, Sent};
use crate::receive::poll_receive;

/// What `HTTP/1.1 200 OK` and all other answers of HTTP/1 begin with.
const FIRST_BYTE: u8 = b'H';

/// A socket that is shared with its watcher.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: Arc<TcpStream>,
    link: Arc<Link>,
    /// Until the client has shown what it speaks.
    opening: Option<Opening>,
    closing: Closing,
    /// Whether the system takes nothing more to send.
    full: bool,
}

impl Socket {
    pub(crate) fn new(
        stream: Arc<TcpStream>,
        link: Arc<Link>,
        opening: Opening,
        closing: Closing,
    ) -> Self {
        Self { stream, link, opening: Some(opening), closing, full: false }
    }
}

/// Waits until the client is gone while its request is being answered. That it sends nothing more between requests, or
/// within one, is noticed where it is read.
pub(crate) async fn left(stream: &TcpStream, link: &Link) {
    // Ready when the other end sends nothing more; other than `READABLE` not when there is something to be read.
    if stream.ready(Interest::PRIORITY).await.is_err() {
        return;
    }
    let mut refused = pin!(stream.ready(Interest::ERROR));
    poll_fn(|context| {
        if link.sent.may_send_ahead() {
            match stream.try_write(&[FIRST_BYTE]) {
                Ok(sent) => link.sent.first_byte.store(sent > 0, Relaxed),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => (),
                Err(_) => return Poll::Ready(()),
            }
        }
        refused.as_mut().poll(context).map(drop)
    })
    .await;
}

impl Sent {
    /// Whether the next byte that the client gets is the first of an answer.
    fn may_send_ahead(&self) -> bool {
        self.nothing.load(Relaxed)
            && !self.http2.load(Relaxed)
            && !self.sending.load(Relaxed)
            && !self.first_byte.load(Relaxed)
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let filled = buffer.filled().len();
        let received = poll_receive(&self.stream, context, buffer)?;
        if let Some(opening) = &mut self.opening {
            let came = received.map(|()| &buffer.filled()[filled..]);
            if let Some(http2) = opening.note(came, context)? {
                self.link.sent.http2.store(http2, Relaxed);
                self.opening = None;
            }
        }
        received.map(Ok)
    }
}

impl Socket {
    fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        send: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let sent = &self.link.sent;
        sent.nothing.store(false, Relaxed);
        sent.sending.store(true, Relaxed);
        let outcome = loop {
            if self.stream.poll_write_ready(context)?.is_pending() {
                break Poll::Pending;
            }
            match send(&self.stream) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => (),
                outcome => break Poll::Ready(outcome),
            }
        };
        let full = outcome.is_pending();
        if full != std::mem::replace(&mut self.full, full) {
            self.link.set_full(full);
        }
        outcome
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !bytes.is_empty() && self.link.sent.first_byte.swap(false, Relaxed) {
            // It is there already; the rest comes with the next call.
            self.link.sent.nothing.store(false, Relaxed);
            return Poll::Ready(Ok(1));
        }
        self.poll_send(context, |stream| stream.try_write(bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.link.sent.first_byte.load(Relaxed) {
            let first = slices.iter().find(|slice| !slice.is_empty());
            return self.poll_write(context, first.map_or(&[], |slice| slice));
        }
        self.poll_send(context, |stream| stream.try_write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Asked for when all was sent.
        self.link.sent.sending.store(false, Relaxed);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, closing, .. } = &mut *self;
        if !closing.has_begun() {
            // tokio's own needs the stream for itself.
            SockRef::from(&**stream).shutdown(Shutdown::Write)?;
        }
        closing.poll(stream, context).map(Ok)
    }
}
