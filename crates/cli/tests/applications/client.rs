//! A server that runs, and the client that asks it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::runtime::Runtime;

use crate::case::Ask;

/// A server; killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: String,
    /// What it says after it listens.
    said: Arc<Mutex<String>>,
}

/// What a server answers.
#[derive(Debug)]
pub(crate) struct Answer {
    status: String,
    pub(crate) body: Bytes,
}

impl Answer {
    /// Status and body, in words.
    pub(crate) fn text(&self) -> String {
        format!("{} {}", self.status, String::from_utf8_lossy(&self.body))
    }
}

impl Server {
    /// Starts it, and waits until it listens.
    pub(crate) fn start(command: &mut Command) -> Result<Self, String> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut text = String::new();
        while !text.contains("listening on http://") {
            if errors.read_line(&mut text).unwrap() == 0 {
                child.wait().unwrap();
                return Err(format!("the server does not start:\n{text}"));
            }
        }
        let address = text.split("listening on http://").nth(1).unwrap().split(',').next().unwrap();
        let (address, said) = (address.to_owned(), Arc::new(Mutex::new(text)));
        let more = said.clone();
        thread::spawn(move || {
            for line in errors.lines() {
                *more.lock().unwrap() += &(line.unwrap() + "\n");
            }
        });
        Ok(Self { child, address, said })
    }

    /// Asks once.
    pub(crate) fn ask(&self, ask: &Ask) -> Result<Answer, String> {
        let (method, path) =
            ask.request.split_once(' ').ok_or("a request is a method and a path")?;
        let mut request = Request::builder().method(method);
        request = request.uri(format!("http://{}{path}", self.address));
        for header in &ask.headers {
            let (name, value) = header.split_once(": ").ok_or("a header has no colon")?;
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::from(ask.body.clone()))).map_err(text)?;
        Runtime::new().unwrap().block_on(async {
            let client: Client<HttpConnector, _> =
                Client::builder(TokioExecutor::new()).build_http();
            let response = client.request(request).await.map_err(text)?;
            let status = response.status().to_string();
            let body = response.into_body().collect().await.map_err(text)?.to_bytes();
            Ok(Answer { status, body })
        })
    }

    /// All that it has said.
    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn text(error: impl ToString) -> String {
    error.to_string()
}
