//! A time limit for the first bytes of a connection.
//!
//! hyper-util tells HTTP/1 from HTTP/2 by the first bytes, and waits for them
//! without end: its own time limit for headers starts later (hyper-util 0.1.21,
//! `server/conn/auto`, `ReadVersion`). So a connection that says nothing, or
//! stops inside the HTTP/2 preface, ends here.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

/// What an HTTP/2 client sends first (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a client has shown of the protocol that it speaks.
#[derive(Debug)]
pub(crate) struct Opening {
    limit: Pin<Box<Sleep>>,
    /// Bytes of the preface that have come, and nothing but them.
    preface_bytes: usize,
}

impl Opening {
    pub(crate) fn new(time_max: Duration) -> Self {
        Self { limit: Box::pin(sleep(time_max)), preface_bytes: 0 }
    }

    /// Notes what came, if anything did: whether the client speaks HTTP/2, once that is clear.
    ///
    /// # Errors
    ///
    /// Its time is up.
    pub(crate) fn note(
        &mut self,
        came: Poll<&[u8]>,
        context: &mut Context<'_>,
    ) -> io::Result<Option<bool>> {
        let Poll::Ready(came) = came else {
            return match self.limit.as_mut().poll(context) {
                Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
                Poll::Pending => Ok(None),
            };
        };
        let expected = &PREFACE[self.preface_bytes..];
        let alike = came.iter().zip(expected).take_while(|(one, other)| one == other).count();
        self.preface_bytes += alike;
        let http2 = self.preface_bytes == PREFACE.len();
        Ok((http2 || alike < came.len()).then_some(http2))
    }
}
