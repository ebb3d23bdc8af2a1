//! The target of a request: its absolute URL, and whether we answer for that host.

use std::net::{Ipv4Addr, SocketAddr};

use http::header::HOST;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, Method, StatusCode, Uri, Version};

use url::{Host, ParseError, Url};

use crate::Fault;

/// The hosts for which a server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hosts {
    /// Any, for a server behind a proxy or in public.
    Any,
    /// `localhost`, names below it, and IP addresses. A page of another site
    /// cannot reach a developer's worker by a name that it makes point here
    /// (DNS rebinding).
    Local,
}

/// What every URL here begins with.
const SCHEME: &str = "http://";

/// The target of a request.
#[derive(Debug)]
pub struct Target {
    /// The absolute URL, serialised as the URL standard has it.
    pub(crate) url: String,
    /// Bytes of the host, which follows the scheme.
    host_bytes: usize,
    /// The host and port, as the client wrote them.
    pub(crate) authority: Authority,
}

impl Target {
    /// The host without its port, serialised as the URL standard has it: a name in lower case, an IPv6 address in
    /// brackets.
    pub fn host(&self) -> &str {
        &self.url[SCHEME.len()..][..self.host_bytes]
    }
}

/// The target of a request that came in at `local`.
pub(crate) fn target(
    request: &http::request::Parts,
    local: SocketAddr,
    hosts: Hosts,
) -> Result<Target, Fault> {
    if matches!(request.method, Method::CONNECT | Method::TRACE) {
        let message = format!("the method {} is not served", request.method);
        return Err(Fault::new(StatusCode::NOT_IMPLEMENTED, message));
    }
    // A host alone is for `CONNECT` (RFC 9112, 3.2.3), and would be taken for the worker's own.
    if request.uri.scheme().is_none() && request.uri.authority().is_some() {
        return Err(refused("the target is neither a path nor a URL"));
    }
    let authority = authority(&request.uri, &request.headers, request.version, local)?;
    let path = match request.uri.path_and_query().map_or("/", PathAndQuery::as_str) {
        // `OPTIONS *` asks about the server as a whole: its root is nearest.
        "*" if request.method == Method::OPTIONS => "/",
        "*" => return Err(refused("the target * is for OPTIONS only")),
        path => path,
    };
    let slash = if path.starts_with('/') { "" } else { "/" };
    let written = [SCHEME, authority.as_str(), slash, path].concat();
    if hosts == Hosts::Any && is_plain_host(&authority) && is_plain_path(path) {
        return Ok(Target { url: written, host_bytes: authority.host().len(), authority });
    }
    let url = Url::parse(&written).map_err(|error| match error {
        ParseError::InvalidPort => refused("the port of the host is not a number up to 65535"),
        _ => refused("the host is not a name"),
    })?;
    if hosts == Hosts::Local && !url.host().is_some_and(|host| is_local(&host)) {
        let message = format!("{} is not a name of this development server", authority.host());
        return Err(Fault::new(StatusCode::MISDIRECTED_REQUEST, message));
    }
    // No user stands before the host: `authority` refuses one.
    let host_bytes = url.host_str().map_or(0, str::len);
    Ok(Target { url: url.into(), host_bytes, authority })
}

/// Whether a host and port are as the URL standard serialises them: an IPv4 address, or a name of lower case letters,
/// for sure. Others may be as well.
fn is_plain_host(authority: &Authority) -> bool {
    let (text, host) = (authority.as_str(), authority.host());
    let port = match text[host.len()..].strip_prefix(':') {
        None => text.len() == host.len(),
        Some("80") => false,
        // `parse` takes a sign as well.
        Some(port) => {
            port.starts_with(|first| ('1'..='9').contains(&first)) && port.parse::<u16>().is_ok()
        }
    };
    let is_label = |label: &str| {
        let is_plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        label.starts_with(|first: char| first.is_ascii_lowercase())
            && !label.contains("--")
            && label.bytes().all(is_plain)
    };
    port && (host.split('.').all(is_label) || host.parse::<Ipv4Addr>().is_ok())
}

/// Whether a path with its query is as the URL standard serialises it, for sure.
fn is_plain_path(path: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~!$&()*+,;:@=?".contains(&byte);
    path.starts_with('/') && !path.contains("/.") && path.bytes().all(is_plain)
}

fn refused(message: &str) -> Fault {
    Fault::new(StatusCode::BAD_REQUEST, message)
}

/// The host and port that the client means: of the request line or `:authority`
/// first, then of `Host` (RFC 9112, 3.2 and 3.3).
fn authority(
    uri: &Uri,
    headers: &HeaderMap,
    version: Version,
    local: SocketAddr,
) -> Result<Authority, Fault> {
    let mut lines = headers.get_all(HOST).iter();
    let host = lines.next();
    if lines.next().is_some() {
        return Err(refused("more than one host header"));
    }
    let text = match (uri.authority(), host) {
        (Some(authority), _) => authority.as_str().to_owned(),
        (None, Some(host)) => {
            host.to_str().map_err(|_| refused("the host header is not a name"))?.to_owned()
        }
        (None, None) if version <= Version::HTTP_10 => local.to_string(),
        (None, None) => return Err(refused("the host header is missing")),
    };
    let authority: Authority = text.parse().map_err(|_| refused("the host is not a name"))?;
    if authority.as_str().contains('@') || authority.host().is_empty() {
        return Err(refused("the host is not a name"));
    }
    Ok(authority)
}

fn is_local(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        Host::Ipv4(_) | Host::Ipv6(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares the URL, or the fault, of a request for `uri` with `host`.
    #[track_caller]
    fn check(method: &str, uri: &str, host: Option<&str>, expect: &str) {
        let mut request = http::Request::builder().method(method).uri(uri);
        if let Some(host) = host {
            request = request.header(HOST, host);
        }
        let parts = request.body(()).unwrap().into_parts().0;
        let local = "127.0.0.1:8787".parse().unwrap();
        let found = target(&parts, local, Hosts::Local).map(|target| target.url);
        assert_eq!(found.unwrap_or_else(|fault| fault.to_string()), expect);
    }

    #[test]
    fn forms_of_target() {
        check("GET", "/a?b=c", Some("localhost:1"), "http://localhost:1/a?b=c");
        check("GET", "/a/../%2e", Some("localhost"), "http://localhost/");
        check("GET", "http://127.0.0.1/x", Some("ignored.test"), "http://127.0.0.1/x");
        check("GET", "http://localhost?q", None, "http://localhost/?q");
        check("OPTIONS", "*", Some("localhost"), "http://localhost/");
        check("GET", "//double", Some("[::1]:80"), "http://[::1]//double");
        check(
            "GET",
            "/a b".replace(' ', "%20").as_str(),
            Some("LocalHost:8787"),
            "http://localhost:8787/a%20b",
        );
        let written = "http://127.0.0.1/caf%C3%A9%22%7B%7D|?%27%e9";
        check("GET", "/caf\u{e9}\"{}|?'%e9", Some("127.1:80"), written);
        check("GET", "/%e9/./c/..", Some("localhost:"), "http://localhost/%e9/");
    }

    #[test]
    fn hosts() {
        let check = |uri: &str, host: &str, expect: &str| {
            let request = http::Request::builder().uri(uri).header(HOST, host).body(()).unwrap();
            let local = "127.0.0.1:8787".parse().unwrap();
            let found = target(&request.into_parts().0, local, Hosts::Any).unwrap();
            assert_eq!(found.host(), expect);
        };
        check("/a", "api.example.org:81", "api.example.org");
        check("/a b".replace(' ', "%20").as_str(), "API.Example.org", "api.example.org");
        check("/a", "a.test.", "a.test.");
        check("/a", "127.1:80", "127.0.0.1");
        check("/a", "[0:0::1]:8080", "[::1]");
        check("http://B.test:81/a", "a.test", "b.test");
    }

    /// What is not parsed is what parsing would give.
    #[test]
    fn plain() {
        let mut plain = 0;
        let mut seed = 1_u32;
        let mut letters = |alphabet: &[u8], length: usize| -> String {
            let mut below = |bound: usize| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 8) as usize % bound
            };
            (0..below(length)).map(|_| alphabet[below(alphabet.len())] as char).collect()
        };
        for _ in 0..200_000 {
            let (host, path) = (letters(b"axn01.-:+", 12), letters(b"/a1.?&=~'%\\;|", 12));
            let Ok(authority) = host.parse::<Authority>() else { continue };
            if is_plain_host(&authority) {
                let written = format!("http://{authority}/");
                assert_eq!(Url::parse(&written).unwrap().as_str(), written);
                plain += 1;
            }
            if is_plain_path(&path) {
                let written = format!("http://a{path}");
                assert_eq!(Url::parse(&written).unwrap().as_str(), written);
                plain += 1;
            }
        }
        assert!(plain > 1_000, "{plain}");
        let authority = |text: &str| text.parse::<Authority>().unwrap();
        assert!(is_plain_host(&authority("127.0.0.1:8787")));
        assert!(is_plain_host(&authority("api.example.org")));
        assert!(!is_plain_host(&authority("127.1")));
        assert!(!is_plain_host(&authority("xn--maana-pta.org")));
    }

    #[test]
    fn hosts_of_a_development_server() {
        check("GET", "/", Some("LOCALHOST."), "http://localhost./");
        check("GET", "/", Some("app.localhost:8787"), "http://app.localhost:8787/");
        check("GET", "/", Some("192.168.0.7"), "http://192.168.0.7/");
        let rebound = "421 Misdirected Request: evil.test is not a name of this development server";
        check("GET", "/", Some("evil.test"), rebound);
    }

    #[test]
    fn refused() {
        check("GET", "/", None, "400 Bad Request: the host header is missing");
        let alone = "400 Bad Request: the target is neither a path nor a URL";
        check("GET", "evil.test", Some("localhost"), alone);
        check("GET", "localhost:80", Some("localhost"), alone);
        let all = "400 Bad Request: the target * is for OPTIONS only";
        check("GET", "*", Some("localhost"), all);
        check("GET", "/", Some(""), "400 Bad Request: the host is not a name");
        check("GET", "/", Some("a b"), "400 Bad Request: the host is not a name");
        check("GET", "/", Some("user@localhost"), "400 Bad Request: the host is not a name");
        let port = "400 Bad Request: the port of the host is not a number up to 65535";
        check("GET", "/", Some("localhost:65536"), port);
        check("GET", "/", Some("localhost:99999999999999999999"), port);
        check("GET", "/", Some("localhost:65535"), "http://localhost:65535/");
        check("GET", "/", Some("localhost/x"), "400 Bad Request: the host is not a name");
        check("CONNECT", "a:1", None, "501 Not Implemented: the method CONNECT is not served");
        check("TRACE", "/", None, "501 Not Implemented: the method TRACE is not served");
    }
}
