//! The end of a connection whose client may still be sending.
//!
//! A socket that is closed while there is something to read resets the connection, and the client may lose the response
//! that it has not read yet. So the server ends its own side, and reads on for a while (RFC 9112, 9.6).

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// How long a client that is still sending may take to hear that nobody listens.
const LINGER: Duration = Duration::from_secs(1);

/// What is read of it meanwhile, in bytes: a window or two of a fast client.
const LINGER_BYTES_MAX: usize = 4 << 20;

/// Bytes that are read at a time.
const READ_BYTES: usize = 16 << 10;

/// Whether a connection has a body that was not read to its end. A clone is the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unread(Arc<AtomicBool>);

impl Unread {
    pub(crate) fn set(&self, unread: bool) {
        self.0.store(unread, Ordering::Relaxed);
    }
}

/// A connection that ends in good order.
#[derive(Debug)]
pub(crate) struct Closing<S> {
    stream: S,
    unread: Unread,
    /// Once its own side has ended: how long it still reads, and how much.
    linger: Option<(Pin<Box<Sleep>>, usize)>,
}

impl<S> Closing<S> {
    pub(crate) fn new(stream: S, unread: Unread) -> Self {
        Self { stream, unread, linger: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Closing<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Closing<S> {
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
        let Self { stream, unread, linger } = &mut *self;
        if linger.is_none() {
            ready!(Pin::new(&mut *stream).poll_shutdown(context))?;
            if !unread.0.load(Ordering::Relaxed) {
                return Poll::Ready(Ok(()));
            }
        }
        let (time, bytes_left) =
            linger.get_or_insert_with(|| (Box::pin(sleep(LINGER)), LINGER_BYTES_MAX));
        let mut bytes = [0; READ_BYTES];
        while time.as_mut().poll(context).is_pending() {
            let mut buffer = ReadBuf::new(&mut bytes);
            // What cannot be read any more is at its end.
            let read = ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer));
            let length = buffer.filled().len();
            if read.is_err() || length == 0 || length > *bytes_left {
                break;
            }
            *bytes_left -= length;
        }
        Poll::Ready(Ok(()))
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
