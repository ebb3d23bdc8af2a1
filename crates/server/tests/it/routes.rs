//! Two backends behind one server: each has its own requests, limits and places.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use taipan_server::{Hosts, Limits, Settings};
use tokio::io::AsyncWriteExt;
use tokio::time::sleep;

use crate::fixture::{Note, Server, limits, read_to_end, read_until, settings};

/// Two hosts; `a.test` takes less, and what is for no host of them.
fn start() -> Server {
    let less = Limits { body_bytes_max: 10, requests_max: 1, ..limits() };
    let more = Limits { body_bytes_max: 20, requests_max: 2, ..limits() };
    let settings = Settings { hosts: Hosts::Any, ..settings() };
    Server::start_hosts(&settings, &[("a.test", less), ("b.test", more)])
}

fn get(host: &str, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")
}

/// The status with which a POST of so many bytes is answered.
async fn posted(server: &Server, head: &str, bytes: usize) -> String {
    let body = "x".repeat(bytes);
    let answer = server
        .raw(format!("{head}connection: close\r\ncontent-length: {bytes}\r\n\r\n{body}"))
        .await;
    answer.split(' ').nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn bodies() {
    let server = start();
    for (head, bytes_max) in [
        ("POST /echo HTTP/1.1\r\nhost: a.test\r\n", 10),
        ("POST /echo HTTP/1.1\r\nhost: b.test\r\n", 20),
        ("POST /echo HTTP/1.1\r\nhost: B.Test:8787\r\n", 20),
        ("POST /echo HTTP/1.1\r\nhost: [::1]:8787\r\n", 10),
        // The target, not the header, says which host the request is for.
        ("POST http://b.test/echo HTTP/1.1\r\nhost: a.test\r\n", 20),
        ("POST http://a.test/echo HTTP/1.1\r\nhost: b.test\r\n", 10),
        // A request that names no host means the address.
        ("POST /echo HTTP/1.0\r\n", 10),
    ] {
        assert_eq!(posted(&server, head, bytes_max).await, "200", "{head}");
        assert_eq!(posted(&server, head, bytes_max + 1).await, "413", "{head}");
    }
    assert_eq!(posted(&server, "POST /echo HTTP/1.1\r\nhost: a b\r\n", 1).await, "400");
}

#[tokio::test]
async fn bodies_of_one_connection() {
    let server = start();
    let post = |host: &str, length: usize| {
        format!(
            "POST /echo HTTP/1.1\r\nhost: {host}\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n"
        )
    };
    let mut stream = server.connect().await;
    stream.write_all(format!("{}\r\n", post("b.test", 20)).as_bytes()).await.unwrap();
    // It is asked for its body, which fits its host.
    read_until(&mut stream, "HTTP/1.1 100 Continue\r\n\r\n").await;
    stream.write_all(&[b'x'; 20]).await.unwrap();
    read_until(&mut stream, &"x".repeat(20)).await;
    let too_long = format!("{}connection: close\r\n\r\n", post("a.test", 11));
    stream.write_all(too_long.as_bytes()).await.unwrap();
    let answer = read_to_end(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn chunks() {
    let server = start();
    for (host, status) in [("a.test", "413"), ("b.test", "200")] {
        let answer = server
            .raw(format!("POST /echo HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n"))
            .await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{host}: {answer}");
    }
}

#[tokio::test]
async fn places() {
    let mut server = start();
    let mut busy = Vec::new();
    for host in ["a.test", "b.test", "b.test"] {
        assert!(server.raw(get(host, "/")).await.ends_with("\nhello\n"), "{host}");
        let mut stream = server.connect().await;
        stream.write_all(get(host, "/slow").as_bytes()).await.unwrap();
        assert_eq!(server.note().await, Note::Asked);
        busy.push(stream);
    }
    for (host, places) in [("a.test", 1), ("b.test", 2)] {
        let refused = format!(
            "too many requests at a time: {places} are answered (`taipan.limits.requests`)\n"
        );
        assert!(server.raw(get(host, "/")).await.ends_with(&refused), "{host}");
    }
    server.release.cancel();
    for mut stream in busy {
        assert!(read_to_end(&mut stream).await.ends_with("slow\n"));
    }
    assert!(server.raw(get("a.test", "/")).await.ends_with("\nhello\n"));
}

#[tokio::test]
async fn names() {
    let mut server = start();
    assert!(server.raw(get("B.test:81", "/")).await.ends_with("\nhello\n"));
    assert!(server.raw(get("c.test", "/fault")).await.starts_with("HTTP/1.1 502 "));
    assert!(server.raw(get("a b", "/")).await.starts_with("HTTP/1.1 400 "));
    assert_eq!(
        server.log(5).await,
        [
            "[b.test] GET / 200 OK (0ms)",
            "[a.test] /fault: Fault { status: 502, message: \"public\", detail: Some(\"secret <1>\"), retry_after_seconds: None }",
            "[a.test] GET /fault 502 Bad Gateway (0ms)",
            "/: Fault { status: 400, message: \"the host is not a name\", detail: None, retry_after_seconds: None }",
            "GET / 400 Bad Request (0ms)",
        ]
    );
}

/// A client that does not read loses its place to another of its own host, not to one of another host.
#[tokio::test]
async fn places_of_slow_clients() {
    let mut server = start();
    let mut slow = server.connect().await;
    slow.write_all(get("a.test", "/endless").as_bytes()).await.unwrap();
    assert!(matches!(server.note().await, Note::Sent(_)));
    let mut busy = Vec::new();
    for _ in 0..2 {
        let mut stream = server.connect().await;
        stream.write_all(get("b.test", "/slow").as_bytes()).await.unwrap();
        while !matches!(server.note().await, Note::Asked) {}
        busy.push(stream);
    }
    // Longer than a client may let the server wait.
    sleep(Duration::from_millis(1500)).await;
    assert!(server.raw(get("b.test", "/")).await.starts_with("HTTP/1.1 503 "));
    assert!(server.raw(get("a.test", "/")).await.ends_with("\nhello\n"));
    while !matches!(server.note().await, Note::Gone) {}
    drop(slow);
}

/// What is crowded ends its own slow clients, and looks for them though no request comes.
#[tokio::test]
async fn memory() {
    let crowded = Limits { crowded: true, ..limits() };
    let settings = Settings { hosts: Hosts::Any, ..settings() };
    let mut server = Server::start_hosts(&settings, &[("a.test", limits()), ("b.test", crowded)]);
    let mut slow = Vec::new();
    for host in ["a.test", "b.test"] {
        let mut stream = server.connect().await;
        stream.write_all(get(host, "/endless").as_bytes()).await.unwrap();
        slow.push(stream);
    }
    while !matches!(server.note().await, Note::Gone) {}
    sleep(Duration::from_millis(1500)).await;
    while let Some(note) = server.try_note() {
        assert_ne!(note, Note::Gone);
    }
    drop(slow);
}

#[tokio::test]
async fn streams_of_one_connection() {
    let mut server = start();
    let stream = TokioIo::new(server.connect().await);
    let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let ask = |host: &str, path: &str| {
        let request = Request::get(format!("http://{host}{path}")).body(Empty::<Bytes>::new());
        let mut sender = sender.clone();
        async move { sender.send_request(request.unwrap()).await.unwrap() }
    };
    let busy = tokio::spawn(ask("a.test", "/slow"));
    assert_eq!(server.note().await, Note::Asked);
    assert_eq!(ask("A.test:81", "/").await.status(), 503);
    let described = ask("b.test:81", "/describe").await.into_body().collect().await.unwrap();
    assert_eq!(described.to_bytes(), "GET http://b.test:81/describe\nhost: b.test:81\n");
    server.release.cancel();
    assert_eq!(busy.await.unwrap().status(), 200);
}
