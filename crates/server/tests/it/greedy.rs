//! Slow and greedy clients: they lose their places before anybody else waits for one.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper_util::rt::{TokioExecutor, TokioIo};
use taipan_server::Settings;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
    time::{sleep, timeout},
};

use crate::fixture::{Note, PATIENCE, Server, read_to_end, settings};

const HALF_HEAD: &str = "GET / HTTP/1.1\r\nhost: loc";
const HALF_BODY: &str = "POST /echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\nhalf";
const GOOD: &str = "GET / HTTP/1.0\r\n\r\n";

/// A connection on which this was sent.
async fn sent(server: &Server, text: &str) -> TcpStream {
    let mut stream = server.connect().await;
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn half_sent_heads_and_stalled_bodies() {
    let limits = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let more = rustix::process::Rlimit { current: limits.maximum, ..limits };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, more).unwrap();
    let server = Server::start(&settings());
    let mut slow = Vec::new();
    for text in [HALF_HEAD; 511].into_iter().chain([HALF_BODY; 512]) {
        slow.push(sent(&server, text).await);
    }
    // The time limits of the slow ones are 30 s and 5 min; `raw` waits for 20 s at most.
    for _ in 0..3 {
        assert!(server.raw(GOOD).await.ends_with("hello\n"));
    }
}

#[tokio::test]
async fn clients_that_do_not_read() {
    let mut server = Server::start(&Settings { connections_max: 2, ..settings() });
    let ask = "GET /endless HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let slow = [sent(&server, ask).await, sent(&server, ask).await];
    assert!(server.raw(GOOD).await.ends_with("hello\n"));
    while !matches!(server.note().await, Note::Gone) {}
    drop(slow);
}

#[tokio::test]
async fn a_greedy_network_leaves_places_to_others() {
    let mut server = Server::start(&Settings { connections_max: 8, ..settings() });
    let mut greedy = Vec::new();
    for _ in 0..20 {
        greedy.push(sent(&server, "GET /hang HTTP/1.0\r\n\r\n").await);
    }
    for _ in 0..7 {
        assert_eq!(server.note().await, Note::Asked);
    }
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = socket.connect(server.address).await.unwrap();
    other.write_all(GOOD.as_bytes()).await.unwrap();
    assert!(read_to_end(&mut other).await.ends_with("hello\n"));
    // Those that wait are served when there is room.
    assert!(server.notes.try_recv().is_err());
    drop(greedy.drain(..7));
    for _ in 0..7 {
        while !matches!(server.note().await, Note::Asked) {}
    }
}

#[tokio::test]
async fn a_body_that_trickles() {
    let time = Duration::from_millis(200);
    let server =
        Server::start(&Settings { head_read_timeout: time, body_read_timeout: time, ..settings() });
    let head = "POST /echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 900\r\n\r\n";
    let mut stream = sent(&server, head).await;
    let trickle = async {
        while stream.write_all(b"x").await.is_ok() {
            sleep(time / 10).await;
        }
    };
    timeout(PATIENCE, trickle).await.unwrap();
}

#[tokio::test]
async fn requests_that_are_reset_again_and_again() {
    let mut server = Server::start(&settings());
    let stream = TokioIo::new(server.connect().await);
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    let connection = tokio::spawn(connection);
    for _ in 0..100 {
        if connection.is_finished() {
            assert!(server.raw(GOOD).await.ends_with("hello\n"));
            return;
        }
        let asked = (0..100).map(|_| {
            let mut sender = sender.clone();
            let request = http::Request::get("http://localhost/hang").body(Empty::<Bytes>::new());
            tokio::spawn(async move { sender.send_request(request.unwrap()).await })
        });
        let asked: Vec<_> = asked.collect();
        // All at the same time; when the connection has ended, none comes.
        timeout(Duration::from_millis(500), async {
            for _ in 0..100 {
                while !matches!(server.note().await, Note::Asked) {}
            }
        })
        .await
        .ok();
        asked.iter().for_each(tokio::task::JoinHandle::abort);
    }
    panic!("10,000 requests were begun and reset");
}
