//! Which of the programs behind a server a request is for.

use std::sync::Arc;
use std::time::Duration;

use crate::limits::Places;
use crate::{Handler, Target};

/// Knows the backends of a server, and which of them a request is for.
pub trait Router: Send + Sync + 'static {
    /// What answers requests.
    type Handler: Handler;

    /// The backend for `target`; asked with each request whose head is good, before its limits are.
    fn route(&self, target: &Target) -> &Backend<Self::Handler>;

    /// All backends, each once.
    fn backends(&self) -> impl Iterator<Item = &Backend<Self::Handler>>;
}

/// A handler with the requests that it answers: they are counted apart from those of other backends.
#[derive(Debug)]
pub struct Backend<H> {
    /// Its name, for people.
    pub name: Arc<str>,
    /// What answers.
    pub handler: H,
    pub(crate) requests: Arc<Places>,
}

impl<H: Handler> Backend<H> {
    /// A backend without requests.
    pub fn new(name: impl Into<Arc<str>>, handler: H) -> Self {
        Self { name: name.into(), handler, requests: Arc::default() }
    }

    /// Ends the requests of slow clients, as [`Places::sweep`] does.
    pub(crate) fn sweep(&self, time_max: Duration) {
        self.requests.sweep(time_max, self.handler.limits());
    }
}
