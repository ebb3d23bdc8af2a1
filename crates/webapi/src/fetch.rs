//! Outgoing HTTP for `fetch`: reqwest for connections, TLS by rustls and ring,
//! content decoding and proxies; redirects here, as the Fetch standard has them.
//!
//! Everything is dropped with its future or with the response's body: that is
//! how a fetch is aborted. The clock is read for certificates alone, the environment is not;
//! the user's proxies come in [`Settings`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ::url::Url;
use bytes::Bytes;
use futures_util::TryStreamExt;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE, HOST, LOCATION, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderName, Method, StatusCode, Version};
use hyper::ext::ReasonPhrase;
use reqwest::{NoProxy, Proxy};
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use rustls_platform_verifier::BuilderVerifierExt;

use crate::access::{Access, Refused};
use crate::body::BodyReader;
use crate::upload::{PIECE_BYTES, Uploading, upload};
use crate::{Error, causes, headers};

/// Fetch standard, HTTP-redirect fetch, step 7.
pub const REDIRECTS_MAX: u32 = 20;

/// A server that cannot be reached in this time is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Connections kept for later, to one server. More are made when needed.
const CONNECTIONS_IDLE_MAX: usize = 32;

/// What a server is told of who asks, unless the worker says something else.
const USER_AGENT: &str = concat!("taipan/", env!("CARGO_PKG_VERSION"));

/// Fetch standard, HTTP-redirect fetch, step 12: headers that describe a body that is not sent again.
const BODY_HEADERS: [&str; 4] =
    ["content-encoding", "content-language", "content-location", "content-type"];

/// What the user says of the network.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The proxy for `http:` (`HTTP_PROXY`).
    pub http_proxy: Option<String>,
    /// The proxy for `https:` (`HTTPS_PROXY`).
    pub https_proxy: Option<String>,
    /// Servers that are asked without a proxy (`NO_PROXY`), in curl's syntax.
    pub no_proxy: Option<String>,
    /// What may be reached.
    pub access: Access,
}

/// Connections, and what they may lead to. A clone is the same.
#[derive(Clone, Debug)]
pub struct Client {
    connections: reqwest::Client,
    access: Access,
}

impl Client {
    /// The connections, for what is not a program's own.
    #[must_use]
    pub fn connections(&self) -> &reqwest::Client {
        &self.connections
    }
}

/// What is to be done with a redirect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redirect {
    /// Follow it.
    Follow,
    /// It is an error.
    Error,
    /// It is the response.
    Manual,
}

impl Redirect {
    /// The mode that JavaScript calls `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "follow" => Self::Follow,
            "error" => Self::Error,
            "manual" => Self::Manual,
            _ => return None,
        })
    }
}

/// The body of a request.
#[derive(Debug)]
pub enum Body {
    /// None at all.
    Empty,
    /// All of it; it can be sent again after a redirect.
    Bytes(Bytes),
    /// What comes; it can be sent once.
    Stream(BodyReader),
}

/// What is asked for.
#[derive(Debug)]
pub struct Request {
    /// The method, as the worker spelled it.
    pub method: String,
    /// The URL, serialised.
    pub url: String,
    /// The header list, as it crosses from JavaScript.
    pub headers: String,
    /// The body.
    pub body: Body,
    /// What is to be done with a redirect.
    pub redirect: Redirect,
}

/// What was answered.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The reason phrase; empty with HTTP/2.
    pub status_text: String,
    /// The last URL of the redirects.
    pub url: String,
    /// Whether there were redirects.
    pub redirected: bool,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, decoded; dropping it ends the fetch. None for HEAD and for a status that never has one (Fetch standard,
    /// main fetch, step 20).
    pub body: Option<BodyReader>,
}

impl Response {
    /// Takes the body out.
    pub fn take_body(&mut self) -> Option<BodyReader> {
        self.body.take()
    }

    /// What `js/fetch.js` is told; `body` is the number that its isolate has given to the body.
    #[must_use]
    pub fn to_json(&self, body: Option<u32>) -> String {
        serde_json::json!({
            "status": self.status.as_u16(),
            "statusText": self.status_text,
            "url": self.url,
            "redirected": self.redirected,
            "headers": headers::to_text(&self.headers),
            "body": body.map_or(-1, i64::from),
        })
        .to_string()
    }
}

/// Makes the client that all isolates share: one pool of connections.
///
/// # Errors
///
/// No roots of trust; a proxy that is no URL.
pub fn client(settings: &Settings) -> Result<Client, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_details(provider, Arc::new(Time))
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(Error::Tls)?
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .user_agent(USER_AGENT)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_max_idle_per_host(CONNECTIONS_IDLE_MAX);
    for proxy in proxies(settings)? {
        builder = builder.proxy(proxy);
    }
    let access = settings.access.clone();
    if let Some(resolver) = access.resolver(proxy_names(settings)) {
        builder = builder.dns_resolver(Arc::new(resolver));
    }
    let connections = builder.build().map_err(Error::Client)?;
    Ok(Client { connections, access })
}

/// The names of the proxies, which their user trusts.
fn proxy_names(settings: &Settings) -> BTreeSet<String> {
    let addresses = [&settings.http_proxy, &settings.https_proxy].into_iter().flatten();
    let names = addresses.filter_map(|address| {
        // Reqwest takes an address without a scheme as well.
        let url = Url::parse(address).ok().filter(Url::has_host);
        let url = url.or_else(|| Url::parse(&format!("http://{address}")).ok())?;
        url.host_str().map(str::to_owned)
    });
    names.collect()
}

/// The time by which certificates are checked: none before 1970, for which rustls' own panics.
#[derive(Debug)]
struct Time;

impl TimeProvider for Time {
    #[expect(clippy::disallowed_methods, reason = "certificates are valid by the machine's time")]
    fn current_time(&self) -> Option<UnixTime> {
        SystemTime::now().duration_since(UNIX_EPOCH).ok().map(UnixTime::since_unix_epoch)
    }
}

fn proxies(settings: &Settings) -> Result<Vec<Proxy>, Error> {
    let exceptions = settings.no_proxy.as_deref().and_then(NoProxy::from_string);
    let make = |make: fn(&str) -> reqwest::Result<Proxy>, address: &Option<String>| {
        let Some(address) = address else { return Ok(None) };
        match make(address) {
            Ok(proxy) => Ok(Some(proxy.no_proxy(exceptions.clone()))),
            Err(source) => Err(Error::Proxy { proxy: address.clone(), source }),
        }
    };
    let http = make(|address| Proxy::http(address), &settings.http_proxy)?;
    let https = make(|address| Proxy::https(address), &settings.https_proxy)?;
    Ok(http.into_iter().chain(https).collect())
}

/// What is sent, and sent again after a redirect.
struct Sending {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Body,
    redirects: u32,
}

/// Fetches, from the request to the headers of the response.
///
/// # Errors
///
/// A request that is none, a redirect that cannot be followed, the network.
pub async fn fetch(client: &Client, request: Request) -> Result<Response, Error> {
    let mode = request.redirect;
    let mut sending = prepare(request)?;
    loop {
        let (response, uploading) = send(client, &mut sending).await?;
        match redirected(mode, &response, &sending)? {
            None => return Ok(finish(response, uploading, &sending)),
            Some(location) => follow(&mut sending, response.status(), location)?,
        }
    }
}

fn prepare(request: Request) -> Result<Sending, Error> {
    let Request { method, url, headers, body, .. } = request;
    let method = method.parse().map_err(|_| Error::Method { method })?;
    let parsed = match Url::parse(&url) {
        Ok(parsed) if !is_http(&parsed) => Err("its scheme is neither http nor https"),
        Ok(parsed) => Ok(parsed),
        Err(_) => Err("it is not a URL"),
    };
    let parsed = parsed.map_err(|reason| Error::Url { url, reason })?;
    let mut headers = headers::from_text(&headers)?;
    // The length is that of the body that is really sent.
    headers.remove(CONTENT_LENGTH);
    Ok(Sending { method, url: parsed, headers, body, redirects: 0 })
}

fn is_http(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

async fn send(
    client: &Client,
    sending: &mut Sending,
) -> Result<(reqwest::Response, Option<Uploading>), Error> {
    client.access.check(&sending.url)?;
    let mut request = client
        .connections
        .request(sending.method.clone(), sending.url.clone())
        .headers(sending.headers.clone());
    let body = match &mut sending.body {
        // Fetch standard, HTTP-network-or-cache fetch, step 8.8: a length of 0 is said.
        Body::Empty if sending.method == Method::POST || sending.method == Method::PUT => {
            request = request.header(CONTENT_LENGTH, 0);
            None
        }
        Body::Empty => None,
        Body::Bytes(bytes) if bytes.len() <= PIECE_BYTES => {
            request = request.body(bytes.clone());
            None
        }
        Body::Bytes(bytes) => {
            let length = bytes.len() as u64;
            let whole = futures_util::stream::iter([Ok(bytes.clone())]);
            Some(upload(Box::pin(whole), Some(length)))
        }
        Body::Stream(reader) => {
            let reader = std::mem::replace(reader, BodyReader::empty());
            Some(upload(reader.into_stream(), None))
        }
    };
    let (response, uploading) = match body {
        None => (request.send().await, None),
        Some((body, mut uploading)) => {
            let request = request.body(reqwest::Body::wrap(body));
            (uploading.send(request).await?, Some(uploading))
        }
    };
    response.map(|response| (response, uploading)).map_err(|source| {
        let url = sending.url.to_string();
        match refused(&source) {
            Some(refused) => Error::NotAllowed { url, refused },
            None => Error::Fetch { url, source: source.without_url() },
        }
    })
}

/// Whether a name leads to what may not be reached.
fn refused(error: &reqwest::Error) -> Option<Refused> {
    causes(error).find_map(|cause| cause.downcast_ref::<Refused>()).cloned()
}

/// Where the response leads, if it is a redirect to follow.
fn redirected(
    mode: Redirect,
    response: &reqwest::Response,
    sending: &Sending,
) -> Result<Option<Url>, Error> {
    let refuse = |reason| Error::Redirect { url: sending.url.to_string(), reason };
    let redirect = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let Some(location) = response.headers().get(LOCATION).filter(|_| redirect) else {
        return Ok(None);
    };
    match mode {
        Redirect::Manual => Ok(None),
        Redirect::Error => Err(refuse("redirects are errors for this request")),
        Redirect::Follow => {
            let location = std::str::from_utf8(location.as_bytes())
                .map_err(|_| refuse("the location is not text"))?;
            let mut location =
                sending.url.join(location).map_err(|_| refuse("the location is not a URL"))?;
            if location.fragment().is_none() {
                location.set_fragment(sending.url.fragment());
            }
            Ok(Some(location))
        }
    }
}

/// Fetch standard, HTTP-redirect fetch.
fn follow(sending: &mut Sending, status: StatusCode, location: Url) -> Result<(), Error> {
    let refuse = |reason| Error::Redirect { url: sending.url.to_string(), reason };
    if !is_http(&location) {
        return Err(refuse("its scheme is neither http nor https"));
    }
    if sending.redirects == REDIRECTS_MAX {
        return Err(refuse("there were too many already"));
    }
    if status != StatusCode::SEE_OTHER && matches!(sending.body, Body::Stream(_)) {
        return Err(refuse("a streamed body cannot be sent again"));
    }
    let post = sending.method == Method::POST
        && (status == StatusCode::MOVED_PERMANENTLY || status == StatusCode::FOUND);
    let other = status == StatusCode::SEE_OTHER
        && sending.method != Method::GET
        && sending.method != Method::HEAD;
    if post || other {
        sending.method = Method::GET;
        sending.body = Body::Empty;
        for name in BODY_HEADERS {
            sending.headers.remove(name);
        }
    }
    if location.origin() != sending.url.origin() {
        // The standard names `Authorization`; the others tell as much where nothing keeps them from the worker.
        let secrets: [HeaderName; 4] = [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, HOST];
        for name in secrets {
            sending.headers.remove(name);
        }
    }
    sending.redirects += 1;
    sending.url = location;
    Ok(())
}

fn finish(
    mut response: reqwest::Response,
    uploading: Option<Uploading>,
    sending: &Sending,
) -> Response {
    let status = response.status();
    let phrase = response.extensions().get::<ReasonPhrase>();
    let status_text = match (phrase, response.version()) {
        (Some(phrase), _) => phrase.as_bytes().iter().copied().map(char::from).collect(),
        (None, Version::HTTP_09 | Version::HTTP_10 | Version::HTTP_11) => {
            status.canonical_reason().unwrap_or_default().to_owned()
        }
        (None, _) => String::new(),
    };
    let url = sending.url.to_string();
    let mut shown = sending.url.clone();
    // Fetch standard, Response.url: without its fragment.
    shown.set_fragment(None);
    let headers = std::mem::take(response.headers_mut());
    let chunks = response.bytes_stream().map_err(move |source| {
        // When the response is dropped, no more of its request is sent.
        let _uploading = &uploading;
        Error::Body { url: url.clone(), source: source.without_url() }
    });
    let bodyless =
        sending.method == Method::HEAD || matches!(status.as_u16(), 101 | 103 | 204 | 205 | 304);
    let body = (!bodyless).then(|| BodyReader::new(chunks));
    Response {
        status,
        status_text,
        url: shown.into(),
        redirected: sending.redirects > 0,
        headers,
        body,
    }
}
