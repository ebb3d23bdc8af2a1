//! The server: takes connections, serves them, and stops in good order.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use rustix::io::Errno;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};

use crate::closing::{Closing, Unread};
use crate::ends::Ends;
use crate::exchange::exchange;
use crate::first_bytes::Opening;
use crate::link::Link;
use crate::room::{Arrival, Room};
use crate::socket::{Socket, left};
use crate::streams::Streams;
use crate::{Error, Event, Listener, Observer, Router, Settings, clock};

/// The longest head of an HTTP/1 request, in bytes; cookies make long ones.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// The longest header list of an HTTP/2 request, in bytes, as above.
const HEADER_LIST_BYTES_MAX: u32 = 64 << 10;

/// Header lines in an HTTP/1 request: hyper's own limit is 100, and proxies add.
const HEADERS_MAX: usize = 128;

/// Requests at a time in one HTTP/2 connection: the 100 that RFC 9113 (6.5.2)
/// asks for at least, rounded up.
const STREAMS_MAX: u32 = 128;

/// Bytes of a request's body that wait in one stream of an HTTP/2 connection for a handler that does not read: what the
/// standard begins with (RFC 9113, 6.9.2). `limits.requests` bounds how many such streams there are.
const STREAM_WINDOW: u32 = 64 << 10;

/// The same for all streams of a connection: those that are not read leave room for the others. h2 takes half of it for
/// what pieces of a body that are small cost beside their bytes (`proto/connection.rs`, `DataFrameBudget`).
const CONNECTION_WINDOW: u32 = STREAMS_MAX * STREAM_WINDOW;

/// Streams that a client may have reset before the server looks at them, and streams that the server resets because
/// they break the protocol: a connection that has more is closed. What is reset later is counted in `link.rs`.
const PENDING_RESETS_MAX: usize = 20;
const PROTOCOL_ERRORS_MAX: usize = 1024;

/// Bytes of a response that wait in one stream of an HTTP/2 connection for a client that does not read: hyper's own
/// value would be 50 MiB for all streams of a connection.
const SEND_BYTES_MAX: usize = 64 << 10;

/// How often the server looks for places, while connections wait for one.
const GLANCE: Duration = Duration::from_millis(20);

/// How often slow clients are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// How often an HTTP/2 connection without traffic is asked whether it lives.
const PING_INTERVAL: Duration = Duration::from_secs(30);

/// How long it may take to say so.
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// How long to let the system recover when it has no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How a server came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Every request in flight was answered.
    All,
    /// Time ran out for some connections, which were cut.
    Cut {
        /// How many.
        connections: usize,
    },
}

/// Serves `listener` with the handlers of `router` until `stop` is ready, then lets what is in
/// flight finish.
pub async fn serve<R: Router>(
    listener: Listener,
    router: R,
    settings: Settings,
    stop: impl Future<Output = ()>,
) -> Drained {
    let (router, settings) = (Arc::new(router), Arc::new(settings));
    let mut room = Room::new(settings.connections_max);
    let graceful = GracefulShutdown::new();
    let protocol = Arc::new(protocol(&settings));
    let mut connections = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    let mut sweep =
        interval(SWEEP_INTERVAL.min(settings.head_read_timeout).min(settings.send_timeout));
    loop {
        tokio::select! {
            () = &mut stop => break,
            Some(ended) = connections.join_next_with_id() => {
                room.left(ended.map_or_else(|error| error.id(), |(id, ())| id));
            }
            arrival = accept(&listener, &settings.observer) => match arrival {
                Some(arrival) => room.came(arrival),
                None => room.close_slowest(),
            },
            () = sleep(GLANCE), if room.is_crowded() => (),
            _ = sweep.tick(), if !room.is_empty() => {
                let time_max = settings.head_read_timeout + settings.body_read_timeout;
                room.sweep(time_max, settings.send_timeout);
                router.backends().for_each(|backend| backend.sweep(settings.send_timeout));
            }
        }
        while let Some((stream, ends)) = room.next() {
            let link = Arc::new(Link::new(ends.peer.ip()));
            let connection = Connection {
                router: router.clone(),
                settings: settings.clone(),
                protocol: protocol.clone(),
                link: link.clone(),
                ends,
            };
            let task = connections.spawn(connection.run(stream, graceful.watcher()));
            room.took(task.id(), link);
        }
    }
    drop(listener);
    drop(room);
    drain(connections, graceful, &settings).await
}

/// The next connection; none when there is no descriptor for it.
async fn accept(listener: &Listener, observer: &Observer) -> Option<Arrival> {
    loop {
        let accepted = listener.socket.accept().await.and_then(|(stream, peer)| {
            stream.set_nodelay(true)?;
            let local = stream.local_addr()?;
            Ok((stream, Ends { local, peer, unread: Unread::default() }))
        });
        match accepted {
            Ok(arrival) => return Some(arrival),
            Err(error) => {
                observer(&Event::NotAccepted { error: &error });
                if !is_the_clients(&error) {
                    sleep(ACCEPT_PAUSE).await;
                }
                if is_want_of_descriptors(&error) {
                    return None;
                }
            }
        }
    }
}

/// Whether a connection failed by itself, so that the next one may do well.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, NotConnected};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | NotConnected)
}

/// Whether it failed because this process, or the system, has too many files open.
fn is_want_of_descriptors(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}

async fn drain(
    mut connections: JoinSet<()>,
    graceful: GracefulShutdown,
    settings: &Settings,
) -> Drained {
    (settings.observer)(&Event::Draining { connections: connections.len() });
    let finished = timeout(settings.drain_timeout, graceful.shutdown()).await.is_ok();
    while connections.try_join_next().is_some() {}
    match connections.len() {
        left if !finished && left > 0 => {
            connections.shutdown().await;
            Drained::Cut { connections: left }
        }
        _ => Drained::All,
    }
}

fn protocol(settings: &Settings) -> auto::Builder<Streams> {
    let mut protocol = auto::Builder::new(Streams);
    protocol
        .http1()
        // Whether a client is gone that sends nothing more is for `socket.rs` to find out.
        .half_close(true)
        .timer(TokioTimer::new())
        .header_read_timeout(settings.head_read_timeout)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX);
    protocol
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_LIST_BYTES_MAX)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_pending_accept_reset_streams(PENDING_RESETS_MAX)
        .max_local_error_reset_streams(PROTOCOL_ERRORS_MAX)
        .max_send_buf_size(SEND_BYTES_MAX)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    protocol
}

/// What one connection needs.
struct Connection<R> {
    router: Arc<R>,
    settings: Arc<Settings>,
    protocol: Arc<auto::Builder<Streams>>,
    link: Arc<Link>,
    ends: Ends,
}

impl<R: Router> Connection<R> {
    async fn run(self, stream: TcpStream, watcher: hyper_util::server::graceful::Watcher) {
        let Self { router, settings, protocol, link, ends } = self;
        let (observer, peer) = (settings.observer.clone(), ends.peer);
        if !clock::has_date() {
            // It was set back while the server ran.
            observer(&Event::NotAccepted { error: &io::Error::other(Error::Clock) });
            return;
        }
        let stream = Arc::new(stream);
        let opening = Opening::new(settings.head_read_timeout);
        let closing = Closing::new(ends.unread.clone());
        let socket = Socket::new(stream.clone(), link.clone(), opening, closing);
        let of_service = link.clone();
        let service = hyper::service::service_fn(move |request| {
            let (router, link) = (router.clone(), of_service.clone());
            exchange(router, settings.clone(), link, ends.clone(), request)
        });
        let connection = protocol.serve_connection(TokioIo::new(socket), service).into_owned();
        tokio::select! {
            // First, so that what it begins is known to the others.
            biased;
            outcome = watcher.watch(connection) => if let Err(error) = outcome {
                observer(&Event::Disconnected { peer, error: &*error });
            },
            () = link.closed.cancelled() => (),
            () = left(&stream, &link) => (),
        }
    }
}
