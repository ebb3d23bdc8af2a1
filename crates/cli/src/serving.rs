//! What `taipan serve` and `taipan dev` share: their arguments, and a server that answers until a signal comes.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::builder::TypedValueParser;
use clap::{Args, ValueHint};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use taipan_daemon::{Current, Routes, Service, State};
use taipan_manifest::Isolation;
use taipan_runtime::Guard;
use taipan_server::{Backend, Drained, Listener, Settings, serve};
use taipan_store::{Digest, Step};
use taipan_worker::Worker;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::failure::Failure;
use crate::options::Options;
use crate::prepare::{Prepared, prepare};
use crate::progress::Display;
use crate::project::{Project, Variables};
use crate::runtime::runtime;
use crate::signals::{self, Signals};
use crate::suggested::Suggested;
use crate::{console, locking};

/// How many workers a command serves.
pub(crate) const WORKERS: usize = 1;

/// What to serve, and where; the worker's configuration fills the gaps.
#[derive(Args, Clone, Debug)]
pub(crate) struct ServingArguments {
    /// The worker's directory: with wrangler.jsonc (or .json, .toml), or entry.py
    #[arg(value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) directory: PathBuf,

    /// The port to listen on; 0 takes any that is free [default: the configuration's, else 8787]
    #[arg(long, short, value_name = "PORT", value_parser = port)]
    port: Option<u16>,

    /// The address to listen on; 0.0.0.0 is every network [default: the configuration's, else 127.0.0.1]
    #[arg(long, value_name = "ADDRESS", value_parser = ip)]
    ip: Option<IpAddr>,

    /// The configuration file, relative to DIR
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,

    /// Whether requests share isolates; `fresh` gives each its own [default: the configuration's, else reuse]
    #[arg(long, value_name = "MODE", value_parser = Suggested(isolations).try_map(|name| isolation(&name)))]
    isolation: Option<Isolation>,
}

/// Reads a port.
fn port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| "it is a whole number from 0 to 65535".into())
}

/// Reads the address of an interface, as `dev.ip` of a configuration has it.
fn ip(text: &str) -> Result<IpAddr, String> {
    taipan_manifest::address(text).ok_or_else(|| "it is an IP address, `localhost` or `*`".into())
}

/// Reads the name of an isolation.
fn isolation(name: &str) -> Result<Isolation, String> {
    let known = || Isolation::ALL.map(Isolation::name).join(" and ");
    Isolation::named(name).ok_or_else(|| format!("there are {}", known()))
}

fn isolations() -> Vec<&'static str> {
    Isolation::ALL.map(Isolation::name).into()
}

impl ServingArguments {
    /// Reads the worker's configuration.
    pub(crate) fn read(&self, variables: Variables) -> Result<Project, Failure> {
        let mut project = Project::read(&self.directory, self.config.as_deref(), variables)?;
        if let Some(isolation) = self.isolation {
            project.manifest.isolation = isolation;
        }
        Ok(project)
    }

    /// The same of another directory.
    pub(crate) fn with_directory(&self, directory: PathBuf) -> Self {
        Self { directory, ..self.clone() }
    }

    /// Where to listen: the command line goes first, then the configuration.
    pub(crate) fn address(&self, project: &Project) -> SocketAddr {
        let dev = &project.manifest.dev;
        SocketAddr::new(self.ip.unwrap_or(dev.ip), self.port.unwrap_or(dev.port))
    }
}

/// Serves to the end. It does not wait for a worker that still computes then, in its top level or for a request that has
/// had its time: only the limit of CPU time ends that.
pub(crate) fn run(
    served: impl Future<Output = Result<ExitCode, Failure>>,
) -> Result<ExitCode, Failure> {
    take_all_descriptors();
    // Before threads need some of it.
    taipan_runtime::check_address_space(1)?;
    let runtime = runtime()?;
    let outcome = runtime.block_on(async {
        signals::take_meaningless()?;
        served.await
    });
    runtime.shutdown_background();
    outcome
}

/// Raises the limit of open files to what the system allows: for a server its soft limit is often far too low.
fn take_all_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    // Where it is not to be raised, the server has what there is.
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).ok();
}

/// Makes the lock of a project before its worker is started; gives the digest of what was written, if that was necessary.
pub(crate) async fn fit(
    options: &Options,
    project: Project,
) -> Result<(Project, Option<Digest>), Failure> {
    let options = options.clone();
    let fitted = spawn_blocking(move || {
        let written = locking::fit(&options, &project)?;
        Ok((Project { updates_lock: false, ..project }, written))
    });
    fitted.await.map_err(|panic| Failure::Bug { what: panic.to_string() })?
}

/// Starts the worker of a project.
pub(crate) async fn start(
    options: &Options,
    guard: &Guard,
    project: Project,
) -> Result<Service, Failure> {
    let (means, guard) = (options.clone(), guard.clone());
    let prepared = spawn_blocking(move || prepare(&means, &guard, project)).await;
    let prepared = prepared.map_err(|panic| Failure::Bug { what: panic.to_string() })??;
    let Prepared { settings, release, clients } = prepared;
    let display = Display::new(options.quiet);
    let shown = Box::new(move |step: Step<'_>| display.show(step));
    let worker = Worker::start(settings, shown).await?;
    let runs_on = format!("Python {} (Pyodide {})", release.python, release.version);
    Ok(Service { worker, runs_on, clients, has_triggers: false })
}

/// The server's settings that both commands share; its observer prints what happens.
pub(crate) fn settings(options: &Options) -> Settings {
    let quiet = options.quiet;
    Settings { observer: Arc::new(move |event| console::tell(event, quiet)), ..Settings::default() }
}

/// Serves until a signal, then drains; a second signal ends that.
pub(crate) async fn answer(
    options: &Options,
    listener: Listener,
    worker: Backend<Current>,
    settings: Settings,
) -> Result<ExitCode, Failure> {
    let mut signals = Signals::take()?;
    let (stop, stopped) = watch::channel(false);
    let announced = announce(listener.address(), worker.handler.0.clone(), options.quiet);
    let routes = Routes::new(worker);
    let mut stopping = stopped.clone();
    let serving = serve(listener, routes, settings, async move {
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
) -> Infallible {
    let state = states.wait_for(|state| !matches!(state, State::Starting)).await;
    let state = state.map(|state| state.clone());
    let answers = match state {
        Ok(State::Running(service)) => Some(service.runs_on.clone()),
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

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::*;

    #[track_caller]
    fn parse(line: &[&str]) -> Result<ServingArguments, String> {
        let command = ServingArguments::augment_args(clap::Command::new("serve"));
        let matches = command.try_get_matches_from(["serve"].iter().chain(line));
        let arguments = matches.and_then(|matches| ServingArguments::from_arg_matches(&matches));
        arguments.map_err(|error| error.to_string())
    }

    #[test]
    fn where_to_serve() {
        let arguments = parse(&["d", "--port", "0", "--ip", "::1"]).unwrap();
        assert_eq!((arguments.port, arguments.ip), (Some(0), "::1".parse().ok()));
        for (option, value, expected) in [
            ("--port", "65536", "it is a whole number from 0 to 65535"),
            ("--port", "abc", "it is a whole number from 0 to 65535"),
            ("--ip", "local", "it is an IP address, `localhost` or `*`"),
        ] {
            let error = parse(&[option, value]).unwrap_err();
            assert!(error.contains(&format!("invalid value '{value}'")), "{error}");
            assert!(error.contains(expected), "{error}");
        }
        for (text, expect) in [("localhost", "127.0.0.1"), ("*", "0.0.0.0")] {
            let arguments = parse(&["--ip", text]).unwrap();
            assert_eq!(arguments.ip.unwrap().to_string(), expect);
        }
    }
}
