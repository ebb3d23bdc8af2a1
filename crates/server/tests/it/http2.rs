//! HTTP/2 with prior knowledge, on the same port.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::fixture::{Note, Server, settings};

async fn connect<B>(server: &Server) -> http2::SendRequest<B>
where
    B: http_body::Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let stream = TokioIo::new(server.connect().await);
    let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn request<B>(method: &str, path: &str, body: B) -> Request<B> {
    Request::builder().method(method).uri(format!("http://localhost{path}")).body(body).unwrap()
}

#[tokio::test]
async fn many_at_once_in_one_connection() {
    let server = Server::start(&settings());
    let sender = connect(&server).await;
    let asked = (0..50).map(|number| {
        let mut sender = sender.clone();
        tokio::spawn(async move {
            let body = Full::new(Bytes::from(format!("number {number}")));
            let response = sender.send_request(request("POST", "/echo", body)).await.unwrap();
            response.into_body().collect().await.unwrap().to_bytes()
        })
    });
    for (number, answer) in asked.collect::<Vec<_>>().into_iter().enumerate() {
        assert_eq!(answer.await.unwrap(), format!("number {number}"));
    }
}

#[tokio::test]
async fn url_and_bodyless() {
    let server = Server::start(&settings());
    let mut sender = connect(&server).await;
    let described = sender.send_request(request("GET", "/describe", Empty::<Bytes>::new())).await;
    let text = described.unwrap().into_body().collect().await.unwrap().to_bytes();
    assert_eq!(text, "GET http://localhost/describe\nhost: localhost\n");
    let mut other = request("GET", "/describe", Empty::new());
    other.headers_mut().insert("host", "evil.test".parse().unwrap());
    let described = sender.send_request(other).await;
    let text = described.unwrap().into_body().collect().await.unwrap().to_bytes();
    assert_eq!(text, "GET http://localhost/describe\nhost: localhost\n");
    for (method, path, length) in
        [("HEAD", "/", Some("5")), ("HEAD", "/stream", None), ("GET", "/204", None)]
    {
        let asked = sender.send_request(request(method, path, Empty::new())).await.unwrap();
        let found = asked.headers().get("content-length").map(|value| value.to_str().unwrap());
        assert_eq!(found, length, "{method} {path}");
        assert!(asked.into_body().collect().await.unwrap().to_bytes().is_empty());
    }
}

#[tokio::test]
async fn cookies_that_were_split() {
    let server = Server::start(&settings());
    let mut sender = connect(&server).await;
    let mut request = request("GET", "/describe", Empty::<Bytes>::new());
    for cookie in ["a=1", "b=2; c=3", "d=4"] {
        request.headers_mut().append("cookie", http::HeaderValue::from_static(cookie));
    }
    let described = sender.send_request(request).await;
    let text = described.unwrap().into_body().collect().await.unwrap().to_bytes();
    let expect = "GET http://localhost/describe\ncookie: a=1; b=2; c=3; d=4\nhost: localhost\n";
    assert_eq!(text, expect);
}

#[tokio::test]
async fn wrong_lengths_break_the_stream_only() {
    let mut server = Server::start(&settings());
    let mut sender = connect(&server).await;
    for path in ["/stream-4", "/stream-6", "/broken"] {
        let response = sender.send_request(request("GET", path, Empty::<Bytes>::new())).await;
        assert!(response.unwrap().into_body().collect().await.is_err(), "{path}");
    }
    let response = sender.send_request(request("GET", "/stream-5", Empty::new())).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello");
    assert_eq!(
        server.log(4).await,
        [
            "GET /stream-4 200 OK (0ms), the response has another length than its content-length of 4 bytes",
            "GET /stream-6 200 OK (0ms), the response has another length than its content-length of 6 bytes",
            "GET /broken 200 OK (0ms), the response broke off: the isolate died",
            "GET /stream-5 200 OK (0ms)",
        ]
    );
}

#[tokio::test]
async fn reset_of_one_stream() {
    let mut server = Server::start(&settings());
    let mut sender = connect(&server).await;
    let mut other = sender.clone();
    let hanging = tokio::spawn(async move {
        other.send_request(request("GET", "/hang", Empty::<Bytes>::new())).await
    });
    assert_eq!(server.note().await, Note::Asked);
    hanging.abort();
    assert_eq!(server.note().await, Note::Dropped);
    assert_eq!(server.log(1).await, ["GET /hang - (0ms), the client went away"]);
    let response = sender.send_request(request("GET", "/", Empty::new())).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello");
}
