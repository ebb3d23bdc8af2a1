//! What a worker may use: each limit with its unit, its default and its bounds.

/// What a worker may use. Units are in the names: `_mb` is MiB, `_kb` is KiB,
/// `_ms` is milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// MiB of memory of one isolate: Python, JavaScript and the files of `/tmp`
    /// together. 128 is what Cloudflare gives, so that what fits here fits there;
    /// more than 2047 the JavaScript engine cannot address.
    pub memory_mb: u32,
    /// Milliseconds of CPU time for the worker's top level. 10,000 import the
    /// largest packages on a slow machine, and end a loop before its author
    /// does; it is spent once, since what the top level made is kept.
    pub startup_cpu_ms: u32,
    /// Milliseconds of CPU time for one request. 30,000 is Cloudflare's default;
    /// waiting does not count.
    pub cpu_ms: u32,
    /// Milliseconds from the head of a request to the end of its response.
    /// 300,000 (5 min) let a language model answer, and end what hangs.
    pub wall_ms: u32,
    /// MiB of a request's body. 100 is what Cloudflare's free plan takes.
    pub request_body_mb: u32,
    /// MiB of a response's body; none by default, as at Cloudflare: a response
    /// is sent while it is made, so a long one holds no memory, and `cpu_ms` and
    /// `wall_ms` end an endless one.
    pub response_body_mb: Option<u32>,
    /// Requests of one worker at a time. 1024 is far more than a machine answers
    /// well, and little enough to be refused before memory is.
    pub requests: u32,
    /// Outgoing requests of one request. 1000 is what Cloudflare's paid plan was
    /// long given; more is mostly a loop.
    pub subrequests: u32,
    /// Timers of one isolate that wait at a time. 10,000 is more than programs
    /// have use for; a timer costs some 100 bytes of the host's memory.
    pub timers: u32,
    /// KiB of log for one request: console and standard streams. 256 is what
    /// Cloudflare keeps of one; endless output would fill a disk.
    pub log_kb: u32,
    /// Milliseconds for which the work of `ctx.waitUntil` may go on after the
    /// response. 30,000 as at Cloudflare.
    pub wait_until_ms: u32,
}

impl Default for Limits {
    /// The reasons are with the fields.
    fn default() -> Self {
        Self {
            memory_mb: 128,
            startup_cpu_ms: 10_000,
            cpu_ms: 30_000,
            wall_ms: 300_000,
            request_body_mb: 100,
            response_body_mb: None,
            requests: 1024,
            subrequests: 1000,
            timers: 10_000,
            log_kb: 256,
            wait_until_ms: 30_000,
        }
    }
}

/// The least memory, in MiB: with less no release boots. The smallest worker needs 17 to 37, as its release does.
const MEMORY_MB_MIN: u32 = 16;

/// The most memory, in MiB: the engine counts bytes in an `int`.
const MEMORY_MB_MAX: u32 = 2047;

/// The longest of all times, in milliseconds: a day. No client waits longer, and
/// sums of times stay far from overflow.
const TIME_MS_MAX: u32 = 24 * 60 * 60 * 1000;

/// The longest body, in MiB: 1 TiB. A body flows and need not fit anywhere.
const BODY_MB_MAX: u32 = 1 << 20;

/// The most requests at a time: twice the sockets that a process usually has
/// at most, HTTP/2 has many in one.
const REQUESTS_MAX: u32 = 1 << 16;

/// The most outgoing requests of one request: what Cloudflare lets one set.
const SUBREQUESTS_MAX: u32 = 10_000_000;

/// The most timers: what an isolate may wait for in all
/// (`taipan_webapi::pending::OPERATIONS_MAX`).
const TIMERS_MAX: u32 = 1 << 16;

/// The longest log of a request, in KiB: 1 GiB.
const LOG_KB_MAX: u32 = 1 << 20;

/// How a number of the configuration is checked, and where it goes.
pub(crate) struct Rule<T> {
    /// The key in its table.
    pub(crate) key: &'static str,
    pub(crate) min: u32,
    pub(crate) max: u32,
    pub(crate) set: fn(&mut T, u32),
}

/// The keys of `taipan.limits`; those of `limits` are two of them.
pub(crate) const RULES: [Rule<Limits>; 11] = [
    rule("memory_mb", MEMORY_MB_MIN, MEMORY_MB_MAX, |limits, value| limits.memory_mb = value),
    rule("startup_cpu_ms", 1, TIME_MS_MAX, |limits, value| limits.startup_cpu_ms = value),
    rule("cpu_ms", 1, TIME_MS_MAX, |limits, value| limits.cpu_ms = value),
    rule("wall_ms", 1, TIME_MS_MAX, |limits, value| limits.wall_ms = value),
    rule("request_body_mb", 1, BODY_MB_MAX, |limits, value| limits.request_body_mb = value),
    rule("response_body_mb", 1, BODY_MB_MAX, |limits, value| limits.response_body_mb = Some(value)),
    rule("requests", 1, REQUESTS_MAX, |limits, value| limits.requests = value),
    rule("subrequests", 1, SUBREQUESTS_MAX, |limits, value| limits.subrequests = value),
    rule("timers", 1, TIMERS_MAX, |limits, value| limits.timers = value),
    rule("log_kb", 1, LOG_KB_MAX, |limits, value| limits.log_kb = value),
    rule("wait_until_ms", 0, TIME_MS_MAX, |limits, value| limits.wait_until_ms = value),
];

/// A rule, in one line.
pub(crate) const fn rule<T>(
    key: &'static str,
    min: u32,
    max: u32,
    set: fn(&mut T, u32),
) -> Rule<T> {
    Rule { key, min, max, set }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Limits, RULES};
    use crate::{Format, parse};

    /// The value of each limit, by the field's name.
    fn values(limits: &Limits) -> BTreeMap<String, String> {
        let text = format!("{limits:?}").replace("Some(", "").replace(')', "");
        let text = text.trim_start_matches("Limits { ").trim_end_matches(" }");
        let fields = text.split(", ").map(|field| field.split_once(": ").unwrap());
        fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn each_limit_is_read_by_its_name() {
        let mut unread = values(&Limits::default());
        for rule in RULES {
            let (key, max) = (rule.key, rule.max);
            let text =
                format!(r#"{{"main": "entry.py", "taipan": {{"limits": {{"{key}": {max}}}}}}}"#);
            let checked = parse("wrangler.json", &text, Format::Json).unwrap();
            assert!(checked.warnings.is_empty(), "{:?}", checked.warnings);
            let mut expected = values(&Limits::default());
            expected.insert(key.to_owned(), max.to_string());
            assert_eq!(values(&checked.manifest.limits), expected);
            assert!(unread.remove(key).is_some(), "{key}");
        }
        assert!(unread.is_empty(), "no rule has {unread:?}");
    }

    /// The page of all limits has their defaults and bounds too.
    #[test]
    fn the_page_says_the_same() {
        const PAGE: &str = include_str!("../../../docs/reference/limits.md");
        let (_, table) = PAGE.split_once("| key | without it | from, to |").unwrap();
        let (table, _) = table.split_once("\n\n").unwrap();
        let rows = table.lines().skip(2).map(|row| {
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            let (from, to) = cells[3].split_once(", ").unwrap();
            let [default, from, to] = [cells[2], from, to].map(|number| number.replace(',', ""));
            (cells[1].trim_matches('`').to_owned(), [default.replace("no limit", "None"), from, to])
        });
        let defaults = values(&Limits::default());
        let rules = RULES.iter().map(|rule| {
            let [from, to] = [rule.min, rule.max].map(|bound| bound.to_string());
            (rule.key.to_owned(), [defaults[rule.key].clone(), from, to])
        });
        assert_eq!(rows.collect::<BTreeMap<_, _>>(), rules.collect());
    }
}
