//! `taipan serve` and `taipan dev`.

use std::{net::SocketAddr, path::Path, process::ExitCode, sync::Arc};

use http::StatusCode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use taipan_manifest::DEV_VARS_FILE;
use taipan_release::Release;
use taipan_server::{Details, Drained, Fault, Hosts, Listener, Settings, serve as serve_http};
use taipan_worker::Guard;
use tokio::{sync::watch, task::spawn_blocking};

use crate::{
    console,
    failure::Failure,
    options::{Command, ServeRequest},
    prepare::{Means, prepare},
    project::{Project, Variables},
    signals::{self, Signals},
    watching::Changes,
    workers::{self, Current, State, Worker},
};

/// Snapshots of a worker that `dev` leaves in the cache, so that what is taken back starts at once.
const SNAPSHOTS_KEPT: usize = 3;

/// Serves a worker until it is told to stop.
pub(crate) fn serve(command: &Command, request: &ServeRequest) -> Result<ExitCode, Failure> {
    console::start_log(false)?;
    let project = read(request, Variables::Configured)?;
    if !command.quiet && project.directory.join(DEV_VARS_FILE).is_file() {
        console::say(format_args!("{DEV_VARS_FILE} is not used by `serve`, only by `taipan dev`"));
    }
    let address = address(&project, request);
    run(async {
        let listener = Listener::bind(address)?;
        let worker = start(command, &workers::guard()?, project).await?;
        let (_state, states) = watch::channel(State::Running(Arc::new(worker)));
        let settings =
            Settings { details: Details::Hidden, hosts: Hosts::Any, ..settings(command) };
        answer(command, listener, Current(states), settings).await
    })
}

/// Serves a worker, and a new one whenever its files change.
pub(crate) fn dev(command: &Command, request: &ServeRequest) -> Result<ExitCode, Failure> {
    console::start_log(true)?;
    let project = read(request, Variables::Development)?;
    let address = address(&project, request);
    // A server of the loopback interface alone is guarded against other sites'
    // pages; one for the network is reached by names that we cannot know.
    let local = address.ip().to_canonical().is_loopback();
    let hosts = if local { Hosts::Local } else { Hosts::Any };
    run(async {
        let listener = Listener::bind(address)?;
        let changes = Changes::watch(&project.directory)?;
        let guard = workers::guard()?;
        let (state, states) = watch::channel(State::Starting);
        let settings = Settings { details: Details::Shown, hosts, ..settings(command) };
        tokio::select! {
            code = answer(command, listener, Current(states), settings) => code,
            never = keep_current(command, request, &guard, project, &state, changes) => match never {},
        }
    })
}

/// Serves to the end. Nobody waits for a worker that computes then, in its top level or for a request that has had its
/// time: that ends at the limit of CPU time only.
fn run(served: impl Future<Output = Result<ExitCode, Failure>>) -> Result<ExitCode, Failure> {
    take_all_descriptors();
    // Before threads need some of it.
    taipan_worker::check_address_space(1)?;
    let runtime = workers::runtime()?;
    let outcome = runtime.block_on(async {
        signals::take_meaningless()?;
        served.await
    });
    runtime.shutdown_background();
    outcome
}

/// Raises the limit of open files as far as the system lets us: for a server its soft limit is often far too low.
fn take_all_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    // Where it is not to be raised, the server has what there is.
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).ok();
}

/// Starts the worker, and again after every change.
async fn keep_current(
    command: &Command,
    request: &ServeRequest,
    guard: &Guard,
    project: Project,
    state: &watch::Sender<State>,
    mut changes: Changes,
) -> std::convert::Infallible {
    let mut asked_for = address(&project, request);
    // As it was found: a relative name leads nowhere once the directory was removed, whatever takes its place.
    let root =
        fs_err::canonicalize(&request.directory).unwrap_or_else(|_| request.directory.clone());
    let found = ServeRequest { directory: root, ..request.clone() };
    let mut project = Ok(project);
    loop {
        let worker = match project {
            Ok(project) => {
                let directory = project.directory.clone();
                let worker = start(command, guard, project).await;
                worker.inspect(|worker| keep_few(command, &directory, worker))
            }
            Err(failure) => Err(failure),
        };
        state.send_replace(match worker {
            Ok(worker) => State::Running(Arc::new(worker)),
            Err(failure) => {
                failure.report();
                State::Broken(broken(&failure))
            }
        });
        changes.next().await;
        state.send_replace(State::Starting);
        if !command.quiet {
            console::say("a file has changed, starting again");
        }
        let named = fs_err::canonicalize(&request.directory);
        let request = if named.is_ok_and(|now| now == found.directory) { request } else { &found };
        project = read(request, Variables::Development);
        if let Ok(project) = &project {
            let now = address(project, request);
            if now != std::mem::replace(&mut asked_for, now) {
                console::warn(
                    "`dev.ip` and `dev.port` are read once: start `taipan dev` again to listen elsewhere",
                );
            }
        }
    }
}

/// Has the cache keep the last few snapshots of a worker that is being written: each save makes another.
fn keep_few(command: &Command, directory: &Path, worker: &Worker) {
    let kept = command.cache().and_then(|cache| {
        let whose = format!("dev {}", directory.display());
        Ok(cache.keep_recent(&whose, worker.snapshot(), SNAPSHOTS_KEPT, &|_| ())?)
    });
    match kept {
        // That has told of itself, and has nothing to remove.
        Err(Failure::Store(error)) if error.is_read_only() => {}
        Err(Failure::Store(error)) => {
            console::warn(format_args!("older snapshots stay in the cache: {error}"));
        }
        Err(failure) => console::warn(format_args!("older snapshots stay in the cache: {failure}")),
        Ok(()) => {}
    }
}

/// What requests are told while the worker does not start.
fn broken(failure: &Failure) -> Fault {
    const WHAT: &str = "the worker does not start";
    let said = failure.to_string();
    let mut detail = said
        .strip_prefix(WHAT)
        .and_then(|said| said.strip_prefix(": "))
        .unwrap_or(&said)
        .to_owned();
    let mut cause = std::error::Error::source(failure);
    while let Some(error) = cause {
        detail += &format!("\n  caused by: {error}");
        cause = error.source();
    }
    if !failure.traceback().is_empty() {
        detail += &format!("\n\n{}", failure.traceback());
    }
    Fault::new(StatusCode::INTERNAL_SERVER_ERROR, WHAT).with_detail(detail)
}

/// Serves until a signal, then drains; a second signal ends that.
async fn answer(
    command: &Command,
    listener: Listener,
    handler: Current,
    settings: Settings,
) -> Result<ExitCode, Failure> {
    let mut signals = Signals::take()?;
    let (stop, stopped) = watch::channel(false);
    let announced = announce(listener.address(), handler.0.clone(), command.quiet);
    let mut stopping = stopped.clone();
    let serving = serve_http(listener, handler, settings, async move {
        // An error says that the sender is gone, which stops the server as well.
        stopping.wait_for(|stop| *stop).await.ok();
    });
    let interrupted = async {
        signals.stop().await;
        stop.send_replace(true);
        signals.stop_at_once().await;
    };
    tokio::select! {
        drained = serving => {
            if let Drained::Cut { connections } = drained {
                let were = if connections == 1 { "connection was" } else { "connections were" };
                console::warn(format_args!("{connections} {were} cut, the time to finish was up"));
            }
            Ok(ExitCode::SUCCESS)
        }
        () = interrupted => Err(Failure::Interrupted),
        never = announced => match never {},
    }
}

/// Says where the server listens, as soon as its worker answers, or is known not to start.
async fn announce(
    address: SocketAddr,
    mut states: watch::Receiver<State>,
    quiet: bool,
) -> std::convert::Infallible {
    let state = states.wait_for(|state| !matches!(state, State::Starting)).await;
    let state = state.map(|state| state.clone());
    let answers = match state {
        Ok(State::Running(worker)) => {
            let Release { python, version, .. } = worker.release;
            Some(format!("Python {python} (Pyodide {version})"))
        }
        Ok(State::Broken(_)) => Some("the worker does not start".to_owned()),
        // The server ends.
        Ok(State::Starting) | Err(_) => None,
    };
    if let (Some(answers), false) = (answers, quiet) {
        console::say(format_args!(
            "listening on http://{address}, {answers}, press Ctrl+C to stop"
        ));
    }
    std::future::pending().await
}

fn read(request: &ServeRequest, variables: Variables) -> Result<Project, Failure> {
    let mut project = Project::read(&request.directory, request.config.as_deref(), variables)?;
    if let Some(isolation) = request.isolation {
        project.manifest.isolation = isolation;
    }
    project.warnings.iter().for_each(console::warn);
    Ok(project)
}

async fn start(command: &Command, guard: &Guard, project: Project) -> Result<Worker, Failure> {
    let means = Means::of(command, guard)?;
    let prepared = spawn_blocking(move || prepare(means, project)).await;
    Worker::start(prepared.map_err(|panic| Failure::Bug { what: panic.to_string() })??).await
}

/// The command line goes first, then the configuration.
fn address(project: &Project, request: &ServeRequest) -> SocketAddr {
    let dev = &project.manifest.dev;
    SocketAddr::new(request.ip.unwrap_or(dev.ip), request.port.unwrap_or(dev.port))
}

fn settings(command: &Command) -> Settings {
    let quiet = command.quiet;
    Settings { observer: Arc::new(move |event| console::tell(event, quiet)), ..Settings::default() }
}
