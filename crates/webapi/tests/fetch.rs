//! `fetch` against a server of our own, over real sockets.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use taipan_webapi::body::BodyReader;
use taipan_webapi::fetch::{Body, Redirect, Request, Response, Settings, client, fetch};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

type Answer = http::Response<BoxBody<Bytes, Infallible>>;

fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
    let mut response = http::Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Full::new(body.into()).boxed()).unwrap()
}

/// What the server of these tests does for each path.
async fn serve(request: http::Request<Incoming>, gone: mpsc::UnboundedSender<()>) -> Answer {
    let path = request.uri().path().to_owned();
    if let Some(target) = path.strip_prefix("/to/") {
        let (status, location) = target.split_once('/').unwrap();
        return answer(status.parse().unwrap(), &[("location", location)], "moved");
    }
    match path.as_str() {
        "/echo" => {
            let told: Vec<String> =
                ["content-type", "content-length", "authorization", "user-agent", "x-test"]
                    .iter()
                    .filter_map(|name| {
                        Some(format!("{name}={}", request.headers().get(*name)?.to_str().ok()?))
                    })
                    .collect();
            let told = format!("{} {}", request.method(), told.join(" "));
            let body =
                request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            answer(
                200,
                &[("set-cookie", "a=1"), ("set-cookie", "b=2")],
                format!("{told} {}", String::from_utf8_lossy(&body)),
            )
        }
        "/gzip" => {
            // "hello" by gzip -n.
            let bytes: &[u8] =
                b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xcbH\xcd\xc9\xc9\x07\0\x86\xa6\x106\x05\0\0\0";
            answer(200, &[("content-encoding", "gzip")], bytes)
        }
        "/204" => answer(204, &[], ""),
        "/endless" => {
            let guard = Guard(gone);
            let chunks = stream::unfold(guard, |guard| async move {
                tokio::time::sleep(Duration::from_millis(5)).await;
                Some((Ok(Frame::data(Bytes::from_static(b"more"))), guard))
            });
            http::Response::new(BodyExt::boxed(StreamBody::new(chunks)))
        }
        "/never" => {
            let _guard = Guard(gone);
            std::future::pending().await
        }
        _ => answer(404, &[], "nothing"),
    }
}

/// Tells of its own end.
struct Guard(mpsc::UnboundedSender<()>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.send(()).ok();
    }
}

async fn start() -> (String, mpsc::UnboundedReceiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (gone, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let gone = gone.clone();
            tokio::spawn(async move {
                let service = service_fn(|request| {
                    let gone = gone.clone();
                    async move { Ok::<_, Infallible>(serve(request, gone).await) }
                });
                Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(socket), service)
                    .await
                    .ok();
            });
        }
    });
    (format!("http://{address}"), told)
}

fn get(url: String) -> Request {
    Request {
        method: "GET".to_owned(),
        url,
        headers: String::new(),
        body: Body::Empty,
        redirect: Redirect::Follow,
    }
}

async fn text(mut response: Response) -> String {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.body.as_mut().unwrap().chunk().await.unwrap() {
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes).unwrap()
}

/// What a request to the test server comes to, in one line; `{base}` stands for its address.
async fn outcome(request: Request, base: &str) -> String {
    let client = client(&Settings::default()).unwrap();
    let line = match fetch(&client, request).await {
        Ok(response) => {
            let head =
                format!("{} {} {}", response.status.as_u16(), response.status_text, response.url);
            let redirected = if response.redirected { " redirected" } else { "" };
            format!("{head}{redirected}: {}", text(response).await)
        }
        Err(error) => error.completion(),
    };
    line.replace(base, "{base}")
}

async fn check(change: impl FnOnce(&mut Request, &str), expected: &str) {
    let (base, _told) = start().await;
    let mut request = get(format!("{base}/echo"));
    change(&mut request, &base);
    assert_eq!(outcome(request, &base).await, expected);
}

fn post(request: &mut Request, body: &'static str) {
    request.method = "POST".to_owned();
    request.headers = "content-type: text/plain\r\nx-test: 1\r\n".to_owned();
    request.body = Body::Bytes(body.into());
}

const AGENT: &str = concat!("user-agent=taipan/", env!("CARGO_PKG_VERSION"));

#[tokio::test]
async fn plain_get() {
    check(|_, _| (), &format!("200 OK {{base}}/echo: GET {AGENT} ")).await;
}

#[tokio::test]
async fn post_of_bytes() {
    let expected = format!(
        "200 OK {{base}}/echo: POST content-type=text/plain content-length=4 {AGENT} x-test=1 body"
    );
    check(|request, _| post(request, "body"), &expected).await;
}

#[tokio::test]
async fn post_of_nothing_says_so() {
    check(
        |request, _| request.method = "POST".to_owned(),
        &format!("200 OK {{base}}/echo: POST content-length=0 {AGENT} "),
    )
    .await;
}

#[tokio::test]
async fn post_of_a_stream() {
    let pieces = |request: &mut Request, _: &str| {
        request.method = "PUT".to_owned();
        request.body = Body::Stream(BodyReader::new(
            stream::iter(["a", "b", "c"]).map(|piece| Ok(piece.into())),
        ));
    };
    check(pieces, &format!("200 OK {{base}}/echo: PUT {AGENT} abc")).await;
}

#[tokio::test]
async fn redirects() {
    let get = format!("200 OK {{base}}/echo redirected: GET {AGENT} x-test=1");
    let same = format!(
        "200 OK {{base}}/echo redirected: POST content-type=text/plain content-length=4 {AGENT} x-test=1 body"
    );
    for (status, expected) in [
        (301, format!("{get} ")),
        (302, format!("{get} ")),
        (303, format!("{get} ")),
        (307, same.clone()),
        (308, same),
    ] {
        let to = |request: &mut Request, base: &str| {
            post(request, "body");
            request.url = format!("{base}/to/{status}//echo");
        };
        check(to, &expected).await;
    }
}

#[tokio::test]
async fn redirects_are_not_always_followed() {
    let to = |request: &mut Request, base: &str| request.url = format!("{base}/to/302//echo");
    check(
        |request, base| {
            to(request, base);
            request.redirect = Redirect::Manual;
        },
        "302 Found {base}/to/302//echo: moved",
    )
    .await;
    check(
        |request, base| {
            to(request, base);
            request.redirect = Redirect::Error;
        },
        "TypeError: cannot follow the redirect from {base}/to/302//echo: redirects are errors for this request",
    )
    .await;
    check(
        |request, base| request.url = format!("{base}/to/302/ftp://a"),
        "TypeError: cannot follow the redirect from {base}/to/302/ftp://a: its scheme is neither http nor https",
    )
    .await;
    check(
        |request, base| request.url = format!("{base}/to/302//to/302/"),
        "TypeError: cannot follow the redirect from {base}/to/302/: there were too many already",
    )
    .await;
    check(
        |request, base| {
            to(request, base);
            request.url = format!("{base}/to/307//echo");
            request.method = "POST".to_owned();
            request.body = Body::Stream(BodyReader::new(stream::iter([Ok("body".into())])));
        },
        "TypeError: cannot follow the redirect from {base}/to/307//echo: a streamed body cannot be sent again",
    )
    .await;
}

#[tokio::test]
async fn secrets_stay_with_their_origin() {
    let (other, _told) = start().await;
    let to = |request: &mut Request, base: &str| {
        request.headers = "authorization: secret\r\n".to_owned();
        request.url = format!("{base}/to/302/{other}/echo");
    };
    check(to, &format!("200 OK {other}/echo redirected: GET {AGENT} ")).await;
    let same = format!("200 OK {{base}}/echo redirected: GET authorization=secret {AGENT} ");
    let to = |request: &mut Request, base: &str| {
        request.headers = "authorization: secret\r\n".to_owned();
        request.url = format!("{base}/to/302//echo");
    };
    check(to, &same).await;
}

#[tokio::test]
async fn what_is_no_request() {
    check(|request, _| request.method = "A B".to_owned(), "TypeError: \"A B\" is not a method")
        .await;
    check(|request, _| request.headers = "a".to_owned(), "TypeError: header list has a line \"a\"")
        .await;
    check(
        |request, _| request.url = "file:///etc/passwd".to_owned(),
        "TypeError: \"file:///etc/passwd\" cannot be fetched: its scheme is neither http nor https",
    )
    .await;
}

#[tokio::test]
async fn nobody_there() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let found = outcome(get(format!("{base}/")), &base).await;
    assert_eq!(
        found,
        "TypeError: cannot fetch {base}/: error sending request: client error (Connect): tcp connect error: \
         Connection refused (os error 111)"
    );
}

#[tokio::test]
async fn decoded() {
    let (base, _told) = start().await;
    let client = client(&Settings::default()).unwrap();
    let response = fetch(&client, get(format!("{base}/gzip"))).await.unwrap();
    assert!(!response.headers.contains_key("content-encoding"), "{:?}", response.headers);
    assert_eq!(text(response).await, "hello");
}

#[tokio::test]
async fn cookies_are_told_apart() {
    let (base, _told) = start().await;
    let client = client(&Settings::default()).unwrap();
    let response = fetch(&client, get(format!("{base}/echo"))).await.unwrap();
    let json = response.to_json(Some(7));
    assert!(json.contains(r"set-cookie: a=1\r\nset-cookie: b=2\r\n"), "{json}");
    assert!(json.contains(r#""body":7"#), "{json}");
}

#[tokio::test]
async fn responses_without_a_body() {
    let (base, _told) = start().await;
    let client = client(&Settings::default()).unwrap();
    let head = Request { method: "HEAD".to_owned(), ..get(format!("{base}/echo")) };
    for request in [head, get(format!("{base}/204"))] {
        let mut response = fetch(&client, request).await.unwrap();
        assert!(response.take_body().is_none());
        assert!(response.to_json(None).contains(r#""body":-1"#));
    }
}

/// The server learns that the client is gone.
async fn server_is_told(mut told: mpsc::UnboundedReceiver<()>) {
    tokio::time::timeout(Duration::from_secs(5), told.recv()).await.unwrap().unwrap();
}

#[tokio::test]
async fn dropping_the_body_ends_the_fetch() {
    let (base, told) = start().await;
    let client = client(&Settings::default()).unwrap();
    let mut response = fetch(&client, get(format!("{base}/endless"))).await.unwrap();
    assert!(response.body.as_mut().unwrap().chunk().await.unwrap().is_some());
    drop(response);
    server_is_told(told).await;
}

#[tokio::test]
async fn dropping_the_future_ends_the_fetch() {
    let (base, told) = start().await;
    let client = client(&Settings::default()).unwrap();
    let pending = fetch(&client, get(format!("{base}/never")));
    tokio::time::timeout(Duration::from_millis(200), pending).await.unwrap_err();
    server_is_told(told).await;
}

#[test]
fn proxies() {
    let make = |proxy: &str| {
        client(&Settings { http_proxy: Some(proxy.to_owned()), ..Settings::default() })
    };
    assert!(make("http://127.0.0.1:3128").is_ok());
    assert_eq!(
        make("http://[").unwrap_err().to_string(),
        "\"http://[\" is not the address of a proxy"
    );
}

#[tokio::test]
async fn a_proxy_is_asked() {
    let (base, _told) = start().await;
    let settings = Settings { http_proxy: Some(base), ..Settings::default() };
    let response =
        fetch(&client(&settings).unwrap(), get("http://example.invalid/echo".to_owned()))
            .await
            .unwrap();
    assert_eq!(text(response).await, format!("GET {AGENT} "));
}

/// Bytes of a body: more than the systems of both ends hold.
const LARGE: usize = 20 << 20;

/// Bytes of the pieces in which it is sent.
const PIECE: usize = 64 << 10;

/// Has a request given up whose server reads none of its body, and has sent `answer`: the connection is closed then,
/// with what is on its way.
async fn given_up(body: Body, answer: &str) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let request = Request { method: "POST".to_owned(), body, ..get(url) };
    let client = client(&Settings::default()).unwrap();
    let fetching = tokio::spawn(async move {
        let _response = fetch(&client, request).await;
        std::future::pending::<()>().await;
    });
    let (mut socket, _) = listener.accept().await.unwrap();
    socket.write_all(answer.as_bytes()).await.unwrap();
    // That it does not end by itself can only be seen by waiting.
    tokio::time::sleep(Duration::from_millis(200)).await;
    fetching.abort();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut bytes = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(10), socket.read_to_end(&mut bytes)).await;
    // A reset is an end as well.
    end.unwrap().ok();
    assert!(bytes.len() < LARGE, "{} bytes", bytes.len());
}

#[tokio::test]
async fn a_body_that_is_not_read_is_given_up_with_its_request() {
    let whole = || Body::Bytes(vec![b'x'; LARGE].into());
    let streamed = || {
        let chunk = Bytes::from(vec![b'x'; 1 << 20]);
        Body::Stream(BodyReader::new(stream::iter(vec![chunk; LARGE >> 20]).map(Ok)))
    };
    for answer in ["", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"] {
        given_up(whole(), answer).await;
        given_up(streamed(), answer).await;
    }
}

#[tokio::test]
async fn a_large_body_leaves_its_connection_to_the_next() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/echo", listener.local_addr().unwrap());
    let client = client(&Settings::default()).unwrap();
    let (gone, _told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        // There is no second connection.
        let (socket, _) = listener.accept().await.unwrap();
        let service = service_fn(|request| {
            let gone = gone.clone();
            async move { Ok::<_, Infallible>(serve(request, gone).await) }
        });
        let connection = Builder::new(TokioExecutor::new());
        connection.serve_connection(TokioIo::new(socket), service).await.ok();
    });
    for length in [PIECE, PIECE + 1, 10 * PIECE, LARGE] {
        let body = Body::Bytes(vec![b'x'; length].into());
        let request = Request { method: "POST".to_owned(), body, ..get(url.clone()) };
        let fetched = tokio::time::timeout(Duration::from_secs(10), fetch(&client, request)).await;
        let text = text(fetched.unwrap().unwrap()).await;
        let expect = format!("POST content-length={length} user-agent=");
        assert!(text.starts_with(&expect), "{}", &text[..100]);
        assert!(text.ends_with(&format!(" {}", "x".repeat(length))));
    }
}
