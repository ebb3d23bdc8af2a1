//! URLs for `URL` in JavaScript: parsing and the setters, by crate `url`.
//!
//! The parts of a URL go to JavaScript as one string, joined by line feeds,
//! which no serialised URL contains. Source: the URL standard, section 6.1.

use std::borrow::Cow;

use ::url::{Url, quirks};

/// A longer URL is refused, since nothing can stop the host while it parses: it takes up to 13 ns a byte. Browsers stop
/// at 2 MB, servers at 8 kB.
pub const URL_BYTES_MAX: usize = 512 << 10;

/// A longer host is refused, with what stands before it: names of the network have 253 bytes at most, and what the
/// parser does with one that is not ASCII takes 200 ns a byte.
pub const HOST_BYTES_MAX: usize = 4 << 10;

/// A part of a URL that has a setter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `protocol`
    Protocol,
    /// `username`
    Username,
    /// `password`
    Password,
    /// `host`
    Host,
    /// `hostname`
    Hostname,
    /// `port`
    Port,
    /// `pathname`
    Pathname,
    /// `search`
    Search,
    /// `hash`
    Hash,
}

impl Part {
    /// The part that JavaScript calls `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "protocol" => Self::Protocol,
            "username" => Self::Username,
            "password" => Self::Password,
            "host" => Self::Host,
            "hostname" => Self::Hostname,
            "port" => Self::Port,
            "pathname" => Self::Pathname,
            "search" => Self::Search,
            "hash" => Self::Hash,
            _ => return None,
        })
    }
}

/// The parts of the URL `input`, relative to `base`; `None` when it is none.
#[must_use]
pub fn parse(input: &str, base: Option<&str>) -> Option<String> {
    let bytes = input.len().max(base.map_or(0, str::len));
    if bytes > URL_BYTES_MAX {
        return None;
    }
    let (input, base) = (without_breaks(input), base.map(without_breaks));
    if has_long_host(&input) || base.as_deref().is_some_and(has_long_host) {
        return None;
    }
    let url = match base {
        None => Url::parse(&input).ok()?,
        Some(base) => Url::parse(&base).ok()?.join(&input).ok()?,
    };
    parts(&url)
}

/// `input` without its tabs and line ends (URL standard, 4.4: the basic URL parser, step 3). The crate passes over them
/// where it goes on, but not where it looks ahead, such as for the letter of a drive.
fn without_breaks(input: &str) -> Cow<'_, str> {
    const BREAKS: [char; 3] = ['\t', '\n', '\r'];
    if input.contains(BREAKS) { input.replace(BREAKS, "").into() } else { input.into() }
}

/// The parts of `href` after its `part` was set; `None` when nothing changed.
#[must_use]
pub fn set(href: &str, part: Part, value: &str) -> Option<String> {
    if href.len().max(value.len()) > URL_BYTES_MAX {
        return None;
    }
    let href = without_breaks(href);
    let is_host = matches!(part, Part::Host | Part::Hostname);
    if is_host && value.len() > HOST_BYTES_MAX || has_long_host(&href) {
        return None;
    }
    let before = Url::parse(&href).ok()?;
    let mut url = before.clone();
    // The setters of the standard ignore a value that does not fit.
    let fits = match part {
        Part::Protocol => quirks::set_protocol(&mut url, value).is_ok(),
        Part::Username => quirks::set_username(&mut url, value).is_ok(),
        Part::Password => quirks::set_password(&mut url, value).is_ok(),
        Part::Host => quirks::set_host(&mut url, value).is_ok(),
        Part::Hostname => quirks::set_hostname(&mut url, value).is_ok(),
        Part::Port => quirks::set_port(&mut url, value).is_ok(),
        Part::Pathname => {
            quirks::set_pathname(&mut url, value);
            true
        }
        Part::Search => {
            quirks::set_search(&mut url, value);
            true
        }
        Part::Hash => {
            quirks::set_hash(&mut url, value);
            true
        }
    };
    if fits && url != before { parts(&url) } else { None }
}

/// Whether the host in `input`, with the name and password before it, is longer than [`HOST_BYTES_MAX`]. As the parser
/// does, it takes `\` for `/`.
fn has_long_host(input: &str) -> bool {
    if input.len() <= HOST_BYTES_MAX {
        return false;
    }
    let text = input.trim_start_matches(|character: char| character <= ' ');
    let scheme = text.split_once(':').filter(|(scheme, _)| is_special(scheme));
    let rest = scheme.map_or(text, |(_, rest)| rest);
    let begin = rest.find(|character| !matches!(character, '/' | '\\'));
    let (slashes, host) = rest.split_at(begin.unwrap_or(rest.len()));
    let slashes = slashes.matches(['/', '\\']).count();
    let length = host.find(['/', '\\', '?', '#']).unwrap_or(host.len());
    length > HOST_BYTES_MAX && (scheme.is_some() || slashes > 1)
}

/// Whether a scheme is one of those whose hosts are names (URL standard, 3.1).
fn is_special(scheme: &str) -> bool {
    ["http", "https", "ws", "wss", "ftp", "file"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
}

/// The parts in the order that `js/url.js` reads them.
fn parts(url: &Url) -> Option<String> {
    if url.as_str().len() > URL_BYTES_MAX {
        return None;
    }
    let origin = quirks::origin(url);
    let parts = [
        quirks::href(url),
        origin.as_str(),
        quirks::protocol(url),
        quirks::username(url),
        quirks::password(url),
        quirks::hostname(url),
        quirks::port(url),
        quirks::pathname(url),
        quirks::search(url),
        quirks::hash(url),
    ];
    Some(parts.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(found: Option<String>, expected: Option<&str>) {
        assert_eq!(found.map(|parts| parts.replace('\n', "|")).as_deref(), expected);
    }

    #[test]
    fn all_parts() {
        check(
            parse(" HTTP://user:pass@Example.ORG:81/a/../b?q#f\n", None),
            Some(
                "http://user:pass@example.org:81/b?q#f|http://example.org:81|http:|user|pass|example.org|81|/b|?q|#f",
            ),
        );
    }

    #[test]
    fn breaks() {
        check(
            parse("fi\tle://e/B:\n:/\r\nx", Some("da\nta:,")),
            Some("file://e/B::/x|null|file:|||e||/B::/x||"),
        );
    }

    #[test]
    fn relative() {
        check(
            parse("../x", Some("https://example.org/a/b/c")),
            Some("https://example.org/a/x|https://example.org|https:|||example.org||/a/x||"),
        );
    }

    #[test]
    fn opaque() {
        check(parse("mailto:a@b", None), Some("mailto:a@b|null|mailto:|||||a@b||"));
    }

    #[test]
    fn not_urls() {
        for input in
            ["", "//example.org", "http://", "http://a b/", "http://[::1", "http://a:99999/"]
        {
            check(parse(input, None), None);
        }
    }

    #[test]
    fn too_long() {
        check(parse(&format!("data:,{}", "a".repeat(URL_BYTES_MAX)), None), None);
        check(set("http://a/", Part::Hash, &"a".repeat(URL_BYTES_MAX)), None);
    }

    #[test]
    fn long_hosts() {
        let name = "é".repeat(HOST_BYTES_MAX / 2 + 1);
        let slashes = ["http://", "HTTP:\\", "ht\ttp:/\n/", " \0wss:", "file:///"];
        for input in slashes.map(|slashes| format!("{slashes}{name}/")) {
            assert!(has_long_host(&without_breaks(&input)), "{input:.20}");
        }
        check(parse(&format!("http://{name}/"), None), None);
        check(parse(&format!("/\t/{name}"), Some("http://a/")), None);
        check(set("http://a/", Part::Hostname, &name), None);
        check(set(&format!("ht\ttp:/\n/{name}/"), Part::Hash, "b"), None);
        for input in ["http://a/", "data:", "/", "http://a?", "mailto:"] {
            assert!(!has_long_host(&format!("{input}{name}")), "{input}");
        }
    }

    #[test]
    fn setters() {
        let cases = [
            (Part::Protocol, "https", "https://a/b"),
            (Part::Host, "c:8080", "http://c:8080/b"),
            (Part::Hostname, "c", "http://c/b"),
            (Part::Port, "90", "http://a:90/b"),
            (Part::Username, "u", "http://u@a/b"),
            (Part::Password, "p", "http://:p@a/b"),
            (Part::Pathname, "x y", "http://a/x%20y"),
            (Part::Search, "q=1", "http://a/b?q=1"),
            (Part::Hash, "#h", "http://a/b#h"),
        ];
        for (part, value, expected) in cases {
            let found = set("http://a/b", part, value).unwrap();
            assert_eq!(found.split('\n').next(), Some(expected), "{part:?} = {value}");
        }
    }

    #[test]
    fn setters_that_change_nothing() {
        for (part, value) in
            [(Part::Protocol, "mailto"), (Part::Host, "a b"), (Part::Port, "x"), (Part::Hash, "")]
        {
            check(set("http://a/b", part, value), None);
        }
    }
}
