//! A request that gets no response from its handler, and why.

use http::StatusCode;

/// Why there is no response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{status}: {message}")]
pub struct Fault {
    /// The status, from 400 to 599.
    pub status: StatusCode,
    /// One line for everybody.
    pub message: String,
    /// What only the worker's author may see, such as a traceback.
    pub detail: Option<String>,
    /// Seconds after which the client may ask again, for its `retry-after`.
    pub retry_after_seconds: Option<u32>,
}

/// Whether a client may see [`Fault::detail`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Details {
    /// For production.
    Hidden,
    /// For development.
    Shown,
}

impl Fault {
    /// A fault with nothing to hide.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), detail: None, retry_after_seconds: None }
    }

    /// The same fault, with what only the author may see.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The same fault, for a client that may ask again after so many seconds.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }
}
