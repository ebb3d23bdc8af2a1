//! `taipan serve`: serves a worker for production.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use taipan_daemon::{Current, State};
use taipan_manifest::DEV_VARS_FILE;
use taipan_server::{Backend, Details, Hosts, Listener, Settings};
use tokio::sync::watch;

use crate::console;
use crate::failure::Failure;
use crate::options::Options;
use crate::project::Variables;
use crate::runtime::guard;
use crate::serving::{self, ServingArguments, WORKERS};

/// Serve the worker in a directory
///
/// As `dev`, but for production: files are read once, and what an error says
/// goes to the log only.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    serving: ServingArguments,

    /// Make the lock of the worker's packages again when it does not fit pyproject.toml, instead of refusing it
    #[arg(long)]
    sync: bool,
}

const EXAMPLES: &str = "\
Examples:
  taipan serve samples/hello
  taipan serve --config wrangler.production.jsonc --port 80 --ip 0.0.0.0 my-worker

SIGTERM and Ctrl+C let requests in flight finish; a second one does not.";

/// Serves a worker until it is told to stop.
pub(crate) fn run(arguments: &Arguments, options: &Options) -> Result<ExitCode, Failure> {
    console::start_log(false, WORKERS)?;
    let mut project = arguments.serving.read(Variables::Configured)?;
    project.updates_lock = arguments.sync;
    if !options.quiet && project.directory.join(DEV_VARS_FILE).is_file() {
        console::say(format_args!("{DEV_VARS_FILE} is not used by `serve`, only by `taipan dev`"));
    }
    let address = arguments.serving.address(&project);
    serving::run(async {
        let listener = Listener::bind(address)?;
        let name = project.name();
        let worker = serving::start(options, &guard()?, project).await?;
        let (_state, states) = watch::channel(State::Running(Arc::new(worker)));
        let worker = Backend::new(name, Current(states));
        let settings =
            Settings { details: Details::Hidden, hosts: Hosts::Any, ..serving::settings(options) };
        serving::answer(options, listener, worker, settings).await
    })
}
