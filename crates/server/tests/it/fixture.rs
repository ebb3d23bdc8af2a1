//! A server with a handler that does what the path says, and raw clients.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use taipan_server::{
    Backend, Body, Details, Drained, Event, Fault, Handler, Hosts, Limits, Listener, Request,
    Response, Router, Settings, Summary, Target, serve,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes, so that a hanging test fails instead.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Bytes of `/large`: more than the systems of both ends hold.
pub(crate) const LARGE: usize = 32 << 20;

/// What the handler of these tests reports to them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Note {
    Asked,
    Chunk(usize),
    Sent(usize),
    Gone,
    Dropped,
}

#[derive(Clone)]
pub(crate) struct Tester {
    notes: mpsc::UnboundedSender<Note>,
    /// Lets `/slow` go on.
    release: CancellationToken,
    limits: Limits,
}

/// A backend for each host, with the host's name; the first is for all other hosts too.
struct ByHost(Vec<Backend<Tester>>);

impl Router for ByHost {
    type Handler = Tester;

    fn route(&self, target: &Target) -> &Backend<Tester> {
        self.0.iter().find(|backend| *backend.name == *target.host()).unwrap_or(&self.0[0])
    }

    fn backends(&self) -> impl Iterator<Item = &Backend<Tester>> {
        self.0.iter()
    }
}

/// Notes that the future it lives in was dropped before its end.
struct NoteDrop(mpsc::UnboundedSender<Note>);

impl Drop for NoteDrop {
    fn drop(&mut self) {
        self.0.send(Note::Dropped).ok();
    }
}

impl Handler for Tester {
    fn limits(&self) -> Limits {
        self.limits
    }

    async fn handle(&self, request: Request) -> Result<Response, Fault> {
        let url = request.url.clone();
        let path = url.split_once("//").and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..]));
        match path.unwrap_or("/") {
            "/echo" => {
                let body = request.body.bytes().await.map_err(|error| {
                    Fault::new(StatusCode::INTERNAL_SERVER_ERROR, "unread")
                        .with_detail(error.to_string())
                })?;
                Ok(Response::new(StatusCode::OK, Body::Bytes(body)))
            }
            "/describe" => {
                let mut text = format!("{} {url}\n", request.method);
                for (name, value) in &request.headers {
                    text += &format!("{name}: {}\n", value.to_str().unwrap());
                }
                Ok(text_response(text))
            }
            "/cookies" => {
                let mut response = text_response(String::new());
                for cookie in ["a=1", "b=2"] {
                    response.headers.append("set-cookie", HeaderValue::from_static(cookie));
                }
                response.headers.insert("connection", HeaderValue::from_static("close"));
                response.headers.insert("transfer-encoding", HeaderValue::from_static("gzip"));
                response.headers.insert("content-length", HeaderValue::from_static("99"));
                Ok(response)
            }
            "/large" => Ok(Response::new(StatusCode::OK, Body::Bytes(vec![b'x'; LARGE].into()))),
            "/events" => Ok(self.events()),
            "/chunks" => Ok(self.chunks(request)),
            "/endless" => Ok(self.endless(request)),
            "/hang" => {
                let _note = NoteDrop(self.notes.clone());
                self.notes.send(Note::Asked).ok();
                std::future::pending().await
            }
            "/slow" => {
                self.notes.send(Note::Asked).ok();
                self.release.cancelled().await;
                Ok(text_response("slow".to_owned()))
            }
            "/panic" => panic!("on <purpose>"),
            "/fault" => {
                Err(Fault::new(StatusCode::BAD_GATEWAY, "public").with_detail("secret <1>"))
            }
            "/continue" => Ok(Response::new(StatusCode::CONTINUE, Body::Empty)),
            "/reason" => {
                let reason = Some("Fine, caf\u{e9}".to_owned());
                Ok(Response { reason, ..text_response(String::new()) })
            }
            "/299" => Ok(Response::new(StatusCode::from_u16(299).unwrap(), Body::Empty)),
            "/wrong-length" => {
                let mut response = text_response("hello".to_owned());
                response.headers.insert("content-length", HeaderValue::from_static("99"));
                Ok(response)
            }
            "/204" => Ok(Response::new(StatusCode::NO_CONTENT, Body::Bytes("no".into()))),
            "/304" => Ok(Response::new(StatusCode::NOT_MODIFIED, Body::Bytes("no".into()))),
            "/stream" => Ok(streamed(None, true)),
            "/stream-5" => Ok(streamed(Some("5"), true)),
            "/stream-4" => Ok(streamed(Some("4"), true)),
            "/stream-6" => Ok(streamed(Some("6"), true)),
            "/stream-odd" => Ok(streamed(Some("5, 5"), true)),
            "/broken" => Ok(streamed(None, false)),
            _ => Ok(text_response("hello".to_owned())),
        }
    }
}

impl Tester {
    /// Sends each chunk back as it comes.
    fn chunks(&self, mut request: Request) -> Response {
        let (sender, body) = Body::stream();
        let notes = self.notes.clone();
        tokio::spawn(async move {
            while let Ok(Some(chunk)) = request.body.chunk().await {
                notes.send(Note::Chunk(chunk.len())).ok();
                if sender.send(chunk).await.is_err() {
                    break;
                }
            }
            sender.finish().await;
        });
        Response::new(StatusCode::OK, body)
    }

    /// One event, and another when the test says so.
    fn events(&self) -> Response {
        let (sender, body) = Body::stream();
        let release = self.release.clone();
        tokio::spawn(async move {
            sender.send("one".into()).await.ok();
            release.cancelled().await;
            sender.send("two".into()).await.ok();
            sender.finish().await;
        });
        Response::new(StatusCode::OK, body)
    }

    /// Sends until the body is no longer read.
    fn endless(&self, request: Request) -> Response {
        let (sender, body) = Body::stream();
        let notes = self.notes.clone();
        tokio::spawn(async move {
            let chunk = Bytes::from_static(&[b'x'; 1 << 16]);
            let mut sent = 0;
            while sender.send(chunk.clone()).await.is_ok() {
                sent += 1;
                notes.send(Note::Sent(sent)).ok();
            }
            request.gone.cancelled().await;
            notes.send(Note::Gone).ok();
        });
        Response::new(StatusCode::OK, body)
    }
}

fn text_response(text: String) -> Response {
    Response::new(StatusCode::OK, Body::Bytes(text.into()))
}

/// "hello" in two pieces.
fn streamed(length: Option<&'static str>, finish: bool) -> Response {
    let (sender, body) = Body::stream();
    tokio::spawn(async move {
        for piece in ["he", "llo"] {
            sender.send(piece.into()).await.ok();
        }
        if finish {
            sender.finish().await;
        } else {
            sender.abandon("the isolate died".to_owned()).await;
        }
    });
    let mut response = Response::new(StatusCode::OK, body);
    if let Some(length) = length {
        response.headers.insert("content-length", HeaderValue::from_static(length));
    }
    response
}

/// A running server.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) notes: mpsc::UnboundedReceiver<Note>,
    /// Lets `/slow` go on.
    pub(crate) release: CancellationToken,
    log: mpsc::UnboundedReceiver<String>,
    stop: CancellationToken,
    running: JoinHandle<Drained>,
}

/// The settings of most tests: short times.
pub(crate) fn settings() -> Settings {
    Settings {
        details: Details::Shown,
        hosts: Hosts::Local,
        drain_timeout: Duration::from_secs(5),
        ..Settings::default()
    }
}

/// The limits of most tests: small bodies.
pub(crate) fn limits() -> Limits {
    Limits { body_bytes_max: 1000, ..Limits::default() }
}

impl Server {
    pub(crate) fn start(settings: &Settings) -> Self {
        Self::start_with(settings, limits())
    }

    pub(crate) fn start_with(settings: &Settings, limits: Limits) -> Self {
        Self::start_hosts(settings, &[("localhost", limits)])
    }

    /// A server with a backend for each host; the first is for all others too. With more than one, lines of the log begin
    /// with the backend's name.
    pub(crate) fn start_hosts(settings: &Settings, hosts: &[(&'static str, Limits)]) -> Self {
        let (lines, log) = mpsc::unbounded_channel();
        let named = hosts.len() > 1;
        let observer = Arc::new(move |event: &Event<'_>| {
            let name = backend_of(event).filter(|_| named).map(|name| format!("[{name}] "));
            lines.send(name.unwrap_or_default() + &line_of(event)).ok();
        });
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.address();
        let (stop, release) = (CancellationToken::new(), CancellationToken::new());
        let (notes_sender, notes) = mpsc::unbounded_channel();
        let backends = hosts.iter().map(|&(host, limits)| {
            let (notes, release) = (notes_sender.clone(), release.clone());
            Backend::new(host, Tester { notes, release, limits })
        });
        let running = tokio::spawn(serve(
            listener,
            ByHost(backends.collect()),
            Settings { observer, ..settings.clone() },
            stop.clone().cancelled_owned(),
        ));
        Self { address, notes, release, log, stop, running }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// The next note of the handler.
    pub(crate) async fn note(&mut self) -> Note {
        timeout(PATIENCE, self.notes.recv()).await.unwrap().unwrap()
    }

    /// The next note, if there is one already.
    pub(crate) fn try_note(&mut self) -> Option<Note> {
        self.notes.try_recv().ok()
    }

    /// The next lines of the log, those of connections left out.
    pub(crate) async fn log(&mut self, count: usize) -> Vec<String> {
        let mut lines = Vec::new();
        while lines.len() < count {
            let line = timeout(PATIENCE, self.log.recv()).await.unwrap().unwrap();
            if !line.is_empty() {
                lines.push(line);
            }
        }
        lines
    }

    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    pub(crate) async fn stopped(self) -> Drained {
        self.stop.cancel();
        timeout(PATIENCE, self.running).await.unwrap().unwrap()
    }

    /// Everything that the server sends for `bytes` until it closes, as it is.
    pub(crate) async fn raw_bytes(&self, bytes: &str) -> Vec<u8> {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
        answer
    }

    /// Everything that the server sends for `bytes` until it closes.
    pub(crate) async fn raw(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        // A server that refuses the start of a long request may close early.
        stream.write_all(bytes.as_ref()).await.ok();
        read_to_end(&mut stream).await
    }
}

/// The name of the backend that an event is of.
fn backend_of<'a>(event: &'a Event<'_>) -> Option<&'a str> {
    match event {
        Event::Done(summary) => summary.backend.as_deref(),
        Event::Faulted { backend, .. } => *backend,
        _ => None,
    }
}

/// What a log says of an event, without times.
fn line_of(event: &Event<'_>) -> String {
    match event {
        Event::Done(summary) => {
            Summary { duration: Duration::ZERO, ..(*summary).clone() }.to_string()
        }
        Event::Faulted { path, fault, .. } => format!("{path}: {fault:?}"),
        Event::Draining { .. } => "draining".to_owned(),
        _ => String::new(),
    }
}

/// Reads until `end` has come.
pub(crate) async fn read_until(stream: &mut TcpStream, end: &str) {
    let mut seen = Vec::new();
    while !seen.ends_with(end.as_bytes()) {
        seen.push(timeout(PATIENCE, stream.read_u8()).await.unwrap().unwrap());
    }
}

/// All that comes until the other end closes; lines end in `\n`, the date is cut.
pub(crate) async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.unwrap().ok();
    let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
    text.lines()
        .filter(|line| !line.starts_with("date: "))
        .map(|line| format!("{line}\n"))
        .collect()
}
