//! Why a server cannot start.

use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;

/// What keeps a server from listening.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The machine's clock shows a time that HTTP has no words for.
    #[error("the clock of this machine shows a time before 1970 or after 9999")]
    Clock,
    /// Another program listens there.
    #[error("port {} of {} is in use", address.port(), address.ip())]
    PortInUse {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The operating system does not let this user listen there.
    #[error("not allowed to listen on {address}")]
    NotAllowed {
        /// The address asked for.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// Anything else, such as an address that this machine does not have.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            Self::Clock => "set the clock, with `date --set` or by starting a time service",
            Self::PortInUse { .. } => {
                "stop the other program, or choose another port with `--port` (0 takes any that is free)"
            }
            Self::NotAllowed { .. } => "choose a port from 1024 up with `--port`",
            Self::Listen { .. } => "choose an address of this machine with `--ip`",
        };
        Some(hint.into())
    }
}
