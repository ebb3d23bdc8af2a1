//! Clients that want more than the handler takes.

use taipan_server::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::fixture::{Note, PATIENCE, Server, limits, read_to_end, settings};
use crate::greedy::until_served;

const POST: &str = "POST /chunks HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n";

/// What a body of more than 1000 bytes is answered with.
const TOO_LARGE: &str =
    "the request's body is longer than 1000 bytes (`taipan.limits.request_body_mb`)\n";

#[tokio::test]
async fn one_request_too_many() {
    const REFUSED: &str = "HTTP/1.1 503 Service Unavailable\n\
        content-type: text/plain; charset=utf-8\n\
        retry-after: 1\n\
        content-length: 71\n\
        connection: close\n\
        \n\
        too many requests at a time: 2 are answered (`taipan.limits.requests`)\n";
    const ASK: &str = "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let mut server = Server::start_with(&settings(), Limits { requests_max: 2, ..limits() });
    let mut busy = Vec::new();
    for _ in 0..2 {
        let mut stream = server.connect().await;
        stream.write_all(ASK.replace("/ ", "/slow ").as_bytes()).await.unwrap();
        assert_eq!(server.note().await, Note::Asked);
        busy.push(stream);
    }
    // Requests that are refused take no places.
    for _ in 0..3 {
        assert_eq!(server.raw(ASK).await, REFUSED);
    }
    assert_eq!(
        server.log(2).await,
        [
            "/: Fault { status: 503, message: \"too many requests at a time: 2 are answered (`taipan.limits.requests`)\", detail: None, retry_after_seconds: Some(1) }",
            "GET / 503 Service Unavailable (0ms)",
        ]
    );
    // A client that leaves gives its place back, and so does an answer.
    drop(busy.pop());
    until_served(&server).await;
    server.release.cancel();
    assert!(read_to_end(&mut busy.remove(0)).await.ends_with("slow\n"));
    for _ in 0..3 {
        assert!(server.raw(ASK).await.ends_with("hello\n"));
    }
}

#[tokio::test]
async fn a_response_that_flows_keeps_its_place() {
    let mut server = Server::start_with(&settings(), Limits { requests_max: 1, ..limits() });
    let mut endless = server.connect().await;
    endless.write_all(b"GET /endless HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    assert!(matches!(server.note().await, Note::Sent(_)));
    let ask = "GET / HTTP/1.0\r\n\r\n";
    let mut bytes = vec![0; 1 << 20];
    for _ in 0..50 {
        timeout(PATIENCE, endless.read_exact(&mut bytes)).await.unwrap().unwrap();
        assert!(server.raw(ask).await.starts_with("HTTP/1.0 503 "));
    }
    drop(endless);
    until_served(&server).await;
}

#[tokio::test]
async fn an_announced_body_is_refused_before_it_comes() {
    let mut server = Server::start(&settings());
    let answer = server.raw(format!("{POST}content-length: 1001\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.ends_with(TOO_LARGE), "{answer}");
    // The handler never heard of it.
    assert!(server.notes.try_recv().is_err());
    let fits = format!("{POST}content-length: 1000\r\n\r\n{}", "x".repeat(1000));
    assert!(server.raw(fits).await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn a_body_of_chunks_is_cut_at_the_limit() {
    let server = Server::start(&settings());
    let post = POST.replace("/chunks", "/echo");
    let chunk = format!("258\r\n{}\r\n", "x".repeat(600));
    // Not even its end is waited for.
    let answer =
        server.raw(format!("{post}transfer-encoding: chunked\r\n\r\n{chunk}{chunk}")).await;
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.ends_with(TOO_LARGE), "{answer}");
}

#[tokio::test]
async fn an_endless_body_is_not_read_to_its_end() {
    let server = Server::start(&settings());
    for length in ["content-length: 1000000000", "transfer-encoding: chunked"] {
        let mut stream = server.connect().await;
        let head = format!("{}{length}\r\n\r\n", POST.replace("/chunks", "/echo"));
        stream.write_all(head.as_bytes()).await.unwrap();
        let taken = write_until_closed(&mut stream).await;
        // What the server reads on for, and the buffers of both sides.
        assert!(taken < 128 << 20, "{length}: {taken} bytes were taken");
    }
    assert!(server.raw("GET / HTTP/1.0\r\n\r\n").await.ends_with("hello\n"));
}

/// How many bytes the other end takes before it closes.
async fn write_until_closed(stream: &mut TcpStream) -> usize {
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let mut taken = 0;
    while timeout(PATIENCE, stream.write_all(chunk.as_bytes())).await.unwrap().is_ok() {
        taken += chunk.len();
    }
    taken
}
