//! What clients do: ask, leave in the middle, send half of what they announced.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};

use super::server::Server;

/// Longer than any answer takes, on a machine that is busy.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);

/// A request that is sent whole.
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    /// Bytes of its body.
    pub(crate) body: usize,
}

/// How a client behaves.
#[derive(Clone, Copy)]
enum Manner {
    /// Waits for the whole answer, which may have this status.
    Stays(u16),
    /// Leaves once the head has been sent.
    Leaves,
    /// Leaves after the first bytes of the answer.
    LeavesAnswer,
    /// Announces a body, sends half of it and leaves.
    LeavesBody,
    /// Leaves in the middle of the head.
    LeavesHead,
}
use Manner::{Leaves, LeavesAnswer, LeavesBody, LeavesHead, Stays};

/// Method, path, bytes of the body, manner. The paths are those of `tests/soak/entry.py`.
const KINDS: &[(&str, &str, usize, Manner)] = &[
    ("GET", "hello", 0, Stays(200)),
    ("GET", "hello", 0, LeavesHead),
    ("POST", "unread", 100_000, Stays(200)),
    ("POST", "unread", 100_000, LeavesBody),
    ("POST", "partly", 100_000, Stays(200)),
    ("POST", "raises", 100_000, Stays(500)),
    ("POST", "echo", 50_000, Stays(200)),
    ("POST", "echo", 1_000_000, LeavesBody),
    ("GET", "fetch_unread", 0, Stays(200)),
    ("GET", "fetch_unawaited", 0, Stays(200)),
    ("GET", "tee", 0, Stays(200)),
    ("GET", "timeout", 0, Stays(200)),
    ("GET", "waits", 0, Leaves),
    ("GET", "loop", 0, Stays(503)),
    ("GET", "full", 0, Stays(503)),
    ("GET", "full_of_objects", 0, Stays(503)),
    ("GET", "garbage", 0, Stays(200)),
    ("GET", "proxies", 0, Stays(200)),
    ("GET", "run_synchronously", 0, Stays(200)),
    ("GET", "stream", 0, Stays(200)),
    ("GET", "stream", 0, LeavesAnswer),
];

/// Another request of the same isolate may use up its memory or its time: then all of them get this.
const STOPPED: u16 = 503;

/// What came of requests: kind → status → count; 0 stands for a client that left.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<BTreeMap<String, BTreeMap<u16, u64>>>, Mutex<Vec<String>>);

impl Tally {
    fn count(&self, kind: &str, status: u16) {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *kinds.entry(kind.to_owned()).or_default().entry(status).or_default() += 1;
    }

    fn wrong(&self, what: String) {
        self.1.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    /// How many there were.
    pub(crate) fn requests(&self) -> u64 {
        let kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kinds.values().flat_map(BTreeMap::values).sum()
    }

    /// An error that lists the answers that should not have been.
    pub(crate) fn verdict(&self) -> anyhow::Result<()> {
        let wrong = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        let listed: Vec<_> = wrong.iter().take(20).map(String::as_str).collect();
        ensure!(wrong.is_empty(), "{} answers were wrong:\n{}", wrong.len(), listed.join("\n"));
        Ok(())
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, statuses) in &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            write!(formatter, "{kind:36}")?;
            for (status, count) in statuses {
                match status {
                    0 => write!(formatter, "  left {count}")?,
                    status => write!(formatter, "  {status} {count}")?,
                }
            }
            writeln!(formatter)?;
        }
        Ok(())
    }
}

/// Asks the server in all manners, by chance, until it is `over`.
pub(crate) fn client(server: &Server, upstream: &str, seed: u64, tally: &Tally, over: &AtomicBool) {
    let mut chance = seed | 1;
    while !over.load(Ordering::Relaxed) {
        // Marsaglia's xorshift.
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        let choice = usize::try_from(chance % KINDS.len() as u64).unwrap_or(0);
        let (method, path, body, manner) = KINDS[choice];
        let request = Request { method, path: format!("/{path}?upstream={upstream}"), body };
        let kind = format!("{} {method} /{path}{}", server.name, manner.suffix());
        match act(server.port, &request, manner) {
            Ok(status) => {
                tally.count(&kind, status);
                if !manner.allows(status) {
                    tally.wrong(format!("{kind}: {status}"));
                }
            }
            Err(error) => tally.wrong(format!("{kind}: {error:#}")),
        }
    }
}

impl Manner {
    fn suffix(self) -> &'static str {
        match self {
            Stays(_) => "",
            Leaves => ", leaves",
            LeavesAnswer => ", leaves the answer",
            LeavesBody => ", leaves its body",
            LeavesHead => ", leaves its head",
        }
    }

    fn allows(self, status: u16) -> bool {
        match self {
            Stays(expected) => status == expected || status == STOPPED,
            Leaves | LeavesAnswer | LeavesBody | LeavesHead => true,
        }
    }
}

fn act(port: u16, request: &Request, manner: Manner) -> anyhow::Result<u16> {
    let head = head(request);
    match manner {
        Stays(_) => return exchange(port, request),
        Leaves => connect(port)?.write_all(head.as_bytes())?,
        LeavesHead => connect(port)?.write_all(&head.as_bytes()[..head.len() / 2])?,
        LeavesBody => {
            let mut stream = connect(port)?;
            stream.write_all(head.as_bytes())?;
            // The server may have answered, and closed.
            let _ = stream.write_all(&vec![b'x'; request.body / 2]);
        }
        LeavesAnswer => {
            let mut stream = connect(port)?;
            stream.write_all(head.as_bytes())?;
            stream.read_exact(&mut [0; 64]).context("the answer does not begin")?;
        }
    }
    Ok(0)
}

/// Sends a request, reads the whole answer: its status.
pub(crate) fn exchange(port: u16, request: &Request) -> anyhow::Result<u16> {
    let mut stream = connect(port)?;
    stream.write_all(head(request).as_bytes())?;
    // A server need not read the whole body of a request that it has answered (RFC 9112, 9.6).
    let sent = stream.write_all(&vec![b'x'; request.body]);
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    match read.map_err(|error| error.kind()) {
        Ok(_) => {}
        Err(ErrorKind::ConnectionReset) if sent.is_err() || request.body > 0 => {}
        Err(kind) => return Err(kind.into()).map_err(|error: std::io::Error| error.into()),
    }
    let status = answer.get(9..12).and_then(|status| std::str::from_utf8(status).ok());
    let status = status.and_then(|status| status.parse().ok());
    // The connection is over either way.
    let _ = stream.shutdown(Shutdown::Both);
    status.with_context(|| format!("no answer: {:?}", String::from_utf8_lossy(&answer)))
}

fn connect(port: u16) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).context("connecting")?;
    stream.set_read_timeout(Some(ANSWER_TIME_MAX))?;
    stream.set_write_timeout(Some(ANSWER_TIME_MAX))?;
    Ok(stream)
}

fn head(request: &Request) -> String {
    let Request { method, path, body } = request;
    let length = if *body > 0 { format!("content-length: {body}\r\n") } else { String::new() };
    format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{length}connection: close\r\n\r\n")
}
