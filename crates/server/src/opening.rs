//! A time limit for the first bytes of a connection.
//!
//! hyper-util tells HTTP/1 from HTTP/2 by the first bytes, and waits for them
//! without end: its own time limit for headers starts later (hyper-util 0.1.21,
//! `server/conn/auto`, `ReadVersion`). So a connection that says nothing, or
//! stops inside the HTTP/2 preface, ends here. Which of the two it speaks is noted in its [`Link`].

use std::{
    io,
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use crate::link::Link;

/// What an HTTP/2 client sends first (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection that must soon show what it speaks.
#[derive(Debug)]
pub(crate) struct Opening<S> {
    stream: S,
    /// Gone once the client showed what it speaks.
    limit: Option<Pin<Box<Sleep>>>,
    /// Bytes of the preface that have come, and nothing but them.
    preface_bytes: usize,
    link: Arc<Link>,
}

impl<S> Opening<S> {
    pub(crate) fn new(stream: S, link: Arc<Link>, time_max: Duration) -> Self {
        Self { stream, limit: Some(Box::pin(sleep(time_max))), preface_bytes: 0, link }
    }

    /// Notes what came; lifts the limit when that settles the protocol.
    fn note(&mut self, came: &[u8]) {
        let expected = &PREFACE[self.preface_bytes..];
        let alike = came.iter().zip(expected).take_while(|(one, other)| one == other).count();
        self.preface_bytes += alike;
        self.link.sent.http2.store(self.preface_bytes == PREFACE.len(), Relaxed);
        if alike < came.len() || self.preface_bytes == PREFACE.len() {
            self.limit = None;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Opening<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let filled = buffer.filled().len();
        let poll = Pin::new(&mut self.stream).poll_read(context, buffer);
        let Some(limit) = &mut self.limit else {
            return poll;
        };
        if poll.is_pending() && limit.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        self.note(&buffer.filled()[filled..]);
        poll
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Opening<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
