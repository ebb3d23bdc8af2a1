//! The only place that touches the worker crate.
//!
//! Until that crate is there, a worker starts, and says with every request that
//! it cannot answer.

use std::{path::PathBuf, sync::Arc};

use http::StatusCode;
use taipan_manifest::Manifest;
use taipan_server::{Fault, Handler, Request, Response};
use taipan_store::Cache;
use tokio::sync::watch;

use crate::{command::Mount, failure::Failure};

/// What a worker is started from.
#[derive(Debug)]
#[expect(dead_code, reason = "read once the worker crate is joined")]
pub(crate) struct Settings {
    /// Where `main` is found.
    pub(crate) directory: PathBuf,
    pub(crate) manifest: Manifest,
    pub(crate) cache: Cache,
    pub(crate) quiet: bool,
}

/// A worker that runs.
#[derive(Debug)]
pub(crate) struct Worker {
    _settings: Settings,
}

/// A script that is ready to run.
#[derive(Debug)]
#[expect(dead_code, reason = "read once the worker crate is joined")]
pub(crate) struct Script<'a> {
    /// The Python source.
    pub(crate) source: String,
    /// `sys.argv`.
    pub(crate) arguments: Vec<String>,
    pub(crate) mounts: &'a [Mount],
    pub(crate) cache: Cache,
}

impl Worker {
    /// Starts a worker: its top level has run when this returns.
    #[expect(clippy::unused_async, reason = "starting a real worker is asynchronous")]
    pub(crate) async fn start(settings: Settings) -> Result<Self, Failure> {
        Ok(Self { _settings: settings })
    }

    #[expect(clippy::unused_async, reason = "asking a real worker is asynchronous")]
    async fn fetch(&self, _request: Request) -> Result<Response, Fault> {
        Err(Fault::new(StatusCode::NOT_IMPLEMENTED, "not built yet")
            .with_detail("this build of Taipan serves HTTP, and runs no Python yet"))
    }
}

/// Runs a script to its end; gives its exit code.
pub(crate) fn run_script(_script: &Script<'_>) -> Result<u8, Failure> {
    Err(Failure::NotBuilt { what: "running scripts" })
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
