//! How to serve, and the defaults.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{Details, Hosts, Observer};

/// Connections served at a time; others wait, and what is slow makes room for them (`room.rs`). Far below
/// the 1024 file descriptors that many systems give a process, so that workers
/// have theirs.
const CONNECTIONS_MAX: usize = 512;

/// How long a client may take for the head of a request, and stay idle between
/// two requests.
const HEAD_READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a client may pause inside its body while the handler waits for more;
/// long, since a person may be typing it.
const BODY_READ_TIMEOUT: Duration = Duration::from_secs(300);

/// How long a client may take nothing of what is sent to it; nginx waits as long.
const SEND_TIMEOUT: Duration = Duration::from_secs(60);

/// How long requests in flight may take once the server is to stop, unless the
/// owner says otherwise.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// How to serve.
#[derive(Clone)]
pub struct Settings {
    /// Whether clients see the details of faults.
    pub details: Details,
    /// The hosts to answer for.
    pub hosts: Hosts,
    /// How long a client may pause inside its body.
    pub body_read_timeout: Duration,
    /// How long a client may take nothing of what is sent to it.
    pub send_timeout: Duration,
    /// Connections served at a time.
    pub connections_max: usize,
    /// How long a client may take for the head of a request.
    pub head_read_timeout: Duration,
    /// How long requests in flight may take once the server is to stop.
    pub drain_timeout: Duration,
    /// Hears what the server tells.
    pub observer: Observer,
}

impl Default for Settings {
    /// For production, and silent.
    fn default() -> Self {
        Self {
            details: Details::Hidden,
            hosts: Hosts::Any,
            body_read_timeout: BODY_READ_TIMEOUT,
            send_timeout: SEND_TIMEOUT,
            connections_max: CONNECTIONS_MAX,
            head_read_timeout: HEAD_READ_TIMEOUT,
            drain_timeout: DRAIN_TIMEOUT,
            observer: Arc::new(|_| ()),
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("details", &self.details)
            .field("hosts", &self.hosts)
            .field("body_read_timeout", &self.body_read_timeout)
            .field("send_timeout", &self.send_timeout)
            .field("connections_max", &self.connections_max)
            .field("head_read_timeout", &self.head_read_timeout)
            .field("drain_timeout", &self.drain_timeout)
            .finish_non_exhaustive()
    }
}
