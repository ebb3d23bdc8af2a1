//! Slow and greedy clients: they lose their places before another client waits for one.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper_util::rt::{TokioExecutor, TokioIo};
use taipan_server::{Limits, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use crate::fixture::{LARGE, Note, PATIENCE, Server, limits, read_to_end, read_until, settings};
use crate::frames::{DATA, Frames, HEADERS, INITIAL_WINDOW_SIZE, RST_STREAM};

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

/// Asks until the answer is a good one.
pub(crate) async fn until_served(server: &Server) {
    let served = async {
        while !server.raw(GOOD).await.ends_with("hello\n") {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, served).await.unwrap();
}

#[tokio::test]
async fn places_of_requests_that_nobody_reads() {
    let two = Limits { requests_max: 2, ..limits() };
    for path in ["/endless", "/large"] {
        let server = Server::start_with(&settings(), two);
        let ask = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        let mut slow = Vec::new();
        for _ in 0..2 {
            let mut stream = sent(&server, &ask).await;
            read_until(&mut stream, "\r\n\r\n").await;
            slow.push(stream);
        }
        // All of what they hold is on its way, but not there.
        assert!(server.raw(GOOD).await.starts_with("HTTP/1.0 503 "), "{path}");
        until_served(&server).await;
        drop(slow);
    }
}

#[tokio::test]
async fn memory_of_answers_that_nobody_reads() {
    let mut server = Server::start_with(&settings(), Limits { crowded: true, ..limits() });
    let slow = sent(&server, "GET /endless HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    let served = async {
        while !matches!(server.try_note(), Some(Note::Gone)) {
            assert!(server.raw(GOOD).await.ends_with("hello\n"));
        }
    };
    timeout(PATIENCE, served).await.unwrap();
    drop(slow);
}

#[tokio::test]
async fn places_of_bodies_that_do_not_come() {
    let server = Server::start_with(&settings(), Limits { requests_max: 2, ..limits() });
    let slow = [sent(&server, HALF_BODY).await, sent(&server, HALF_BODY).await];
    until_served(&server).await;
    drop(slow);
}

#[tokio::test]
async fn places_of_streams_that_nobody_reads() {
    let mut server = Server::start_with(&settings(), Limits { requests_max: 2, ..limits() });
    let mut slow = Frames::connect(&server, INITIAL_WINDOW_SIZE, 0).await;
    for stream in [1, 3] {
        slow.get(stream, "/endless").await;
        slow.next_of(HEADERS, stream).await;
    }
    until_served(&server).await;
    // One of the streams is ended, which its client hears; the connection goes on.
    while slow.next().await.kind != RST_STREAM {}
    while !matches!(server.note().await, Note::Gone) {}
    slow.get(5, "/204").await;
    slow.next_of(HEADERS, 5).await;
    let why = "GET /endless 200 OK (0ms), the client was too slow, its request was ended";
    while server.log(1).await != [why] {}
}

/// A response ends when its client takes nothing of it; one that has nothing to send does not.
#[tokio::test]
async fn responses_that_nobody_reads() {
    let time = Duration::from_millis(300);
    let mut server = Server::start(&Settings { send_timeout: time, ..settings() });
    let mut quiet = sent(&server, "GET /events HTTP/1.0\r\n\r\n").await;
    let mut frames = Frames::connect(&server, INITIAL_WINDOW_SIZE, 6).await;
    frames.get(1, "/events").await;
    frames.get(3, "/endless").await;
    let slow = sent(&server, "GET /endless HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    frames.next_of(RST_STREAM, 3).await;
    for _ in 0..2 {
        while !matches!(server.note().await, Note::Gone) {}
    }
    sleep(time * 3).await;
    server.release.cancel();
    assert!(read_to_end(&mut quiet).await.ends_with("\nonetwo\n"));
    while frames.next_of(DATA, 1).await.payload != b"two" {}
    drop(slow);
}

#[tokio::test]
async fn a_client_that_is_slow_and_reads() {
    let time = Duration::from_secs(2);
    let server = Server::start(&Settings { send_timeout: time, ..settings() });
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(1 << 16).unwrap();
    let mut stream = socket.connect(server.address).await.unwrap();
    stream.write_all(b"GET /large HTTP/1.0\r\n\r\n").await.unwrap();
    let mut bytes = vec![0; 1 << 14];
    for _ in 0..60 {
        timeout(PATIENCE, stream.read_exact(&mut bytes)).await.unwrap().unwrap();
        sleep(time / 20).await;
    }
    // All the rest comes, and fast.
    let mut rest = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert!(60 * bytes.len() + rest.len() > LARGE);
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
