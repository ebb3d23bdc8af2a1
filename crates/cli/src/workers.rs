//! A worker behind a server: HTTP on the one side, the worker's events on the other; and what a configuration says, in
//! the worker crate's words.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::stream;
use http::StatusCode;
use taipan_manifest::{self as manifest, FLAGS, Flags, Manifest, ModuleType, Modules, Variable};
use taipan_release::{Release, Source};
use taipan_server::{Body, BodySender, Fault, Handler, Request, RequestBody, Response};
use taipan_store::{Cache, Entry};
use taipan_webapi::{
    body::BodyReader,
    headers,
    requests::{Answer, AnswerBody},
};
use taipan_worker::{
    Bundle, Code, Guard, Incoming, Isolation, Limits, ModuleKind, OwnModules, PoolSettings, prepare,
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::watch,
};

use crate::{console, failure::Failure, prepare::Prepared, progress::Display};

/// A worker that runs.
#[derive(Debug)]
pub(crate) struct Worker {
    worker: taipan_worker::Worker,
    /// What it runs on.
    pub(crate) release: &'static Release,
    clients: taipan_server::Limits,
}

/// Where `pywrangler` puts a worker's packages. Some, as the SDK, bring JavaScript.
const PACKAGES: &str = "python_modules/";

/// Threads on which guests run, and on which they wait in `run_sync`: twice the requests at a time that there are by
/// default. Those that have nothing to do end.
const BLOCKING_THREADS_MAX: usize = 2048;

/// Bytes of a MiB.
const MB: usize = 1 << 20;

/// The runtime in which workers run.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    taipan_worker::bound_arenas();
    // Guests run on the threads that are for blocking, and need their stack.
    let mut builder = Builder::new_multi_thread();
    builder.enable_all().thread_stack_size(taipan_worker::THREAD_STACK_BYTES);
    builder.max_blocking_threads(BLOCKING_THREADS_MAX);
    builder.build().map_err(|source| Failure::System { what: "start the threads", source })
}

/// The bundle of a release; made first when the cache does not have it.
pub(crate) fn bundle(
    release: &Release,
    cache: &Cache,
    sources: &[Source],
    quiet: bool,
) -> Result<Arc<Bundle>, Failure> {
    let display = Display::new(quiet);
    let bundle = prepare(release, sources, cache, &|step| display.show(step))?;
    Ok(Arc::new(bundle))
}

impl Worker {
    /// Starts a worker: its top level has run when this returns.
    pub(crate) async fn start(prepared: Prepared) -> Result<Self, Failure> {
        let Prepared { settings, release, clients, warnings, quiet } = prepared;
        warnings.iter().for_each(console::warn);
        let display = Display::new(quiet);
        let shown = Box::new(move |step: taipan_store::Step<'_>| display.show(step));
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
            Fault::new(status(&fault.kind), message(&fault.kind)).with_detail(detail)
        })
    }
}

/// What JavaScript may import of a worker's files.
pub(crate) fn modules(manifest: &Manifest, code: &Code) -> OwnModules {
    let Modules { base_dir, find_additional_modules, rules } = &manifest.modules;
    let python = manifest.main.ends_with(".py");
    let kind = |path: &str| match path {
        _ if path == manifest.main && !python => Some(ModuleType::EsModule),
        _ if path.starts_with(PACKAGES) => {
            Some(ModuleType::EsModule).filter(|_| path.ends_with(".js") || path.ends_with(".mjs"))
        }
        _ => rules.module_type(path.strip_prefix(base_dir).unwrap_or(path)),
    };
    let kinds = code.paths().filter_map(|path| {
        let kind = match kind(&path)? {
            ModuleType::EsModule => ModuleKind::EsModule,
            ModuleType::CommonJs => ModuleKind::CommonJs,
            ModuleType::Json => ModuleKind::Json,
            ModuleType::Text => ModuleKind::Text,
            ModuleType::Data => ModuleKind::Data,
            ModuleType::CompiledWasm => ModuleKind::CompiledWasm,
            ModuleType::PythonModule => return None,
        };
        Some((path, kind))
    });
    OwnModules {
        root: base_dir.clone(),
        by_name: *find_additional_modules || python,
        kinds: kinds.collect(),
        gates: manifest.gates.clone(),
    }
}

/// How the isolates of a worker come and go.
pub(crate) fn pool(manifest: &Manifest) -> PoolSettings {
    let Manifest { isolates, isolation, limits, .. } = manifest;
    let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    PoolSettings {
        isolation: match isolation {
            manifest::Isolation::Reuse => Isolation::Reuse,
            manifest::Isolation::Fresh => Isolation::Fresh,
        },
        isolates_min: count(isolates.min),
        isolates_max: count(isolates.max(*isolation)),
        waiting_bytes: count(isolates.waiting_mb).saturating_mul(MB),
        idle: Duration::from_secs(isolates.idle_seconds.into()),
        requests_max: count(limits.requests),
        ..PoolSettings::default()
    }
}

/// What is taken of clients.
pub(crate) fn clients(limits: &manifest::Limits) -> taipan_server::Limits {
    taipan_server::Limits {
        body_bytes_max: u64::from(limits.request_body_mb) << 20,
        requests_max: usize::try_from(limits.requests).unwrap_or(usize::MAX),
        crowded: false,
    }
}

/// What a worker may use.
pub(crate) fn limits(limits: &manifest::Limits) -> Limits {
    let milliseconds = |number: u32| Duration::from_millis(number.into());
    Limits {
        memory_bytes: usize::try_from(limits.memory_mb).unwrap_or(usize::MAX).saturating_mul(MB),
        startup_cpu: milliseconds(limits.startup_cpu_ms),
        cpu: milliseconds(limits.cpu_ms),
        wall: milliseconds(limits.wall_ms),
        wait_until: milliseconds(limits.wait_until_ms),
        inside: taipan_webapi::limits::Limits {
            timers: limits.timers,
            subrequests: limits.subrequests,
            log_kb: limits.log_kb,
            response_body_mb: limits.response_body_mb,
        },
    }
}

/// Who sees to the limits of all workers of this process.
pub(crate) fn guard() -> Result<Guard, Failure> {
    Guard::start().map_err(|source| Failure::System { what: "start a thread", source })
}

/// What everybody may know of a fault.
fn message(kind: &str) -> &'static str {
    match kind {
        "exception" => "the worker raised an exception",
        "no_handler" => "the worker has no handler for requests",
        "not_a_response" => "the worker's handler did not return a Response",
        "ended" => "the worker ended while it was answering",
        "cpu_ms" => "the worker exceeded its limit of CPU time (`taipan.limits.cpu_ms`)",
        "memory_mb" => "the worker exceeded its limit of memory (`taipan.limits.memory_mb`)",
        "wall_ms" => "the worker exceeded its limit of time (`taipan.limits.wall_ms`)",
        _ => "the worker failed",
    }
}

/// A limit that was exceeded is no fault of the server's.
fn status(kind: &str) -> StatusCode {
    match kind {
        "cpu_ms" | "memory_mb" => StatusCode::SERVICE_UNAVAILABLE,
        "wall_ms" => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Every flag, and whether a worker has it.
pub(crate) fn flags(has: &Flags) -> BTreeMap<&'static str, bool> {
    FLAGS.iter().map(|flag| (flag.name, has.has(flag.name))).collect()
}

/// The variables of a configuration, as JSON.
pub(crate) fn variables(
    variables: impl IntoIterator<Item = (String, Variable)>,
) -> BTreeMap<String, serde_json::Value> {
    variables.into_iter().map(|(name, value)| (name, json(value))).collect()
}

fn json(value: Variable) -> serde_json::Value {
    match value {
        Variable::Text(text) => text.into(),
        Variable::Json(value) => value,
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

/// Hands on what comes, until the end or until nobody reads any more.
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
