//! Over HTTP/2, which `fetch` speaks with TLS only; `tests/fetch.rs` has HTTP/1.

use std::convert::Infallible;

use futures_util::stream;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::*;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection to a server that tells how many bytes it got, or never reads any.
async fn connect() -> SendRequest<Upload> {
    let (ours, its) = tokio::io::duplex(1 << 16);
    let service = service_fn(|request: hyper::Request<Incoming>| async move {
        if request.uri().path() == "/never" {
            std::future::pending::<()>().await;
        }
        let length = request.into_body().collect().await.map_or(0, |body| body.to_bytes().len());
        Ok::<_, Infallible>(hyper::Response::new(Full::new(Bytes::from(length.to_string()))))
    });
    let server = Builder::new(TokioExecutor::new());
    tokio::spawn(server.serve_connection(TokioIo::new(its), service));
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(ours)).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn request(path: &str, body: Upload) -> hyper::Request<Upload> {
    hyper::Request::post(format!("http://localhost{path}")).body(body).unwrap()
}

/// So many bytes in chunks of a MiB.
fn chunks(length: usize) -> Chunks {
    let whole = Bytes::from(vec![b'x'; length]);
    let parts: Vec<_> = whole.chunks(1 << 20).map(Bytes::copy_from_slice).map(Ok).collect();
    Box::pin(stream::iter(parts))
}

#[tokio::test]
async fn all_of_it_arrives() {
    let mut sender = connect().await;
    for length in [0, 1, PIECE_BYTES, PIECE_BYTES + 1, 20 << 20] {
        for known in [None, Some(length as u64)] {
            let (body, _uploading) = upload(chunks(length), known);
            let sent = timeout(PATIENCE, sender.send_request(request("/", body))).await;
            let told = sent.unwrap().unwrap().into_body().collect().await.unwrap().to_bytes();
            assert_eq!(told, length.to_string(), "{known:?}");
        }
    }
}

#[tokio::test]
async fn who_is_given_up_leaves_room_for_others() {
    let mut sender = connect().await;
    for _ in 0..20 {
        let (body, uploading) = upload(chunks(20 << 20), None);
        let mut other = sender.clone();
        let sent = tokio::spawn(async move { other.send_request(request("/never", body)).await });
        tokio::time::sleep(Duration::from_millis(10)).await;
        drop(uploading);
        sent.abort();
    }
    let (body, _uploading) = upload(chunks(5 << 20), None);
    let sent = timeout(PATIENCE, sender.send_request(request("/", body))).await;
    let told = sent.unwrap().unwrap().into_body().collect().await.unwrap().to_bytes();
    assert_eq!(told, (5 << 20).to_string());
}
