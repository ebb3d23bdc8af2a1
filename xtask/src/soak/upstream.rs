//! The server that workers fetch from: every answer has 300 KB, more than waits in any buffer on the way.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

const BODY_BYTES: usize = 300_000;

/// Starts it; its URL.
pub(crate) fn start() -> anyhow::Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that leaves early is what the soak is about.
            thread::spawn(move || answer(stream).ok());
        }
    });
    Ok(format!("http://{address}/"))
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut part = [0; 1024];
    loop {
        let count = stream.read(&mut part)?;
        if count == 0 {
            return Ok(());
        }
        head.extend_from_slice(&part[..count]);
        if head.ends_with(b"\r\n\r\n") {
            head.clear();
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {BODY_BYTES}\r\n\r\n")?;
            stream.write_all(&[b'u'; BODY_BYTES])?;
        }
    }
}
