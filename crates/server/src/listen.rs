//! Taking a port.

use std::io;
use std::net::SocketAddr;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket};

use crate::{Error, clock};

/// Connections that the operating system holds for us until they are taken.
const BACKLOG_MAX: u32 = 1024;

/// Bytes that wait in the system beyond what is on its way to a client. With the system's own value of some MiB it could
/// take minutes until it is seen that a slow client takes anything.
const UNSENT_BYTES_MAX: u32 = 128 << 10;

/// A port that is ours; clients that connect wait until it is served.
#[derive(Debug)]
pub struct Listener {
    pub(crate) socket: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Takes the port of `address`; port 0 is any that is free.
    pub fn bind(address: SocketAddr) -> Result<Self, Error> {
        if !clock::has_date() {
            return Err(Error::Clock);
        }
        listen(address).map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => Error::PortInUse { address },
            io::ErrorKind::PermissionDenied => Error::NotAllowed { address, source },
            _ => Error::Listen { address, source },
        })
    }

    /// Where clients reach it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

fn listen(address: SocketAddr) -> io::Result<Listener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A server that was just stopped leaves its port in TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    // Each connection has it from here. On a system without it all else is the same.
    SockRef::from(&socket).set_tcp_notsent_lowat(UNSENT_BYTES_MAX).ok();
    let socket = socket.listen(BACKLOG_MAX)?;
    let address = socket.local_addr()?;
    Ok(Listener { socket, address })
}
