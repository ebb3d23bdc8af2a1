//! Receiving from a socket that is shared.

use std::io;
use std::task::{Context, Poll, ready};

use tokio::io::{Interest, ReadBuf};
use tokio::net::TcpStream;

/// Receives into `buffer`, when there is something. What is not received into is not written to: a buffer for a request's
/// head is a hundred times as large as a usual one.
pub(crate) fn poll_receive(
    stream: &TcpStream,
    context: &mut Context<'_>,
    buffer: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    loop {
        ready!(stream.poll_read_ready(context))?;
        let room = buffer.remaining();
        let mut received = None;
        let outcome = stream.try_io(Interest::READABLE, || {
            let length = stream.try_read_buf(buffer)?;
            received = Some(length);
            // After less than there is room for, the socket need not be asked for more (epoll(7), question 9).
            if 0 < length && length < room { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
        match outcome {
            _ if received.is_some() => return Poll::Ready(Ok(())),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                return Poll::Ready(Err(error));
            }
            _ => (),
        }
    }
}
