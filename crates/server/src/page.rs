//! What a client sees of a fault: a page, or a text.

use bytes::Bytes;
use http::{HeaderValue, header};

use crate::{Body, Details, Fault, Response};

/// The page that a browser shows; `{title}` and `{detail}` are filled in.
const PAGE: &str = include_str!("page.html");

impl Fault {
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
