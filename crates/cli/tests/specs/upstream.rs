//! The server that the worker of a case asks: its paths say what it does.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, Response, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::time::sleep;

/// Between the pieces of `/slow`.
const PAUSE: Duration = Duration::from_millis(50);

/// Requests for `/never` that were given up.
type Left = Arc<AtomicUsize>;

/// Counts when it is dropped.
struct CountDrop(Left);

impl Drop for CountDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Starts the server; it runs as long as the tests.
pub(crate) async fn start() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let left = Left::default();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let left = left.clone();
            let service = service_fn(move |request| answer(request, left.clone()));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

async fn answer(
    request: Request<Incoming>,
    left: Left,
) -> Result<Response<UnsyncBoxBody<Bytes, Infallible>>, Infallible> {
    let path = request.uri().path().to_owned();
    let (first, rest) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
    Ok(match first {
        "echo" => text(&echo(request).await),
        "redirect" => {
            let status = rest.split('/').next().unwrap().parse().unwrap_or(302u16);
            let target = rest.split_once('/').map_or("echo", |(_, target)| target);
            let builder = Response::builder().status(status);
            builder.header(header::LOCATION, format!("/{target}")).body(empty()).unwrap()
        }
        "loop" => {
            Response::builder().status(302).header("location", "/loop").body(empty()).unwrap()
        }
        "status" => {
            let status = rest.parse::<u16>().unwrap();
            Response::builder().status(status).body(full("the body")).unwrap()
        }
        "slow" => Response::new(slow()),
        "large" => text(&"y".repeat(rest.parse().unwrap())),
        "left" => text(&left.load(Ordering::SeqCst).to_string()),
        "json" => text(r#"{"a": [1, null]}"#),
        "never" => {
            let _count = CountDrop(left);
            std::future::pending().await
        }
        _ => text(&format!("upstream: {path}\n")),
    })
}

/// The method, the path, headers that start with x-, and the body.
async fn echo(request: Request<Incoming>) -> String {
    let mut text = format!("{} {}\n", request.method(), request.uri());
    for (name, value) in request.headers() {
        let name = name.as_str();
        if name.starts_with("x-") || name == "content-type" {
            text += &format!("{name}: {}\n", value.to_str().unwrap());
        }
    }
    let body = request.into_body().collect().await.unwrap().to_bytes();
    text + "\n" + &String::from_utf8_lossy(&body)
}

fn slow() -> UnsyncBoxBody<Bytes, Infallible> {
    let pieces = stream::iter(1..=5).then(async |number| {
        sleep(PAUSE).await;
        Ok(Frame::data(Bytes::from(format!("piece {number}\n"))))
    });
    StreamBody::new(pieces).boxed_unsync()
}

fn text(text: &str) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
    Response::builder().header("content-type", "text/plain").body(full(text)).unwrap()
}

fn full(text: &str) -> UnsyncBoxBody<Bytes, Infallible> {
    Full::new(Bytes::from(text.to_owned())).boxed_unsync()
}

fn empty() -> UnsyncBoxBody<Bytes, Infallible> {
    full("")
}
