//! Answers requests with a worker: turns the server's requests into the worker's, and its answers into the server's.

use futures_util::stream;
use taipan_runtime::Incoming;
use taipan_server::{Body, BodySender, Fault, Limits, Request, RequestBody, Response};
use taipan_webapi::body::BodyReader;
use taipan_webapi::headers;
use taipan_webapi::requests::{Answer, AnswerBody};
use taipan_worker::Worker;

use crate::trigger;

/// A worker that serves.
#[derive(Debug)]
pub struct Service {
    /// The worker.
    pub worker: Worker,
    /// What it runs on, for people.
    pub runs_on: String,
    /// What it takes of clients.
    pub clients: Limits,
    /// Whether requests can have it run as on its schedule (`trigger.rs`).
    pub has_triggers: bool,
}

impl Service {
    /// What it takes of clients at present.
    pub(crate) fn limits(&self) -> Limits {
        Limits { crowded: self.worker.is_crowded(), ..self.clients }
    }

    pub(crate) async fn fetch(&self, request: Request) -> Result<Response, Fault> {
        if let Some(trigger) = self.has_triggers.then(|| trigger::of(&request.url)).flatten() {
            return Ok(trigger.run(&self.worker).await);
        }
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

/// The line that says what went wrong, in a text that may be a traceback.
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
