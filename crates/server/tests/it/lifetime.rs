//! Starting and stopping.

use std::time::Duration;

use taipan_server::{Drained, Listener, Settings};
use tokio::io::AsyncWriteExt;

use crate::fixture::{Note, Server, read_to_end, read_until, settings};

#[tokio::test]
async fn port_in_use() {
    let first = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let error = Listener::bind(first.address()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("port {} of 127.0.0.1 is in use", first.address().port())
    );
    assert!(error.hint().unwrap().contains("--port"));
}

#[tokio::test]
async fn address_of_another_machine() {
    let error = Listener::bind("203.0.113.1:80".parse().unwrap()).unwrap_err();
    assert!(matches!(error.to_string().as_str(), "cannot listen on 203.0.113.1:80"), "{error}");
}

#[tokio::test]
async fn requests_in_flight_are_answered() {
    let mut server = Server::start(&settings());
    let silent = server.connect().await;
    let mut idle = server.connect().await;
    idle.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    read_until(&mut idle, "hello").await;
    let mut busy = server.connect().await;
    busy.write_all(b"GET /slow HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    assert_eq!(server.note().await, Note::Asked);
    server.stop();
    assert_eq!(server.log(2).await, ["GET / 200 OK (0ms)", "draining"]);
    assert_eq!(read_to_end(&mut idle).await, "");
    server.release.cancel();
    assert_eq!(
        read_to_end(&mut busy).await,
        "HTTP/1.1 200 OK\ncontent-length: 4\nconnection: close\n\nslow\n"
    );
    assert_eq!(server.stopped().await, Drained::All);
    drop(silent);
}

#[tokio::test]
async fn a_request_that_never_ends_is_cut() {
    let short = Settings { drain_timeout: Duration::from_millis(50), ..settings() };
    let mut server = Server::start(&short);
    let mut hanging = server.connect().await;
    hanging.write_all(b"GET /hang HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    assert_eq!(server.note().await, Note::Asked);
    server.stop();
    assert_eq!(read_to_end(&mut hanging).await, "");
    assert_eq!(server.note().await, Note::Dropped);
    assert_eq!(server.stopped().await, Drained::Cut { connections: 1 });
}

#[tokio::test]
async fn nobody_is_taken_after_the_stop() {
    let server = Server::start(&settings());
    let address = server.address;
    assert_eq!(server.stopped().await, Drained::All);
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
