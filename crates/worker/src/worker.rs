//! A worker: a handle on the isolates that answer its requests.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::stream;
use serde_json::Value;
use taipan_pyodide::Streams;
use taipan_store::{Cache, Entry, Step};
use taipan_webapi::body::BodyReader;
use taipan_webapi::limits::Allowances;
use taipan_webapi::requests::{Answer, AnswerBody, Fault};
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::author::Author;
use crate::bundle::Bundle;
use crate::code::Code;
use crate::events::Event;
use crate::held::HeldMemory;
use crate::limits::{self, Guard, Limits};
use crate::log::{Log, Record};
use crate::place::Seat;
use crate::pool::{Pool, Template};
use crate::registry::OwnModules;
use crate::top_level::Network;
use crate::{Error, frozen, pool};

/// Hears what is going on while a worker is set up.
pub type Shown = Box<dyn Fn(Step<'_>) + Send>;

/// What a worker is made from.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The Pyodide that it runs on.
    pub bundle: Arc<Bundle>,
    /// Its files.
    pub code: Code,
    /// Its main module, relative to its files: `src/entry.py`, or one that is among `modules`.
    pub main: String,
    /// Those of its files that JavaScript may import.
    pub modules: Arc<OwnModules>,
    /// Where its snapshot is kept.
    pub cache: Cache,
    /// Paths that it is asked for before its snapshot is taken.
    pub warmup: Vec<String>,
    /// How its isolates come and go.
    pub pool: pool::Settings,
    /// What it may use.
    pub limits: Limits,
    /// Who sees to that.
    pub guard: Guard,
    /// Every compatibility flag, and whether it has it.
    pub flags: BTreeMap<&'static str, bool>,
    /// What its handlers get as `env`.
    pub variables: BTreeMap<String, Value>,
    /// For outgoing requests.
    pub network: Network,
    /// Who hears what it says.
    pub log: Log,
}

/// Numbers of requests are from 1 to this: JavaScript takes others for those of nobody and of the isolate
/// ([`taipan_webapi::Owner`]).
const REQUEST_NUMBER_MAX: u32 = i32::MAX.cast_unsigned();

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
    pool: Arc<Pool>,
    author: Author,
    log: Log,
    last: Arc<AtomicU32>,
    /// From the head of a request to the end of its response.
    wall: Duration,
    snapshot: Entry,
}

impl fmt::Debug for Worker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Worker").finish_non_exhaustive()
    }
}

impl Worker {
    /// Starts a worker: when this returns its snapshot is there, taken after its top level ran, and requests are
    /// answered by isolates that are resumed from it.
    ///
    /// # Errors
    ///
    /// [`Error::Program`] for a fault of the user's code.
    pub async fn start(mut settings: Settings, progress: Shown) -> Result<Worker, Error> {
        limits::check_address_space(settings.pool.isolates_max)?;
        let author = settings.code.author.clone();
        settings.log = author.log(settings.log);
        let runtime = runtime::Handle::current();
        let work = {
            let runtime = runtime.clone();
            move || {
                let (frozen, entry) = frozen::prepare(&settings, &runtime, &*progress)?;
                Ok::<_, Error>((frozen, entry, settings))
            }
        };
        let (frozen, snapshot, settings) = tokio::task::spawn_blocking(work)
            .await
            .map_err(|panic| Error::Bug { what: panic.to_string() })?
            .map_err(|error| author.error(error))?;
        let (wall, log) = (settings.limits.wall, settings.log.clone());
        let held = settings.pool.isolates_max.saturating_mul(settings.limits.memory_bytes);
        let template = Template {
            held: HeldMemory::new(held),
            frozen,
            log: settings.log,
            client: settings.network.client(),
            runtime,
            isolation: settings.pool.isolation,
            limits: settings.limits,
            guard: settings.guard,
        };
        let pool = Pool::open(template, &settings.pool);
        Ok(Worker { pool, author, log, last: Arc::default(), wall, snapshot })
    }

    /// The entry of the cache with its snapshot; not there in a cache that can only be read.
    #[must_use]
    pub fn snapshot(&self) -> &Entry {
        &self.snapshot
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
        // To wait for an isolate is a part of it.
        let deadline = Instant::now() + self.wall;
        let answer = match tokio::time::timeout_at(deadline, self.pool.seat()).await {
            Ok(seat) => self.fetch_at(seat.ok_or_else(ended)?, request, body, deadline).await,
            Err(_elapsed) => Err(limits::late(self.wall)),
        };
        answer.map_err(|fault| {
            if fault.kind == limits::WALL_TIME {
                // Its isolate does not know of it, or goes on.
                let (message, traceback) = (fault.message.clone(), String::new());
                self.log.write(Record::Fault { message, traceback });
            }
            self.author.fault(fault)
        })
    }

    /// Has each isolate that is there answer the request: for measurements.
    ///
    /// # Errors
    ///
    /// The fault of the first that does not answer.
    pub async fn fetch_from_all(&self, request: &Incoming) -> Result<Vec<Answer>, Fault> {
        let seats = self.pool.seats().await.ok_or_else(ended)?;
        let deadline = Instant::now() + self.wall;
        let fetches =
            seats.into_iter().map(|seat| self.fetch_at(seat, request.clone(), None, deadline));
        futures_util::future::try_join_all(fetches).await
    }

    async fn fetch_at(
        &self,
        seat: Seat,
        request: Incoming,
        body: Option<BodyReader>,
        deadline: Instant,
    ) -> Result<Answer, Fault> {
        let id = self.last.fetch_add(1, Ordering::Relaxed) % REQUEST_NUMBER_MAX + 1;
        let (reply, answer) = oneshot::channel();
        let place = Some(seat.place.clone());
        seat.send(Event::Request { id, request, body, reply, place }).map_err(|_| ended())?;
        let client = Client { id, seat: Some(seat), deadline, wall: self.wall };
        match tokio::time::timeout_at(deadline, answer).await {
            Ok(Ok(Ok(answer))) => Ok(Answer { body: client.watch(answer.body), ..answer }),
            Ok(Ok(Err(fault))) => {
                client.served();
                Err(fault)
            }
            Ok(Err(_ended)) => {
                client.served();
                Err(ended())
            }
            Err(_elapsed) => Err(client.expire()),
        }
    }

    /// Whether the host holds so much memory for the isolates that there are and were, as for answers that are still on
    /// the way to clients, that no isolate is made until it is less.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.pool.is_crowded()
    }

    /// Resumes isolates until there are `count` that wait for requests, as far as the pool's bounds allow.
    pub async fn warm(&self, count: usize) {
        self.pool.warm(count).await;
    }
}

/// Who waits for an answer: dropped before he has all of it, he has gone away.
struct Client {
    id: u32,
    seat: Option<Seat>,
    /// When his time is up, and how long it was.
    deadline: Instant,
    wall: Duration,
}

impl Client {
    /// He has all that he waited for.
    fn served(mut self) {
        self.seat = None;
    }

    /// He has all that there is of the body.
    fn sent(mut self) {
        if let Some(seat) = self.seat.take() {
            // An isolate that has ended needs no word of it.
            let _ = seat.send(Event::Sent { id: self.id });
        }
    }

    /// His time is up.
    fn expire(mut self) -> Fault {
        let limit = self.wall;
        if let Some(seat) = self.seat.take() {
            seat.expire(self.id, limit);
        }
        limits::late(limit)
    }

    /// The same body; the client is served at its end. The time is up even for one that takes none of it.
    fn watch(self, body: AnswerBody) -> AnswerBody {
        let reader = match body {
            AnswerBody::Stream(reader) => reader,
            whole @ (AnswerBody::Empty | AnswerBody::Bytes(_)) => {
                self.served();
                return whole;
            }
        };
        let (deadline, limit) = (self.deadline, self.wall);
        let (end, ended) = oneshot::channel();
        tokio::spawn(self.until(ended));
        let parts = stream::unfold(Some((reader, end)), move |state| async move {
            let (mut reader, end) = state?;
            // Nobody waits for the end of a request whose time was up.
            match tokio::time::timeout_at(deadline, reader.chunk()).await.map(Result::transpose) {
                Ok(Some(Ok(chunk))) => Some((Ok(chunk), Some((reader, end)))),
                Ok(Some(Err(error))) => {
                    _ = end.send(End::Sent);
                    Some((Err(error), None))
                }
                Ok(None) => {
                    _ = end.send(End::Sent);
                    None
                }
                Err(_elapsed) => {
                    _ = end.send(End::Late);
                    let message = limits::late(limit).message;
                    Some((Err(taipan_webapi::Error::Aborted { message }), None))
                }
            }
        });
        AnswerBody::Stream(BodyReader::new(parts))
    }

    /// Waits for the end of the body; a client that lets go of it before has gone away.
    async fn until(self, ended: oneshot::Receiver<End>) {
        match tokio::time::timeout_at(self.deadline, ended).await {
            Ok(Ok(End::Sent)) => self.sent(),
            Ok(Ok(End::Late)) | Err(_) => {
                self.expire();
            }
            Ok(Err(_gone)) => {}
        }
    }
}

/// How the body of an answer ended.
enum End {
    /// All that there is of it was taken.
    Sent,
    /// The time was up.
    Late,
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(seat) = self.seat.take() {
            // An isolate that has ended needs no word of it.
            let _ = seat.send(Event::Gone { id: self.id });
        }
    }
}

fn ended() -> Fault {
    let message = "the isolate of this worker ended while it was answering".to_owned();
    Fault { kind: "ended".into(), detail: message.clone(), message }
}

/// The longest line that is kept until its end comes, in bytes.
const LINE_BYTES_MAX: usize = 64 << 10;

/// Standard streams that go to the log; there is nothing to read.
pub(crate) struct ToLog {
    log: Log,
    allowances: Allowances,
    /// What has no end of its line yet, by descriptor; `None` where each piece goes out as it comes.
    lines: Option<BTreeMap<i32, Vec<u8>>>,
}

impl ToLog {
    /// Of an isolate that is alone.
    pub(crate) fn new(log: Log, allowances: Allowances) -> ToLog {
        ToLog { log, allowances, lines: None }
    }

    /// Of one among others: whole lines go out, into which nobody else writes. One that has no end when the isolate ends
    /// gets one.
    pub(crate) fn by_lines(log: Log, allowances: Allowances) -> ToLog {
        ToLog { log, allowances, lines: Some(BTreeMap::new()) }
    }

    fn put(&mut self, descriptor: i32, bytes: &[u8]) {
        let Some(lines) = &mut self.lines else {
            return self.log.write(Record::Stream { descriptor, bytes: bytes.to_vec() });
        };
        let line = lines.entry(descriptor).or_default();
        // What is kept has no end of a line: only what is new is looked at.
        let end = bytes.iter().rposition(|byte| *byte == b'\n');
        let end = end.map_or(0, |last| line.len() + last + 1);
        line.extend_from_slice(bytes);
        let end = if line.len() - end > LINE_BYTES_MAX { line.len() } else { end };
        let rest = line.split_off(end);
        let bytes = std::mem::replace(line, rest);
        if !bytes.is_empty() {
            self.log.write(Record::Stream { descriptor, bytes });
        }
    }
}

impl Drop for ToLog {
    fn drop(&mut self) {
        for (descriptor, mut bytes) in self.lines.take().into_iter().flatten() {
            if !bytes.is_empty() {
                bytes.push(b'\n');
                self.log.write(Record::Stream { descriptor, bytes });
            }
        }
    }
}

impl Streams for ToLog {
    fn write(&mut self, owner: u32, descriptor: i32, bytes: &[u8]) -> std::io::Result<()> {
        let admitted = self.allowances.log(owner, bytes.len());
        if admitted.bytes > 0 {
            self.put(descriptor, &bytes[..admitted.bytes]);
        }
        if let Some(text) = admitted.notice {
            self.log.write(Record::Warning { text });
        }
        Ok(())
    }

    fn read(&mut self, _maximum: usize) -> std::io::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn is_terminal(&self, _descriptor: i32) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_several_isolates_do_not_mix() {
        let log = Log::new(|_| ());
        let (log, recorded) = log.recorded();
        let [mut one, mut other] =
            [(); 2].map(|()| ToLog::by_lines(log.clone(), Allowances::default()));
        for text in ["first", "\nsec", "ond"] {
            one.write(0, 1, text.as_bytes()).unwrap();
            other.write(0, 1, b"x").unwrap();
        }
        one.write(0, 2, b"error\n").unwrap();
        drop((one, other));
        let said = recorded.take().into_iter().map(|record| match record {
            Record::Stream { descriptor, bytes } => (descriptor, String::from_utf8(bytes).unwrap()),
            other => panic!("{other:?}"),
        });
        let expect = [(1, "first\n"), (2, "error\n"), (1, "second\n"), (1, "xxx\n")];
        assert_eq!(said.collect::<Vec<_>>(), expect.map(|(of, text)| (of, text.to_owned())));
    }
}
