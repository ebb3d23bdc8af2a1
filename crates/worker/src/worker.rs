//! A worker: a handle on the isolates that answer its requests.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::stream;
use taipan_runtime::{
    Call, CallKind, Event, Incoming, Lease, Log, Record, Scheduled, Signal, late,
};
use taipan_store::{Entry, Step};
use taipan_webapi::body::BodyReader;
use taipan_webapi::requests::{Answer, AnswerBody};
use taipan_webapi::{Fault, FaultKind};
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::author::Author;
use crate::held::HeldMemory;
use crate::isolates::Template;
use crate::pool::Pool;
use crate::resumed::Resumed;
use crate::settings::{Isolation, Settings};
use crate::slot::SlotLease;
use crate::{Error, start};

/// Hears what is going on while a worker is set up.
pub type Shown = Box<dyn Fn(Step<'_>) + Send>;

/// Numbers of requests are from 1 to this: JavaScript takes other numbers for an unknown owner and for the isolate
/// ([`taipan_webapi::Owner`]).
const REQUEST_NUMBER_MAX: u32 = i32::MAX.cast_unsigned();

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
    /// [`taipan_runtime::Error::Program`] for a fault of the user's code.
    pub async fn start(mut settings: Settings, progress: Shown) -> Result<Self, Error> {
        taipan_runtime::check_address_space(settings.pool.isolates_max)?;
        let author = settings.code.author.clone();
        settings.log = author.log(settings.log);
        let runtime = runtime::Handle::current();
        let work = {
            let runtime = runtime.clone();
            move || {
                let (kept, entry) = start::prepare(&settings, &runtime, &*progress)?;
                Ok::<_, Error>((kept, entry, settings))
            }
        };
        let (kept, snapshot, settings) = tokio::task::spawn_blocking(work)
            .await
            .map_err(|panic| taipan_runtime::Error::Bug { what: panic.to_string() })?
            .map_err(|error| author.error(error))?;
        let (wall, log) = (settings.limits.wall, settings.log.clone());
        let held = settings.pool.isolates_max.saturating_mul(settings.limits.memory_bytes);
        let held = Arc::new(HeldMemory::new(held));
        let wait_until = settings.limits.wait_until;
        let isolates = Box::new(Resumed {
            kept,
            log: log.clone(),
            bindings: settings.bindings,
            client: settings.network.client(),
            runtime: runtime.clone(),
            fresh: settings.pool.isolation == Isolation::Fresh,
            limits: settings.limits,
            guard: settings.guard,
            held: held.clone(),
        });
        let template = Template { isolates, log: settings.log, runtime, wait_until, held };
        let pool = Pool::open(template, &settings.pool);
        Ok(Self { pool, author, log, last: Arc::default(), wall, snapshot })
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
        self.call(CallKind::Fetch { request, body }).await
    }

    /// Has the worker do what is due at a time of its schedule.
    ///
    /// # Errors
    ///
    /// The worker's fault, or the end of its isolate.
    pub async fn scheduled(&self, due: Scheduled) -> Result<(), Fault> {
        self.call(CallKind::Scheduled(due)).await.map(drop)
    }

    /// Has the worker do what it is asked; its time includes the wait for an isolate.
    async fn call(&self, kind: CallKind) -> Result<Answer, Fault> {
        let deadline = Instant::now() + self.wall;
        let answer = match tokio::time::timeout_at(deadline, self.pool.lease()).await {
            Ok(lease) => self.call_at(lease.ok_or_else(ended)?, kind, deadline).await,
            Err(_elapsed) => Err(late(self.wall)),
        };
        answer.map_err(|fault| {
            if fault.kind == FaultKind::WallTime {
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
        let leases = self.pool.leases().await.ok_or_else(ended)?;
        let deadline = Instant::now() + self.wall;
        let fetches = leases.into_iter().map(|lease| {
            let kind = CallKind::Fetch { request: request.clone(), body: None };
            self.call_at(lease, kind, deadline)
        });
        futures_util::future::try_join_all(fetches).await
    }

    async fn call_at(
        &self,
        lease: Arc<SlotLease>,
        kind: CallKind,
        deadline: Instant,
    ) -> Result<Answer, Fault> {
        let id = self.last.fetch_add(1, Ordering::Relaxed) % REQUEST_NUMBER_MAX + 1;
        let (reply, answer) = oneshot::channel();
        let held: Arc<dyn Lease> = lease.clone();
        let call = Call { id, entrypoint: None, kind, reply, lease: Some(held) };
        if !lease.send(Event::Call(call)) {
            return Err(ended());
        }
        let client = Client { id, lease: Some(lease), deadline, wall: self.wall };
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

    /// Whether no isolate is made for now, because the host holds too much memory for present and past isolates, as for
    /// answers that are still on the way to clients.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.pool.is_crowded()
    }

    /// Resumes isolates until there are `count` that wait for requests, as far as the pool's bounds allow.
    pub async fn warm(&self, count: usize) {
        self.pool.warm(count).await;
    }
}

/// A client that waits for an answer. It has gone away when it is dropped before it has all of the answer.
struct Client {
    id: u32,
    lease: Option<Arc<SlotLease>>,
    /// When the client's time is up, and how long it was.
    deadline: Instant,
    wall: Duration,
}

impl Client {
    /// The client has all that it waited for.
    fn served(mut self) {
        self.lease = None;
    }

    /// The client has all that there is of the body.
    fn sent(mut self) {
        if let Some(lease) = self.lease.take() {
            // An isolate that has ended need not be told.
            lease.send(Event::Signal { id: self.id, signal: Signal::Sent });
        }
    }

    /// The client's time is up.
    fn expire(mut self) -> Fault {
        let limit = self.wall;
        if let Some(lease) = self.lease.take() {
            lease.expire(self.id, limit);
        }
        late(limit)
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
            // The end of a request whose time was up is not waited for.
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
                    let message = late(limit).message;
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
        if let Some(lease) = self.lease.take() {
            // An isolate that has ended need not be told.
            lease.send(Event::Signal { id: self.id, signal: Signal::Gone });
        }
    }
}

fn ended() -> Fault {
    let message = "the isolate of this worker ended while it was answering".to_owned();
    Fault { kind: FaultKind::Ended, detail: message.clone(), message }
}

#[cfg(test)]
mod tests;
