//! A request that gets no response from its handler: what the client sees of it.

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};

use crate::{Body, Response};

/// The page that a browser shows; `{title}` and `{detail}` are filled in.
const PAGE: &str = include_str!("fault.html");

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

    /// The fault as a response: a page for a client that asked for one, else
    /// plain text.
    pub(crate) fn response(&self, details: Details, accept: Option<&HeaderValue>) -> Response {
        let detail = match details {
            Details::Hidden => None,
            Details::Shown => self.detail.as_deref(),
        };
        let (kind, text) = match detail {
            Some(detail) if wants_page(accept) => ("text/html; charset=utf-8", self.page(detail)),
            Some(detail) => {
                ("text/plain; charset=utf-8", format!("{}\n\n{detail}\n", self.message))
            }
            None => ("text/plain; charset=utf-8", format!("{}\n", self.message)),
        };
        let mut response = Response::new(self.status, Body::Bytes(Bytes::from(text)));
        response.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        if let Some(seconds) = self.retry_after_seconds {
            response.headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    fn page(&self, detail: &str) -> String {
        let (before, after) = PAGE.split_once("{detail}").unwrap_or((PAGE, ""));
        let title = escape(&format!("{}: {}", self.status, self.message));
        format!("{}{}{after}", before.replace("{title}", &title), escape(detail))
    }
}

fn wants_page(accept: Option<&HeaderValue>) -> bool {
    accept.and_then(|accept| accept.to_str().ok()).is_some_and(|text| text.contains("text/html"))
}

/// Text that HTML shows as it is.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
