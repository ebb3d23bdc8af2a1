//! HTTP/1.1 and 1.0, byte for byte.

use tokio::io::AsyncWriteExt;

use crate::fixture::{Note, Server, limits, read_to_end, settings};

/// Compares all that comes back for a request, up to the end of the connection.
async fn check(request: &str, expect: &str) {
    let server = Server::start(&settings());
    let request = request.replace('\n', "\r\n");
    assert_eq!(server.raw(&request).await, expect, "for {request}");
}

#[tokio::test]
async fn keep_alive_then_close() {
    check(
        "GET / HTTP/1.1\nhost: localhost\n\nGET / HTTP/1.1\nhost: localhost\nconnection: close\n\n",
        "HTTP/1.1 200 OK\ncontent-length: 5\n\nhelloHTTP/1.1 200 OK\ncontent-length: 5\nconnection: close\n\nhello\n",
    )
    .await;
}

#[tokio::test]
async fn old_client() {
    check("GET / HTTP/1.0\n\n", "HTTP/1.0 200 OK\ncontent-length: 5\n\nhello\n").await;
    // HTTP/1.0 has no chunks: the end of the connection is the end of the body.
    check("GET /stream HTTP/1.0\n\n", "HTTP/1.0 200 OK\n\nhello\n").await;
}

#[tokio::test]
async fn what_the_handler_sees() {
    check(
        "POST http://127.0.0.1:99/describe HTTP/1.1\nhost: localhost\nb: 1\na: 2\nB: 3\ncontent-length: 0\nconnection: close\n\n",
        "HTTP/1.1 200 OK\ncontent-length: 104\nconnection: close\n\nPOST http://127.0.0.1:99/describe\nhost: 127.0.0.1:99\nb: 1\nb: 3\na: 2\ncontent-length: 0\nconnection: close\n",
    )
    .await;
}

#[tokio::test]
async fn headers_of_the_handler() {
    check(
        "GET /cookies HTTP/1.1\nhost: localhost\nconnection: close\n\n",
        "HTTP/1.1 200 OK\nset-cookie: a=1\nset-cookie: b=2\nconnection: close\ncontent-length: 0\n\n",
    )
    .await;
}

#[tokio::test]
async fn lengths() {
    let get = |path: &str| format!("GET {path} HTTP/1.1\nhost: localhost\nconnection: close\n\n");
    let chunked =
        "HTTP/1.1 200 OK\nconnection: close\ntransfer-encoding: chunked\n\n2\nhe\n3\nllo\n0\n\n";
    check(&get("/stream"), chunked).await;
    check(&get("/stream-odd"), chunked).await;
    check(&get("/stream-5"), "HTTP/1.1 200 OK\ncontent-length: 5\nconnection: close\n\nhello\n")
        .await;
    // Broken off: what was sent before arrives, and the last chunk, which is the end, does not.
    check(
        &get("/broken"),
        "HTTP/1.1 200 OK\nconnection: close\ntransfer-encoding: chunked\n\n2\nhe\n3\nllo\n",
    )
    .await;
}

#[tokio::test]
async fn without_a_body() {
    let ask = |method: &str, path: &str| {
        format!("{method} {path} HTTP/1.1\nhost: localhost\nconnection: close\n\n")
    };
    let head = "HTTP/1.1 200 OK\ncontent-length: 5\nconnection: close\n\n";
    check(&ask("HEAD", "/"), head).await;
    check(&ask("HEAD", "/stream-5"), head).await;
    check(&ask("GET", "/wrong-length"), &format!("{head}hello\n")).await;
    check(&ask("HEAD", "/wrong-length"), head).await;
    check(&ask("HEAD", "/stream"), "HTTP/1.1 200 OK\nconnection: close\n\n").await;
    check(&ask("GET", "/204"), "HTTP/1.1 204 No Content\nconnection: close\n\n").await;
    check(&ask("GET", "/304"), "HTTP/1.1 304 Not Modified\nconnection: close\n\n").await;
}

#[tokio::test]
async fn what_stands_after_the_status() {
    let mut server = Server::start(&settings());
    let head = server.raw_bytes("GET /reason HTTP/1.0\r\n\r\n").await;
    assert!(head.starts_with(b"HTTP/1.0 200 Fine, caf\xe9\r\n"), "{}", head.escape_ascii());
    let head = server.raw_bytes("GET /299 HTTP/1.0\r\n\r\n").await;
    assert!(head.starts_with(b"HTTP/1.0 299 \r\n"), "{}", head.escape_ascii());
    assert_eq!(server.log(2).await, ["GET /reason 200 OK (0ms)", "GET /299 299 (0ms)"]);
}

#[tokio::test]
async fn a_client_that_sends_nothing_more_gets_its_answer() {
    let mut server = Server::start(&settings());
    let ask = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let mut stream = server.connect().await;
    stream.write_all(ask("/").repeat(2).as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let hello = "HTTP/1.1 200 OK\ncontent-length: 5\n\nhello";
    assert_eq!(read_to_end(&mut stream).await, format!("{hello}{hello}\n"));
    for expect in [
        "HTTP/1.1 200 OK\ncontent-length: 4\n\nslow\n",
        "HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\n2\nhe\n3\nllo\n0\n\n",
    ] {
        let path = if expect.contains("slow") { "/slow" } else { "/stream" };
        let mut stream = server.connect().await;
        stream.write_all(ask(path).as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        if path == "/slow" {
            assert_eq!(server.note().await, Note::Asked);
            // By now the server has seen that nothing more comes.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            server.release.cancel();
        }
        assert_eq!(read_to_end(&mut stream).await, expect);
    }
}

#[tokio::test]
async fn expect_continue() {
    let ask = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\nhost: localhost\nexpect: 100-continue\ncontent-length: 2\nconnection: close\n\nhi"
        )
    };
    check(
        &ask("/echo"),
        "HTTP/1.1 100 Continue\n\nHTTP/1.1 200 OK\ncontent-length: 2\nconnection: close\n\nhi\n",
    )
    .await;
    // A handler that does not want the body does not ask for it.
    check(&ask("/"), "HTTP/1.1 200 OK\ncontent-length: 5\nconnection: close\n\nhello\n").await;
}

#[tokio::test]
async fn body_too_large() {
    let expect = |connection: &str| {
        format!(
            "HTTP/1.1 413 Payload Too Large\ncontent-type: text/plain; charset=utf-8\ncontent-length: 79\n{connection}\nthe request's body is longer than 1000 bytes (`taipan.limits.request_body_mb`)\n"
        )
    };
    let announced =
        "POST /echo HTTP/1.1\nhost: localhost\ncontent-length: 1001\nconnection: close\n\n";
    check(announced, &expect("connection: close\n")).await;
    let chunk = format!("258\n{}\n", "x".repeat(600));
    let chunked = format!(
        "POST /echo HTTP/1.1\nhost: localhost\ntransfer-encoding: chunked\nconnection: close\n\n{chunk}{chunk}0\n\n"
    );
    check(&chunked, &expect("connection: close\n")).await;
}

/// The head says that the connection closes, where it is known that the body is not read (RFC 9112, 9.6).
#[tokio::test]
async fn connections_of_bodies_that_are_not_read() {
    let limits = taipan_server::Limits { body_bytes_max: 1 << 30, ..limits() };
    let server = Server::start_with(&settings(), limits);
    let hello = |close: &str| format!("HTTP/1.1 200 OK\ncontent-length: 5\n{close}\nhello");
    let post = |length: usize| {
        format!("POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n")
    };
    let long = format!("{}{}", post(1 << 20), "x".repeat(1000));
    assert_eq!(server.raw(long).await, hello("connection: close\n") + "\n");
    let last = "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let short = format!("{}{}{last}", post(1000), "x".repeat(1000));
    assert_eq!(server.raw(short).await, hello("") + &hello("connection: close\n") + "\n");
    // One of chunks is read over; here no more of it comes, and that is known after the head was sent.
    let chunks = "POST / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n1\r\n";
    assert_eq!(server.raw(chunks).await, hello("") + "\n");
    // A body that is too large is not read either.
    let server = Server::start(&settings());
    let chunk = format!("258\r\n{}\r\n", "x".repeat(600));
    let chunks =
        format!("{}{chunk}{chunk}", chunks.replace("/ ", "/echo ").trim_end_matches("1\r\n"));
    for large in [post(1 << 20), chunks] {
        let answer = server.raw(large).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(answer.contains("\nconnection: close\n"), "{answer}");
    }
}

#[tokio::test]
async fn faults() {
    let ask = |path: &str, accept: &str| {
        format!("GET {path} HTTP/1.1\nhost: localhost\nconnection: close\n{accept}\n")
    };
    check(
        &ask("/fault", ""),
        "HTTP/1.1 502 Bad Gateway\ncontent-type: text/plain; charset=utf-8\ncontent-length: 19\nconnection: close\n\npublic\n\nsecret <1>\n",
    )
    .await;
    check(
        &ask("/continue", ""),
        "HTTP/1.1 500 Internal Server Error\ncontent-type: text/plain; charset=utf-8\ncontent-length: 73\nconnection: close\n\ninternal error\n\nnot a final status: the handler answered with status 100\n",
    )
    .await;
    let server = Server::start(&settings());
    let page = server.raw(ask("/panic", "accept: text/html\n").replace('\n', "\r\n")).await;
    let end = "<h1>500 Internal Server Error: internal error</h1>\n<pre>the handler panicked: on &lt;purpose&gt;</pre>\n";
    assert!(page.ends_with(end), "{page}");
    assert!(server.raw("GET / HTTP/1.0\r\n\r\n").await.ends_with("hello\n"));
}

#[tokio::test]
async fn details_are_hidden() {
    let hidden = taipan_server::Details::Hidden;
    let mut server = Server::start(&taipan_server::Settings { details: hidden, ..settings() });
    assert_eq!(
        server.raw("GET /fault HTTP/1.0\r\naccept: text/html\r\n\r\n").await,
        "HTTP/1.0 502 Bad Gateway\ncontent-type: text/plain; charset=utf-8\ncontent-length: 7\n\npublic\n"
    );
    assert_eq!(
        server.log(2).await,
        [
            r#"/fault: Fault { status: 502, message: "public", detail: Some("secret <1>"), retry_after_seconds: None }"#,
            "GET /fault 502 Bad Gateway (0ms)",
        ]
    );
}
