//! Bodies that flow: both ways at once, no faster than they are read.

use std::time::Duration;

use taipan_server::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::fixture::{Note, PATIENCE, Server, limits, read_to_end, settings};

#[tokio::test]
async fn a_chunk_comes_back_before_the_next_is_sent() {
    let mut server = Server::start(&settings());
    let mut stream = server.connect().await;
    let head = "POST /chunks HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut seen = String::new();
    for piece in ["one", "three", "seven!!"] {
        let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
        stream.write_all(chunk.as_bytes()).await.unwrap();
        assert_eq!(server.note().await, Note::Chunk(piece.len()));
        while !seen.ends_with(&chunk) {
            let mut bytes = [0; 1024];
            let count = timeout(PATIENCE, stream.read(&mut bytes)).await.unwrap().unwrap();
            assert_ne!(count, 0);
            seen += std::str::from_utf8(&bytes[..count]).unwrap();
        }
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    assert_eq!(read_to_end(&mut stream).await, "0\n\n");
    assert_eq!(server.log(1).await, ["POST /chunks 200 OK (0ms)"]);
}

#[tokio::test]
async fn a_client_that_does_not_read_stops_the_handler() {
    let mut server = Server::start(&settings());
    let mut stream = server.connect().await;
    stream.write_all(b"GET /endless HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    // Until socket buffers are full the handler goes on; then it must stand still.
    let mut last = 0;
    while let Ok(note) = timeout(Duration::from_millis(300), server.notes.recv()).await {
        let Some(Note::Sent(count)) = note else { panic!("{note:?}") };
        last = count;
    }
    assert!(last < 1000, "{last} chunks of 64 KiB were taken from the handler");
    drop(stream);
    while let Note::Sent(_) = server.note().await {}
    assert_eq!(server.log(1).await, ["GET /endless 200 OK (0ms), the client went away"]);
}

#[tokio::test]
async fn a_handler_that_does_not_read_stops_the_client() {
    let limits = Limits { body_bytes_max: u64::MAX, ..limits() };
    let server = Server::start_with(&settings(), limits);
    let mut stream = server.connect().await;
    let head = "POST /hang HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = vec![b'x'; 1 << 16];
    let mut sent = 0;
    while timeout(Duration::from_millis(300), stream.write_all(&chunk)).await.is_ok() {
        sent += 1;
        assert!(sent < 1000, "the server takes what nobody reads");
    }
}

#[tokio::test]
async fn client_leaves_before_the_response() {
    let mut server = Server::start(&settings());
    let mut stream = server.connect().await;
    stream.write_all(b"GET /hang HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    assert_eq!(server.note().await, Note::Asked);
    drop(stream);
    assert_eq!(server.note().await, Note::Dropped);
    assert_eq!(server.log(1).await, ["GET /hang - (0ms), the client went away"]);
}

#[tokio::test]
async fn client_leaves_in_the_middle_of_its_body() {
    let server = Server::start(&settings());
    let head = "POST /echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\nhalf";
    let mut stream = server.connect().await;
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let answer = read_to_end(&mut stream).await;
    assert!(answer.is_empty() || answer.contains("the client did not finish its body"), "{answer}");
    assert_eq!(server.raw("GET / HTTP/1.0\r\n\r\n").await.lines().last(), Some("hello"));
}
