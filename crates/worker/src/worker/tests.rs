//! Workers whose isolates run nothing: what becomes of requests, in every order of events.
//!
//! The clock is tokio's paused one, which goes on only where nothing else can.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Mutex, PoisonError};

use http::{HeaderMap, StatusCode};
use taipan_guest::{HostMemory, Reason};
use taipan_store::Cache;
use taipan_webapi::requests::Reply;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::*;
use crate::isolates::{ForSlot, Isolates, SlotIsolate, Stop};
use crate::settings::PoolSettings;

const WALL: Duration = Duration::from_secs(30);
const WAIT_UNTIL: Duration = Duration::from_secs(5);
const IDLE: Duration = Duration::from_secs(60);

/// What the isolates of a worker have done.
#[derive(Default)]
struct Seen {
    made: AtomicUsize,
    alive: AtomicUsize,
    /// Whether no isolate can be made.
    refused: AtomicBool,
    said: Mutex<Vec<String>>,
}

impl Seen {
    fn alive(&self) -> usize {
        self.alive.load(Ordering::Relaxed)
    }

    fn made(&self) -> usize {
        self.made.load(Ordering::Relaxed)
    }

    fn said(&self) -> Vec<String> {
        std::mem::take(&mut self.said.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Makes isolates that do what a request's path says.
struct Fakes {
    seen: Arc<Seen>,
    fresh: bool,
}

impl Isolates for Fakes {
    fn resume(&self, slot: ForSlot) -> Result<Box<dyn SlotIsolate>, taipan_runtime::Error> {
        if self.seen.refused.load(Ordering::Relaxed) {
            return Err(taipan_runtime::Error::Bug { what: "no isolate".into() });
        }
        self.seen.made.fetch_add(1, Ordering::Relaxed);
        self.seen.alive.fetch_add(1, Ordering::Relaxed);
        let (seen, fresh) = (self.seen.clone(), self.fresh);
        let (waiting, answered) = (BTreeMap::new(), BTreeSet::new());
        Ok(Box::new(Fake {
            slot,
            seen,
            fresh,
            leases: Vec::new(),
            waiting,
            answered,
            retired: false,
        }))
    }

    fn keep_spares(&self, _count: usize) {}

    fn release_spares(&self) {}
}

/// Where the answer goes, the place, and whether the stack is held.
type Waiting = (Reply, Option<Arc<dyn Lease>>, bool);

struct Fake {
    slot: ForSlot,
    seen: Arc<Seen>,
    fresh: bool,
    /// The places of all that came, where they are kept until the end.
    leases: Vec<Arc<dyn Lease>>,
    /// Requests without an answer.
    waiting: BTreeMap<u32, Waiting>,
    /// Requests that wait for something after their answer, with their places.
    answered: BTreeSet<u32>,
    retired: bool,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.seen.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Fake {
    fn handle(&mut self, event: Event) -> Result<(), Fault> {
        match event {
            Event::Call(call) => match &call.lease {
                Some(lease) if self.slot.availability.refuses() => {
                    lease.clone().move_call(call);
                    Ok(())
                }
                Some(_) | None => {
                    let Call { id, kind, reply, lease, .. } = call;
                    let CallKind::Fetch { request, .. } = kind else { unreachable!() };
                    if self.fresh {
                        self.leases.extend(lease.clone());
                    }
                    self.begin(id, &request.url, reply, lease)
                }
            },
            Event::Signal { id, signal: Signal::Gone | Signal::Expired } => {
                self.answered.remove(&id);
                if let Some((_, _, true)) = self.waiting.remove(&id) {
                    self.slot.availability.release();
                }
                Ok(())
            }
            Event::Warm { done } => {
                let _ = done.send(());
                Ok(())
            }
            Event::Signal { .. } | Event::Completed { .. } | Event::Interrupted => Ok(()),
        }
    }

    fn begin(
        &mut self,
        id: u32,
        path: &str,
        reply: Reply,
        lease: Option<Arc<dyn Lease>>,
    ) -> Result<(), Fault> {
        match path {
            "/wait" => {
                self.waiting.insert(id, (reply, lease, false));
            }
            "/hold" => {
                self.slot.availability.hold();
                self.slot.availability.block();
                self.waiting.insert(id, (reply, lease, true));
            }
            "/go" => {
                for (waits, _, _) in std::mem::take(&mut self.waiting).into_values() {
                    let _ = waits.send(Ok(answer()));
                }
                let _ = reply.send(Ok(answer()));
            }
            "/later" => {
                self.answered.insert(id);
                let _ = reply.send(Ok(answer()));
            }
            "/retire" => {
                self.slot.availability.retire();
                self.retired = true;
                let _ = reply.send(Ok(answer()));
            }
            "/end" => {
                self.waiting.insert(id, (reply, lease, false));
                return Err(crate::resumed::ended_fault("it ends".into()));
            }
            "/panic" => panic!("a fault in a turn"),
            _ => {
                let _ = reply.send(Ok(answer()));
            }
        }
        Ok(())
    }
}

impl SlotIsolate for Fake {
    fn stop(&self) -> Stop {
        Arc::new(|_| ())
    }

    fn turn(&mut self, event: Option<Event>) -> Result<(), Fault> {
        event.map_or(Ok(()), |event| self.handle(event))?;
        while let Some(event) = self.slot.inbox.try_next() {
            self.handle(event)?;
        }
        Ok(())
    }

    fn linger(&mut self, _limit: Duration) -> Option<Event> {
        self.slot.inbox.try_next()
    }

    fn end(&mut self, fault: &Fault) {
        for (reply, _, _) in std::mem::take(&mut self.waiting).into_values() {
            let _ = reply.send(Err(fault.clone()));
        }
    }

    fn is_idle(&mut self) -> bool {
        self.waiting.is_empty() && self.answered.is_empty()
    }

    fn is_done(&mut self) -> bool {
        (!self.leases.is_empty() || self.retired) && self.is_idle()
    }

    fn answered(&mut self) -> Vec<u32> {
        self.answered.iter().copied().collect()
    }

    fn next_timer(&mut self) -> Option<Duration> {
        None
    }

    fn overdue(&mut self) -> Option<Instant> {
        None
    }

    fn grown(&mut self) -> usize {
        0
    }

    fn retired(&mut self) -> Option<Reason> {
        None
    }
}

fn answer() -> Answer {
    let held = HostMemory::default().hold(0).unwrap();
    let (status, headers) = (StatusCode::OK, HeaderMap::new());
    Answer { status, status_text: String::new(), headers, held, body: AnswerBody::Empty }
}

/// A worker with fake isolates, and what they have done.
struct Tried {
    worker: Worker,
    seen: Arc<Seen>,
    _cache: TempDir,
}

impl Tried {
    fn new(isolation: Isolation, isolates_max: usize, isolates_min: usize) -> Self {
        let seen = Arc::new(Seen::default());
        let said = seen.clone();
        let log = Log::new(move |record| {
            let text = match record {
                Record::Ended { reason } => format!("ended: {reason}"),
                Record::Warning { text } => format!("warning: {text}"),
                other => format!("{other:?}"),
            };
            said.said.lock().unwrap_or_else(PoisonError::into_inner).push(text);
        });
        let isolates = Box::new(Fakes { seen: seen.clone(), fresh: isolation == Isolation::Fresh });
        let template = Template {
            isolates,
            log: log.clone(),
            runtime: runtime::Handle::current(),
            wait_until: WAIT_UNTIL,
            held: Arc::new(HeldMemory::new(usize::MAX)),
        };
        let settings = PoolSettings {
            isolation,
            isolates_min,
            isolates_max,
            reserve: 0,
            idle: IDLE,
            ..PoolSettings::default()
        };
        let cache = tempfile::tempdir().unwrap();
        let snapshot = Cache::open(cache.path()).unwrap().entry("snapshot", &"0".repeat(64));
        let pool = Pool::open(template, &settings);
        let (author, last, snapshot) = (Author::default(), Arc::default(), snapshot.unwrap());
        let worker = Worker { pool, author, log, last, wall: WALL, snapshot };
        Self { worker, seen, _cache: cache }
    }

    /// Begins a request, and lets all be done that can be done now.
    async fn begin(&self, path: &'static str) -> JoinHandle<Result<StatusCode, FaultKind>> {
        let worker = self.worker.clone();
        let request = Incoming { method: "GET".into(), url: path.into(), headers: String::new() };
        let task = tokio::spawn(async move {
            let answer = worker.fetch(request, None).await;
            answer.map(|answer| answer.status).map_err(|fault| fault.kind)
        });
        settle().await;
        task
    }

    async fn fetch(&self, path: &'static str) -> Result<StatusCode, FaultKind> {
        self.begin(path).await.await.unwrap()
    }
}

async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

/// All orders of what is in `items`.
fn orders(items: &[&'static str]) -> Vec<Vec<&'static str>> {
    let Some((first, rest)) = items.split_first() else { return vec![Vec::new()] };
    let places = |order: Vec<&'static str>| {
        (0..=order.len()).map(move |place| {
            let mut order = order.clone();
            order.insert(place, first);
            order
        })
    };
    orders(rest).into_iter().flat_map(places).collect()
}

#[tokio::test(start_paused = true)]
async fn every_order_of_what_comes() {
    let what = ["/wait", "/answer", "/go", "/end", "gone"];
    for (isolation, isolates_max) in
        [(Isolation::Reuse, 1), (Isolation::Reuse, 2), (Isolation::Fresh, 1), (Isolation::Fresh, 5)]
    {
        for order in orders(&what) {
            let tried = Tried::new(isolation, isolates_max, 0);
            let mut tasks = BTreeMap::new();
            for step in &order {
                match *step {
                    "gone" => {
                        if let Some(task) = tasks.remove("/wait") {
                            let task: JoinHandle<_> = task;
                            task.abort();
                        }
                        settle().await;
                    }
                    path => {
                        tasks.insert(path, tried.begin(path).await);
                    }
                }
            }
            let case = format!("{isolation:?} with {isolates_max}: {order:?}");
            for (path, task) in tasks {
                let found = task.await.unwrap();
                let expect: &[Result<StatusCode, FaultKind>] = match path {
                    // With one isolate for one request others wait as long as that does.
                    _ if (isolation, isolates_max) == (Isolation::Fresh, 1) => continue,
                    "/answer" | "/go" => &[Ok(StatusCode::OK)],
                    "/end" => &[Err(FaultKind::Ended)],
                    _ => &[Ok(StatusCode::OK), Err(FaultKind::Ended), Err(FaultKind::WallTime)],
                };
                assert!(expect.contains(&found), "{case}: {path} had {found:?}");
            }
            sleep(Duration::from_secs(1)).await;
            assert!(tried.worker.pool.is_at_rest(), "{case}: a place is taken for ever");
            assert_eq!(tried.fetch("/answer").await, Ok(StatusCode::OK), "{case}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_isolate_goes_when_it_is_idle() {
    let tried = Tried::new(Isolation::Reuse, 2, 0);
    assert_eq!(tried.fetch("/answer").await, Ok(StatusCode::OK));
    assert_eq!(tried.seen.alive(), 1);
    sleep(IDLE / 2).await;
    assert_eq!(tried.fetch("/answer").await, Ok(StatusCode::OK));
    assert_eq!((tried.seen.alive(), tried.seen.made()), (1, 1));
    sleep(IDLE + Duration::from_secs(1)).await;
    assert_eq!(tried.seen.alive(), 0);
    assert_eq!(tried.fetch("/answer").await, Ok(StatusCode::OK));
    assert_eq!(tried.seen.made(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_kept_isolate_is_there_again() {
    let tried = Tried::new(Isolation::Reuse, 2, 1);
    settle().await;
    assert_eq!(tried.seen.alive(), 1);
    assert_eq!(tried.fetch("/end").await, Err(FaultKind::Ended));
    settle().await;
    assert_eq!((tried.seen.alive(), tried.seen.made()), (1, 2));
    assert_eq!(tried.seen.said(), ["ended: it ends"]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_one_isolate() {
    let tried = Tried::new(Isolation::Reuse, 1, 0);
    let waits = tried.begin("/wait").await;
    assert_eq!(tried.fetch("/panic").await, Err(FaultKind::Ended));
    assert_eq!(waits.await.unwrap(), Err(FaultKind::Ended));
    assert_eq!(tried.seen.said(), ["ended: a fault of Taipan's own: a fault in a turn"]);
    assert_eq!(tried.fetch("/answer").await, Ok(StatusCode::OK));
}

#[tokio::test(start_paused = true)]
async fn no_isolate_can_be_made() {
    let tried = Tried::new(Isolation::Reuse, 1, 0);
    tried.seen.refused.store(true, Ordering::Relaxed);
    assert_eq!(tried.fetch("/answer").await, Err(FaultKind::Ended));
    assert_eq!(tried.seen.said(), ["ended: this is a fault of Taipan's own: no isolate"]);
    tried.seen.refused.store(false, Ordering::Relaxed);
    assert_eq!(tried.fetch("/answer").await, Ok(StatusCode::OK));
}

#[tokio::test(start_paused = true)]
async fn requests_go_round_an_isolate_that_waits_in_run_sync() {
    let tried = Tried::new(Isolation::Reuse, 1, 0);
    let holds = tried.begin("/hold").await;
    for _ in 0..3 {
        assert_eq!(tried.fetch("/answer").await, Ok(StatusCode::OK));
    }
    // One for all that came meanwhile, since each had ended when the next came.
    assert_eq!(tried.seen.made(), 2);
    holds.abort();
    settle().await;
    assert!(tried.worker.pool.is_at_rest());
}

#[tokio::test(start_paused = true)]
async fn an_isolate_out_of_service_gets_no_more() {
    let tried = Tried::new(Isolation::Reuse, 1, 0);
    let waits = tried.begin("/wait").await;
    assert_eq!(tried.fetch("/retire").await, Ok(StatusCode::OK));
    assert_eq!(tried.fetch("/answer").await, Ok(StatusCode::OK));
    assert_eq!(tried.seen.made(), 2);
    waits.abort();
    settle().await;
    // It ended with its last request; the other one is there.
    assert_eq!(tried.seen.alive(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_request_waits_for_after_its_answer_has_its_time() {
    let tried = Tried::new(Isolation::Reuse, 1, 0);
    assert_eq!(tried.fetch("/later").await, Ok(StatusCode::OK));
    sleep(WAIT_UNTIL / 2).await;
    assert_eq!(tried.seen.said(), [""; 0]);
    sleep(WAIT_UNTIL).await;
    let said = tried.seen.said();
    assert!(
        matches!(&said[..], [one] if one.contains("`taipan.limits.wait_until_ms`")),
        "{said:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_that_takes_too_long() {
    let tried = Tried::new(Isolation::Reuse, 1, 0);
    let begun = Instant::now();
    assert_eq!(tried.fetch("/wait").await, Err(FaultKind::WallTime));
    assert_eq!(begun.elapsed().as_secs(), WALL.as_secs());
    sleep(Duration::from_secs(1)).await;
    assert!(tried.worker.pool.is_at_rest());
}
