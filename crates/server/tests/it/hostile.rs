//! Clients that break the rules: they are told so, and other clients do not notice.

use std::time::Duration;

use taipan_server::Settings;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::fixture::{Note, Server, read_to_end, settings};

/// How long these servers wait for silent clients.
const SHORT: Duration = Duration::from_millis(300);

/// Compares the first line of the answer to `bytes`, then asks for a good one.
async fn check(bytes: impl AsRef<[u8]>, expect: &str) {
    let server = Server::start(&Settings {
        head_read_timeout: SHORT,
        body_read_timeout: SHORT,
        ..settings()
    });
    let answer = server.raw(bytes).await;
    assert_eq!(answer.lines().next().unwrap_or("nothing"), expect);
    assert!(server.raw("GET / HTTP/1.0\r\n\r\n").await.ends_with("hello\n"));
}

#[tokio::test]
async fn not_http() {
    check("\0\0\0\0", "HTTP/1.1 400 Bad Request").await;
    check(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", "HTTP/1.1 400 Bad Request").await;
    check("hello\r\n\r\n", "HTTP/1.1 400 Bad Request").await;
    check("GET / HTTP/9.9\r\n\r\n", "HTTP/1.1 400 Bad Request").await;
}

#[tokio::test]
async fn http2_that_breaks_off() {
    let server = Server::start(&settings());
    // The server says its settings, whatever comes, and closes.
    let answer = server.raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnot a frame at all, but long").await;
    assert!(answer.starts_with('\0'), "{answer:?}");
    assert!(server.raw("GET / HTTP/1.0\r\n\r\n").await.ends_with("hello\n"));
}

#[tokio::test]
async fn bad_heads() {
    let bad = "HTTP/1.1 400 Bad Request";
    check("GET / HTTP/1.1\r\n\r\n", bad).await;
    check("GET / HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\nconnection: close\r\n\r\n", bad)
        .await;
    check("GET / HTTP/1.1\r\nhost: localhost\r\n broken: x\r\n\r\n", bad).await;
    check("GET / HTTP/1.1\r\nhost: localhost\r\nna me: x\r\n\r\n", bad).await;
    check("GET a b c HTTP/1.1\r\nhost: localhost\r\n\r\n", bad).await;
    check(
        "GET / HTTP/1.1\r\nhost: evil.test\r\nconnection: close\r\n\r\n",
        "HTTP/1.1 421 Misdirected Request",
    )
    .await;
    check(
        "TRACE / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
        "HTTP/1.1 501 Not Implemented",
    )
    .await;
    check(
        "CONNECT localhost:1 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
        "HTTP/1.1 501 Not Implemented",
    )
    .await;
}

#[tokio::test]
async fn smuggling() {
    let post = "POST /echo HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n";
    let bad = "HTTP/1.1 400 Bad Request";
    check(format!("{post}content-length: 1\r\ncontent-length: 2\r\n\r\nab"), bad).await;
    check(format!("{post}content-length: +1\r\n\r\na"), bad).await;
    check(format!("{post}content-length: 99999999999999999999999\r\n\r\na"), bad).await;
    check(format!("{post}transfer-encoding: gzip\r\n\r\na"), bad).await;
    check(format!("{post}transfer-encoding: chunked, gzip\r\n\r\na"), bad).await;
    let unknown = "HTTP/1.1 501 Not Implemented";
    check(format!("{post}transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), unknown).await;
    let two_lines = "transfer-encoding: gzip\r\ntransfer-encoding: chunked";
    check(format!("{post}{two_lines}\r\n\r\n0\r\n\r\n"), unknown).await;
    check(format!("{post}transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n"), bad).await;
}

#[tokio::test]
async fn too_much_head() {
    let large = "HTTP/1.1 431 Request Header Fields Too Large";
    let line = format!("x: {}\r\n", "y".repeat(1000));
    check(format!("GET / HTTP/1.1\r\n{}\r\n", line.repeat(70)), large).await;
    check(format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(129)), large).await;
    let endless = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(70_000));
    check(endless, large).await;
}

#[tokio::test]
async fn bad_chunks() {
    let post = "POST /echo HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
    check(format!("{post}zz\r\n"), "HTTP/1.1 400 Bad Request").await;
    check(format!("{post}ffffffffffffffffff\r\n"), "HTTP/1.1 400 Bad Request").await;
}

#[tokio::test]
async fn silence() {
    check("", "nothing").await;
    check("P", "nothing").await;
    check("PRI * HTTP/2.0\r\n\r\nSM", "nothing").await;
    check("GET / HTTP/1.1\r\nhost: loc", "nothing").await;
    let post = "POST /echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\nhalf";
    check(post, "HTTP/1.1 408 Request Timeout").await;
    // Idle after a good request: the connection is closed, without a word.
    check("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n", "HTTP/1.1 200 OK").await;
}

#[tokio::test]
async fn more_connections_than_places() {
    let mut server = Server::start(&Settings { connections_max: 2, ..settings() });
    let mut busy = Vec::new();
    for _ in 0..2 {
        let mut stream = server.connect().await;
        stream.write_all(b"GET /hang HTTP/1.0\r\n\r\n").await.unwrap();
        assert_eq!(server.note().await, Note::Asked);
        busy.push(stream);
    }
    let mut third = server.connect().await;
    third.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    // That nothing comes can only be seen by waiting.
    assert!(timeout(Duration::from_millis(200), third.readable()).await.is_err());
    drop(busy);
    assert!(read_to_end(&mut third).await.ends_with("hello\n"));
}
