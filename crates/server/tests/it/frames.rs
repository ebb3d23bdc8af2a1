//! A client that writes and reads frames of HTTP/2 itself.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::fixture::{PATIENCE, Server};

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// A setting (RFC 9113, 6.5.2).
pub(crate) const INITIAL_WINDOW_SIZE: u16 = 4;

/// A frame that has come.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

/// A connection whose preface was sent.
#[derive(Debug)]
pub(crate) struct Frames(pub(crate) TcpStream);

/// A frame as it is written.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap();
    let mut bytes = length.to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The head of a request, as HPACK has it: `method` is the number of one in its static table.
pub(crate) fn head(method: u8, path: &str) -> Vec<u8> {
    let literal = |name: u8, text: &str| {
        let length = u8::try_from(text.len()).unwrap();
        [&[name, length], text.as_bytes()].concat()
    };
    let scheme = 0x86;
    [vec![0x80 | method, scheme], literal(4, path), literal(1, "localhost")].concat()
}

pub(crate) const GET: u8 = 2;
pub(crate) const POST: u8 = 3;

impl Frames {
    /// Connects, with one setting.
    pub(crate) async fn connect(server: &Server, setting: u16, value: u32) -> Self {
        let mut stream = server.connect().await;
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        let setting = [&setting.to_be_bytes()[..], &value.to_be_bytes()].concat();
        stream.write_all(&frame(SETTINGS, 0, 0, &setting)).await.unwrap();
        Self(stream)
    }

    /// Asks for `path` on `stream`.
    pub(crate) async fn get(&mut self, stream: u32, path: &str) {
        let bytes = frame(HEADERS, END_STREAM | END_HEADERS, stream, &head(GET, path));
        self.0.write_all(&bytes).await.unwrap();
    }

    /// The next frame.
    pub(crate) async fn next(&mut self) -> Frame {
        let read = async {
            let mut bytes = [0; 9];
            self.0.read_exact(&mut bytes).await.unwrap();
            let [length @ .., kind, _flags, a, b, c, d] = bytes;
            let length = u32::from_be_bytes([0, length[0], length[1], length[2]]);
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            self.0.read_exact(&mut payload).await.unwrap();
            Frame { kind, stream: u32::from_be_bytes([a, b, c, d]), payload }
        };
        timeout(PATIENCE, read).await.unwrap()
    }

    /// The next frame of this kind on `stream`.
    pub(crate) async fn next_of(&mut self, kind: u8, stream: u32) -> Frame {
        loop {
            let frame = self.next().await;
            if frame.kind == kind && frame.stream == stream {
                return frame;
            }
        }
    }
}
