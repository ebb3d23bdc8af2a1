//! `taipan dev`: serves a worker, and starts it again whenever its files change.

use std::convert::Infallible;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use http::StatusCode;
use taipan_daemon::{Current, Service, State};
use taipan_lock::without_passwords;
use taipan_runtime::Guard;
use taipan_server::{Backend, Details, Fault, Hosts, Listener, Settings};
use taipan_webapi::causes;
use tokio::sync::watch;

use crate::console;
use crate::failure::Failure;
use crate::options::Options;
use crate::project::{Project, Variables};
use crate::report::report;
use crate::runtime::guard;
use crate::serving::{self, ServingArguments, WORKERS};
use crate::watching::Changes;

/// Serve the worker in a directory while you write it
///
/// Starts again when a file is saved, shows errors with their whole traceback
/// in the terminal and in the browser, and prints a line for each request.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    serving: ServingArguments,
}

const EXAMPLES: &str = "\
Examples:
  taipan dev samples/hello              serve it at http://127.0.0.1:8787
  taipan dev samples/hello --port 9000  at another port
  taipan dev --ip 0.0.0.0 .             for all machines of your network

Press Ctrl+C to stop.";

/// Snapshots of a worker that stay in the cache, so that what is taken back starts at once.
const SNAPSHOTS_KEPT: usize = 3;

/// Serves a worker, and starts it again whenever its files change.
pub(crate) fn run(arguments: &Arguments, options: &Options) -> Result<ExitCode, Failure> {
    let arguments = &arguments.serving;
    console::start_log(true, WORKERS)?;
    let project = arguments.read(Variables::Development)?;
    let address = arguments.address(&project);
    // A server of the loopback interface alone is guarded against other sites'
    // pages; one for the network is reached by names that we cannot know.
    let local = address.ip().to_canonical().is_loopback();
    let hosts = if local { Hosts::Local } else { Hosts::Any };
    serving::run(async {
        let listener = Listener::bind(address)?;
        let changes = Changes::watch(&project.directory)?;
        let guard = guard()?;
        let (state, states) = watch::channel(State::Starting);
        let worker = Backend::new(project.name(), Current(states));
        let settings = Settings { details: Details::Shown, hosts, ..serving::settings(options) };
        tokio::select! {
            code = serving::answer(options, listener, worker, settings) => code,
            never = keep_current(arguments, options, &guard, project, &state, changes) => match never {},
        }
    })
}

/// Starts the worker, and again after every change.
async fn keep_current(
    arguments: &ServingArguments,
    options: &Options,
    guard: &Guard,
    project: Project,
    state: &watch::Sender<State>,
    mut changes: Changes,
) -> Infallible {
    let mut asked_for = arguments.address(&project);
    // The path as it was found: a relative name leads nowhere once the directory is removed, even if another takes
    // its place.
    let root =
        fs_err::canonicalize(&arguments.directory).unwrap_or_else(|_| arguments.directory.clone());
    let found = arguments.with_directory(root);
    let mut project = Ok(project);
    let mut is_again = false;
    loop {
        let worker = match project {
            Ok(project) => {
                let directory = project.directory.clone();
                let worker = start(options, guard, project, &mut changes).await;
                worker.inspect(|service| keep_few(options, &directory, service))
            }
            Err(failure) => Err(failure),
        };
        state.send_replace(match worker {
            Ok(worker) => {
                // The first time the server says so, with its address.
                if is_again && !options.quiet {
                    console::say("the worker has started again");
                }
                State::Running(Arc::new(worker))
            }
            Err(failure) => {
                report(&failure);
                State::Broken(broken(&failure))
            }
        });
        is_again = true;
        changes.next().await;
        state.send_replace(State::Starting);
        if !options.quiet {
            console::say("a file has changed, starting again");
        }
        let named = fs_err::canonicalize(&arguments.directory);
        let arguments =
            if named.is_ok_and(|now| now == found.directory) { arguments } else { &found };
        project = arguments.read(Variables::Development);
        if let Ok(project) = &project {
            let now = arguments.address(project);
            if now != std::mem::replace(&mut asked_for, now) {
                console::warn(
                    "`dev.ip` and `dev.port` are read once: start `taipan dev` again to listen elsewhere",
                );
            }
        }
    }
}

/// Starts the worker. That the lock is written for it is no change for which it would have to be started again.
async fn start(
    options: &Options,
    guard: &Guard,
    project: Project,
    changes: &mut Changes,
) -> Result<Service, Failure> {
    let (project, written) = serving::fit(options, project).await?;
    changes.pass_over(written);
    let service = serving::start(options, guard, project).await?;
    Ok(Service { has_triggers: true, ..service })
}

/// Keeps the last few snapshots of a worker in the cache, and no more: each save makes another.
fn keep_few(options: &Options, directory: &Path, service: &Service) {
    let kept = options.cache().and_then(|cache| {
        let list = format!("dev {}", directory.display());
        Ok(cache.keep_recent(&list, service.worker.snapshot(), SNAPSHOTS_KEPT, &|_| ())?)
    });
    match kept {
        // A cache that can only be read has nothing to remove, and a warning has said so.
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
    for cause in causes(failure) {
        detail += &format!("\n  caused by: {cause}");
    }
    if !failure.traceback().is_empty() {
        detail += &format!("\n\n{}", failure.traceback());
    }
    // Whoever asks sees it.
    let detail = without_passwords(&detail).into_owned();
    Fault::new(StatusCode::INTERNAL_SERVER_ERROR, WHAT).with_detail(detail)
}
