//! Requests that have a worker run as on its schedule, while it is developed.
//!
//! Paths, parameters and answers are those of miniflare (`packages/miniflare/src/workers/core`, its `/cdn-cgi/` routes).

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use taipan_runtime::Scheduled;
use taipan_server::{Body, Response};
use taipan_worker::Worker;
use url::Url;

/// The paths, of newer and older versions.
const PATHS: [&str; 3] =
    ["/cdn-cgi/local/scheduled", "/cdn-cgi/handler/scheduled", "/cdn-cgi/mf/scheduled"];

/// What a request has a worker do.
#[derive(Debug, PartialEq)]
pub(crate) struct Trigger {
    due: Scheduled,
    /// Whether the answer is JSON.
    json: bool,
}

/// What the request for `url` has a worker do; `None` for one that the worker answers itself.
pub(crate) fn of(url: &str) -> Option<Trigger> {
    let url = Url::parse(url).ok()?;
    if !PATHS.contains(&url.path()) {
        return None;
    }
    let value = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value);
    let time =
        value("time").and_then(|time| time.parse().ok()).filter(|time: &f64| time.is_finite());
    let cron = value("cron").unwrap_or_default().into_owned();
    let due = Scheduled { time: time.unwrap_or_else(now), cron };
    Some(Trigger { due, json: value("format").is_some_and(|format| format == "json") })
}

impl Trigger {
    /// Has the worker do it; what came of it is the answer. What went wrong is in the log.
    pub(crate) async fn run(self, worker: &Worker) -> Response {
        let (status, outcome) = match worker.scheduled(self.due).await {
            Ok(()) => (StatusCode::OK, "ok"),
            Err(_told) => (StatusCode::INTERNAL_SERVER_ERROR, "exception"),
        };
        let (text, kind) = match self.json {
            true => {
                (format!("{{\"outcome\":\"{outcome}\",\"noRetry\":false}}"), "application/json")
            }
            false => (outcome.to_owned(), "text/plain"),
        };
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
        Response { status, reason: None, headers, body: Body::Bytes(Bytes::from(text)) }
    }
}

/// Milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "a schedule is of this machine's time")]
fn now() -> f64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64() * 1000.0).floor()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_parameters() {
        let found =
            of("http://localhost/cdn-cgi/handler/scheduled?cron=*+*+*+*+*&time=1500").unwrap();
        let due = Scheduled { time: 1500.0, cron: "* * * * *".to_owned() };
        assert_eq!(found, Trigger { due, json: false });
        let found = of("http://localhost/cdn-cgi/local/scheduled?format=json&time=never").unwrap();
        assert!(found.json && found.due.cron.is_empty() && found.due.time > 1e12);
        for url in ["http://localhost/", "http://localhost/scheduled", "http://localhost/cdn-cgi/"]
        {
            assert_eq!(of(url), None, "{url}");
        }
    }
}
