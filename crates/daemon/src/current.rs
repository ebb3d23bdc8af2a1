//! What answers requests at present.

use std::sync::Arc;

use http::StatusCode;
use taipan_server::{Fault, Handler, Limits, Request, Response};
use tokio::sync::watch;

use crate::adapter::Service;

/// What answers requests at present.
#[derive(Clone, Debug)]
pub enum State {
    /// Nothing yet: requests wait.
    Starting,
    /// This worker.
    Running(Arc<Service>),
    /// The worker does not start; every request is told why.
    Broken(Fault),
}

/// Answers requests with the worker of the moment. A request that a worker has
/// begun stays with it, whatever comes after.
#[derive(Clone, Debug)]
pub struct Current(pub watch::Receiver<State>);

impl Handler for Current {
    fn limits(&self) -> Limits {
        match &*self.0.borrow() {
            State::Running(service) => service.limits(),
            State::Starting | State::Broken(_) => Limits::default(),
        }
    }

    async fn handle(&self, request: Request) -> Result<Response, Fault> {
        let mut states = self.0.clone();
        let state = states.wait_for(|state| !matches!(state, State::Starting)).await;
        let state = state.map(|state| state.clone());
        match state {
            Ok(State::Running(service)) => service.fetch(request).await,
            Ok(State::Broken(fault)) => Err(fault),
            Ok(State::Starting) | Err(_) => {
                Err(Fault::new(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping"))
            }
        }
    }
}
