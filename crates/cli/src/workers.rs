//! Answers requests with a worker: turns the server's requests into the worker's, and its answers into the server's.

use std::sync::Arc;

use futures_util::stream;
use http::StatusCode;
use taipan_release::Release;
use taipan_runtime::Incoming;
use taipan_server::{Body, BodySender, Fault, Handler, Request, RequestBody, Response};
use taipan_store::{Entry, Step};
use taipan_webapi::{
    body::BodyReader,
    headers,
    requests::{Answer, AnswerBody},
};
use tokio::sync::watch;

use crate::{console, failure::Failure, options::Options, prepare::Prepared, progress::Display};

/// A worker that runs.
#[derive(Debug)]
pub(crate) struct Worker {
    worker: taipan_worker::Worker,
    /// What it runs on.
    pub(crate) release: &'static Release,
    clients: taipan_server::Limits,
}

impl Worker {
    /// Starts a worker: its top level has run when this returns.
    pub(crate) async fn start(options: &Options, prepared: Prepared) -> Result<Self, Failure> {
        let Prepared { settings, release, clients, warnings } = prepared;
        warnings.iter().for_each(console::warn);
        let display = Display::new(options.quiet);
        let shown = Box::new(move |step: Step<'_>| display.show(step));
        let worker = taipan_worker::Worker::start(settings, shown).await?;
        Ok(Self { worker, release, clients })
    }

    /// What it takes of clients at present.
    fn clients(&self) -> taipan_server::Limits {
        taipan_server::Limits { crowded: self.worker.is_crowded(), ..self.clients }
    }

    /// The entry of the cache with its snapshot.
    pub(crate) fn snapshot(&self) -> &Entry {
        self.worker.snapshot()
    }

    async fn fetch(&self, request: Request) -> Result<Response, Fault> {
        let Request { method, url, headers, body, peer: _, gone: _ } = request;
        let body = (body.length() != Some(0)).then(|| incoming(body));
        let request = Incoming {
            method: method.as_str().to_owned(),
            url,
            headers: headers::to_text(&headers),
        };
        let answer = self.worker.fetch(request, body).await;
        answer.map(outgoing).map_err(|fault| {
            // A fault without a traceback has its message for its author only.
            let detail = if fault.detail.is_empty() { fault.message } else { fault.detail };
            Fault::new(fault.kind.status(), fault.kind.message()).with_detail(detail)
        })
    }
}

/// The body of a request, as the worker reads it.
fn incoming(body: RequestBody) -> BodyReader {
    BodyReader::new(stream::unfold(Some(body), async |body| {
        let mut body = body?;
        match body.chunk().await {
            Ok(chunk) => Some((Ok(chunk?), Some(body))),
            Err(error) => {
                let message = error.to_string();
                Some((Err(taipan_webapi::Error::Aborted { message }), None))
            }
        }
    }))
}

/// The answer of a worker, as the server sends it.
fn outgoing(answer: Answer) -> Response {
    let Answer { status, status_text, headers, held: _held, body } = answer;
    let body = match body {
        AnswerBody::Empty => Body::Empty,
        AnswerBody::Bytes(bytes) => Body::Bytes(bytes),
        AnswerBody::Stream(reader) => {
            let (sender, body) = Body::stream();
            tokio::spawn(pass_on(reader, sender));
            body
        }
    };
    Response { status, reason: Some(status_text), headers, body }
}

/// What went wrong, of a text that may be a traceback.
fn last_line(text: &str) -> String {
    text.trim_end().lines().next_back().unwrap_or_default().to_owned()
}

/// Passes chunks on until the body ends or its reader is gone.
async fn pass_on(mut reader: BodyReader, sender: BodySender) {
    loop {
        let chunk = tokio::select! {
            chunk = reader.chunk() => chunk,
            () = sender.gone() => return,
        };
        match chunk {
            Ok(Some(chunk)) => {
                if sender.send(chunk).await.is_err() {
                    return;
                }
            }
            Ok(None) => return sender.finish().await,
            Err(error) => return sender.abandon(last_line(&error.to_string())).await,
        }
    }
}

/// What answers requests at present.
#[derive(Clone, Debug)]
pub(crate) enum State {
    /// Nothing yet: requests wait.
    Starting,
    /// This worker.
    Running(Arc<Worker>),
    /// The worker does not start; every request is told why.
    Broken(Fault),
}

/// Answers requests with the worker of the moment. A request that a worker has
/// begun stays with it, whatever comes after.
#[derive(Clone, Debug)]
pub(crate) struct Current(pub(crate) watch::Receiver<State>);

impl Handler for Current {
    fn limits(&self) -> taipan_server::Limits {
        match &*self.0.borrow() {
            State::Running(worker) => worker.clients(),
            State::Starting | State::Broken(_) => taipan_server::Limits::default(),
        }
    }

    async fn handle(&self, request: Request) -> Result<Response, Fault> {
        let mut states = self.0.clone();
        let state = states.wait_for(|state| !matches!(state, State::Starting)).await;
        let state = state.map(|state| state.clone());
        match state {
            Ok(State::Running(worker)) => worker.fetch(request).await,
            Ok(State::Broken(fault)) => Err(fault),
            Ok(State::Starting) | Err(_) => {
                Err(Fault::new(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping"))
            }
        }
    }
}
