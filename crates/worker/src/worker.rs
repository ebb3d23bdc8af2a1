//! A worker: a handle on an isolate that answers requests.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::stream;
use serde_json::Value;
use taipan_guest::Argument;
use taipan_pyodide::Streams;
use taipan_webapi::body::BodyReader;
use taipan_webapi::requests::{Answer, AnswerBody, Fault};
use tokio::runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::{Semaphore, oneshot};

use crate::bundle::Bundle;
use crate::code::Code;
use crate::instance::{Boot, Event, Instance, NotStarted, STANDARD_LIBRARY, boot};
use crate::log::{Log, Milestone, Record};
use crate::{Error, actor};

/// Requests that one isolate answers at a time; more wait for their turn.
const REQUESTS_MAX: usize = 1024;

/// Where the files of a worker are, as in workerd.
const WORKER_DIRECTORY: &str = "/session/metadata";

/// What a worker is made from.
#[derive(Debug)]
pub struct Settings {
    /// The Pyodide that it runs on.
    pub bundle: Arc<Bundle>,
    /// Its files.
    pub code: Code,
    /// Its main module, relative to its files: `src/entry.py`.
    pub main: String,
    /// What its handlers get as `env`.
    pub variables: BTreeMap<String, Value>,
    /// For outgoing requests.
    pub client: reqwest::Client,
    /// Who hears what it says.
    pub log: Log,
}

/// The head of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// `GET`.
    pub method: String,
    /// The absolute URL.
    pub url: String,
    /// "name: value\r\n" for each header, one character a byte.
    pub headers: String,
}

/// A worker that has started. All clones are the same worker; it stops when the last is dropped.
#[derive(Clone)]
pub struct Worker {
    sender: UnboundedSender<Event>,
    permits: Arc<Semaphore>,
    last: Arc<AtomicU32>,
}

impl fmt::Debug for Worker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Worker").finish_non_exhaustive()
    }
}

/// What each isolate of a worker is started from.
pub(crate) struct Blueprint {
    settings: Settings,
    pub(crate) log: Log,
    runtime: runtime::Handle,
    sender: tokio::sync::mpsc::WeakUnboundedSender<Event>,
}

impl Worker {
    /// Starts a worker: its top level has run when this returns.
    ///
    /// # Errors
    ///
    /// [`Error::Program`] for a fault of the user's code.
    pub async fn start(settings: Settings) -> Result<Worker, Error> {
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        let blueprint = Arc::new(Blueprint {
            log: settings.log.clone(),
            settings,
            runtime: runtime::Handle::current(),
            sender: sender.downgrade(),
        });
        let (started, outcome) = oneshot::channel();
        tokio::spawn(actor::run(blueprint, receiver, started));
        outcome.await.map_err(|_| Error::Bug { what: "the worker's task ended while it started".into() })??;
        Ok(Worker { sender, permits: Arc::new(Semaphore::new(REQUESTS_MAX)), last: Arc::default() })
    }

    /// Has the worker answer a request. The worker is told that the client went away when the
    /// future is dropped, or the answer's body before its end.
    ///
    /// # Errors
    ///
    /// The worker's fault, or the end of its isolate.
    pub async fn fetch(
        &self,
        request: Incoming,
        body: Option<BodyReader>,
    ) -> Result<Answer, Fault> {
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| ended())?;
        let id = self.last.fetch_add(1, Ordering::Relaxed) & 0x7fff_ffff;
        let (reply, answer) = oneshot::channel();
        self.sender.send(Event::Request { id, request, body, reply }).map_err(|_| ended())?;
        let client = Client { id, sender: Some(self.sender.clone()) };
        let answer = answer.await;
        drop(permit);
        match answer {
            Ok(Ok(answer)) => Ok(Answer { body: client.watch(answer.body), ..answer }),
            Ok(Err(fault)) => {
                client.served();
                Err(fault)
            }
            Err(_ended) => Err(ended()),
        }
    }
}

/// Who waits for an answer: dropped before he has all of it, he has gone away.
struct Client {
    id: u32,
    sender: Option<UnboundedSender<Event>>,
}

impl Client {
    /// He has all that he waited for.
    fn served(mut self) {
        self.sender = None;
    }

    /// The same body; he is served at its end.
    fn watch(self, body: AnswerBody) -> AnswerBody {
        let reader = match body {
            AnswerBody::Stream(reader) => reader,
            whole @ (AnswerBody::Empty | AnswerBody::Bytes(_)) => {
                self.served();
                return whole;
            }
        };
        let parts = stream::unfold(Some((reader, self)), async |state| {
            let (mut reader, client) = state?;
            match reader.chunk().await.transpose() {
                Some(Ok(chunk)) => Some((Ok(chunk), Some((reader, client)))),
                Some(Err(error)) => {
                    client.served();
                    Some((Err(error), None))
                }
                None => {
                    client.served();
                    None
                }
            }
        });
        AnswerBody::Stream(BodyReader::new(parts))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(sender) = self.sender.take() {
            // An isolate that has ended needs no word of it.
            let _ = sender.send(Event::Gone { id: self.id });
        }
    }
}

fn ended() -> Fault {
    let message = "the isolate of this worker ended while it was answering".to_owned();
    Fault { kind: "ended".into(), detail: message.clone(), message }
}

impl Blueprint {
    /// Boots an isolate and imports the worker's main module. Gives the receiver back when that fails.
    pub(crate) fn start(
        &self,
        number: u64,
        receiver: UnboundedReceiver<Event>,
    ) -> Result<Instance, NotStarted> {
        let Settings { bundle, code, client, log, .. } = &self.settings;
        let parts = Boot {
            program: &bundle.program,
            javascript: &bundle.javascript,
            layers: vec![
                (bundle.python.clone(), STANDARD_LIBRARY.into()),
                (code.0.clone(), WORKER_DIRECTORY.into()),
            ],
            environment: BTreeMap::from([("PYTHONUNBUFFERED".into(), "1".into())]),
            streams: Box::new(ToLog(log.clone())),
            log: log.clone(),
            client: Some(client.clone()),
            runtime: self.runtime.clone(),
            number,
            sender: self.sender.clone(),
            receiver,
            serves: true,
        };
        let mut instance = boot(parts)?;
        match self.load(&mut instance) {
            Ok(()) => {
                instance.open();
                self.log.write(Record::Reached(Milestone::Program));
                Ok(instance)
            }
            Err(error) => Err((error, instance.take_receiver())),
        }
    }

    fn load(&self, instance: &mut Instance) -> Result<(), Error> {
        let (directory, file) = self.settings.main.rsplit_once('/').unwrap_or(("", &self.settings.main));
        let module = file.strip_suffix(".py").unwrap_or(file);
        let source = format!("{WORKER_DIRECTORY}/{directory}");
        let path = serde_json::json!([
            source.trim_end_matches('/'),
            format!("{WORKER_DIRECTORY}/python_modules"),
            WORKER_DIRECTORY,
        ]);
        let variables = serde_json::json!(self.settings.variables);
        let (path, variables) = (path.to_string(), variables.to_string());
        let arguments: [Argument<'_>; 3] = [(&*path).into(), module.into(), (&*variables).into()];
        match instance.call("load", &arguments)?.split_once('\0') {
            None => Ok(()),
            Some((message, traceback)) => {
                Err(Error::Program { message: message.into(), traceback: traceback.into() })
            }
        }
    }
}

/// Standard streams that go to the log; there is nothing to read.
struct ToLog(Log);

impl Streams for ToLog {
    fn write(&mut self, descriptor: i32, bytes: &[u8]) -> std::io::Result<()> {
        self.0.write(Record::Stream { descriptor, bytes: bytes.to_vec() });
        Ok(())
    }

    fn read(&mut self, _maximum: usize) -> std::io::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn is_terminal(&self, _descriptor: i32) -> bool {
        false
    }
}
