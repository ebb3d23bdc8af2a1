//! Which worker a request is for.

use std::collections::HashMap;

use taipan_server::{Backend, Router, Target};

use crate::Current;

/// Gives each request to the worker of its host.
#[derive(Debug)]
pub struct Routes {
    by_host: HashMap<String, Backend<Current>>,
    /// For all other hosts.
    fallback: Backend<Current>,
}

impl Routes {
    /// Gives all requests to one worker.
    pub fn new(fallback: Backend<Current>) -> Self {
        Self { by_host: HashMap::new(), fallback }
    }

    /// The same routes, with `backend` for `host`. It has no port and no dot at its end; else it is as [`Target::host`]
    /// has it.
    #[must_use]
    pub fn with_host(mut self, host: impl Into<String>, backend: Backend<Current>) -> Self {
        self.by_host.insert(host.into(), backend);
        self
    }
}

impl Router for Routes {
    type Handler = Current;

    fn route(&self, target: &Target) -> &Backend<Current> {
        // The dot says that a name is whole, as all names are here (RFC 3986, 3.2.2).
        let host = target.host();
        let host = host.strip_suffix('.').unwrap_or(host);
        self.by_host.get(host).unwrap_or(&self.fallback)
    }

    fn backends(&self) -> impl Iterator<Item = &Backend<Current>> {
        self.by_host.values().chain([&self.fallback])
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use http::StatusCode;
    use taipan_server::{Fault, Listener, Settings, serve};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::watch;

    use super::*;
    use crate::State;

    /// A worker that does not start: each request is told `name`.
    fn broken(name: &str) -> Backend<Current> {
        let fault = Fault::new(StatusCode::INTERNAL_SERVER_ERROR, name);
        Backend::new(name, Current(watch::channel(State::Broken(fault)).1))
    }

    #[tokio::test]
    async fn hosts() {
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.address();
        let routes = Routes::new(broken("fallback"))
            .with_host("a.test", broken("a"))
            .with_host("[::1]", broken("six"));
        tokio::spawn(serve(listener, routes, Settings::default(), pending()));
        for (target, host, expect) in [
            ("/", "a.test", "a"),
            ("/", "A.Test:8787", "a"),
            ("/", "a.test.", "a"),
            ("/", "[0::1]:8787", "six"),
            ("/", "b.a.test", "fallback"),
            ("/a.test", "127.0.0.1", "fallback"),
            ("http://a.test/", "b.test", "a"),
            ("http://b.test/", "a.test", "fallback"),
        ] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let head =
                format!("GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.ends_with(&format!("\r\n\r\n{expect}\n")), "{target} {host}: {answer}");
        }
    }
}
