//! The end of a connection whose client may still be sending.
//!
//! A socket that is closed while there is something to read resets the connection, and the client may lose the response
//! that it has not read yet. So the server ends its own side, and reads on for a while (RFC 9112, 9.6).

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use crate::receive::poll_receive;

/// How long a client that is still sending may take to hear that the connection ends.
const LINGER: Duration = Duration::from_secs(1);

/// What is read of it meanwhile, in bytes: as much as can be under way before a client hears. The kernel's buffers hold up
/// to 32 MiB on this side and 4 MiB on the other (`tcp_rmem`, `tcp_wmem`), and it may send on before it looks.
const LINGER_BYTES_MAX: usize = 64 << 20;

/// Bytes that are read at a time.
const READ_BYTES: usize = 16 << 10;

/// Whether a connection has a body that was not read to its end. A clone is the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unread(Arc<AtomicU8>);

impl Unread {
    const NONE: u8 = 0;
    const READ_OVER: u8 = 1;
    const GIVEN_UP: u8 = 2;

    /// The rest is not wanted; it is read over.
    pub(crate) fn begin(&self) {
        self.0.store(Self::READ_OVER, Ordering::Relaxed);
    }

    /// It was read over: the next request comes.
    pub(crate) fn end(&self) {
        self.0.store(Self::NONE, Ordering::Relaxed);
    }

    /// It is not read: the connection closes after the response.
    pub(crate) fn give_up(&self) {
        self.0.store(Self::GIVEN_UP, Ordering::Relaxed);
    }

    pub(crate) fn is_given_up(&self) -> bool {
        self.0.load(Ordering::Relaxed) == Self::GIVEN_UP
    }

    fn is_any(&self) -> bool {
        self.0.load(Ordering::Relaxed) != Self::NONE
    }
}

/// What of a client is still read once the server's own side has ended.
#[derive(Debug)]
pub(crate) struct Closing {
    unread: Unread,
    /// For how long, and how much.
    linger: Option<(Pin<Box<Sleep>>, usize)>,
}

impl Closing {
    pub(crate) fn new(unread: Unread) -> Self {
        Self { unread, linger: None }
    }

    /// Whether the server's own side has ended already.
    pub(crate) fn has_begun(&self) -> bool {
        self.linger.is_some()
    }

    /// Reads on, if the client is still sending.
    pub(crate) fn poll(&mut self, stream: &TcpStream, context: &mut Context<'_>) -> Poll<()> {
        if !self.unread.is_any() {
            return Poll::Ready(());
        }
        let begin = || (Box::pin(sleep(LINGER)), LINGER_BYTES_MAX);
        let (time, bytes_left) = self.linger.get_or_insert_with(begin);
        let mut bytes = [0; READ_BYTES];
        while time.as_mut().poll(context).is_pending() {
            let mut buffer = ReadBuf::new(&mut bytes);
            // What cannot be read any more is at its end.
            let read = ready!(poll_receive(stream, context, &mut buffer));
            let length = buffer.filled().len();
            if read.is_err() || length == 0 || length > *bytes_left {
                break;
            }
            *bytes_left -= length;
        }
        Poll::Ready(())
    }
}
