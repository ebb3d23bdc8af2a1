//! The two ends of a connection: what its requests know of it that does not change.

use std::net::SocketAddr;

use http::{Version, header};

use crate::closing::Unread;

/// The two ends of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Ends {
    pub(crate) local: SocketAddr,
    pub(crate) peer: SocketAddr,
    /// Whether the peer has sent a body that was not read.
    pub(crate) unread: Unread,
}

impl Ends {
    /// Is told when a body is left unread and the next request would come behind it. Over HTTP/2 that concerns the
    /// stream alone; and a client that waits to be asked for its body is not asked.
    pub(crate) fn unread(&self, head: &http::request::Parts) -> Option<Unread> {
        let follows = head.version < Version::HTTP_2 && !head.headers.contains_key(header::EXPECT);
        follows.then(|| self.unread.clone())
    }
}
