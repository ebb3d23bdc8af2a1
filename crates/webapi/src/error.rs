//! What can go wrong in the host's part of the web platform, and the
//! JavaScript class that each error is.

use std::borrow::Cow;

use crate::limits::Reached;
use crate::refused::Refused;
use crate::with_causes;

/// What can go wrong in the host's part of the web platform.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `RangeError`
    #[error("{name:?} is not the name of an encoding")]
    Encoding {
        /// The name, cut when it is long.
        name: String,
    },
    /// `TypeError`
    #[error("the bytes are not text in this encoding")]
    Malformed,
    /// `TypeError`
    #[error("there is no {what} {id}")]
    Unknown {
        /// What was named.
        what: &'static str,
        /// The name.
        id: u32,
    },
    /// `Error`; what waited for it is rejected with an error that is no fault of the worker's
    #[error(
        "the request in whose name this was begun has ended, and all that it had opened with it: await it before the \
         response, or give its promise to ctx.waitUntil()"
    )]
    Ended,
    /// `RangeError`
    #[error("the isolate has no memory left for {what}: {no_room} (`taipan.limits.memory_mb`)")]
    Memory {
        /// What it would have been for.
        what: &'static str,
        /// How much.
        no_room: taipan_guest::NoRoom,
    },
    /// `TypeError`
    #[error("{what} {id} is in use")]
    Busy {
        /// What was named.
        what: &'static str,
        /// The name.
        id: u32,
    },
    /// `RangeError`
    #[error("more than {maximum} {what}")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// How many there may be.
        maximum: usize,
    },
    /// Each limit says which class its error is.
    #[error(transparent)]
    Limit(#[from] Reached),
    /// `TypeError`
    #[error("header list has a line {line:?}")]
    HeaderLine {
        /// The line, as it was given.
        line: String,
    },
    /// `TypeError`
    #[error("{url:?} cannot be fetched: {reason}")]
    Url {
        /// The URL, or what should have been one.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// `TypeError`
    #[error("{method:?} is not a method")]
    Method {
        /// The method, as it was given.
        method: String,
    },
    /// `TypeError`
    #[error("cannot follow the redirect from {url}: {reason}")]
    Redirect {
        /// Who answered with a redirect.
        url: String,
        /// Why it is not followed.
        reason: &'static str,
    },
    /// `TypeError`
    #[error("cannot fetch {url}")]
    Fetch {
        /// What was asked for.
        url: String,
        /// Why it was not answered.
        #[source]
        source: reqwest::Error,
    },
    /// `TypeError`
    #[error("cannot fetch {url}: {refused}")]
    NotAllowed {
        /// What was asked for.
        url: String,
        /// What may not be reached.
        refused: Refused,
    },
    /// `TypeError`
    #[error("the body of {url} ends early")]
    Body {
        /// Whose body it is.
        url: String,
        /// Why it ended.
        #[source]
        source: reqwest::Error,
    },
    /// `AbortError`
    #[error("the body was aborted: {message}")]
    Aborted {
        /// What the writer said.
        message: String,
    },
    /// `AbortError`
    #[error("nobody reads the body any more")]
    NotRead,
    /// Not a guest's: something that is under way when a snapshot is to be taken.
    #[error("{what}")]
    CannotSave {
        /// What, where it was started, and what to do.
        what: String,
    },
    /// Not a guest's: what a snapshot says of this crate's state.
    #[error("the snapshot's state of the web platform is damaged")]
    Saved {
        /// What is wrong with it.
        #[source]
        source: postcard::Error,
    },
    /// Not the worker's: there are no roots of trust to verify servers by.
    #[error("cannot set up TLS")]
    Tls(#[source] rustls::Error),
    /// Not the worker's: a setting of the client.
    #[error("cannot set up the HTTP client")]
    Client(#[source] reqwest::Error),
    /// Not the worker's: a proxy of the user's environment.
    #[error("{proxy:?} is not the address of a proxy")]
    Proxy {
        /// The address, as it was given.
        proxy: String,
        /// What is wrong with it.
        #[source]
        source: reqwest::Error,
    },
}

impl Error {
    /// The class of the error in JavaScript; the name of a `DOMException`, if it is one.
    #[must_use]
    pub fn class(&self) -> &'static str {
        match self {
            Self::Encoding { .. } | Self::TooMany { .. } | Self::Memory { .. } => "RangeError",
            Self::Ended => "Error",
            Self::Limit(reached) => reached.class(),
            Self::Malformed
            | Self::Unknown { .. }
            | Self::Busy { .. }
            | Self::HeaderLine { .. }
            | Self::Url { .. }
            | Self::Method { .. }
            | Self::Redirect { .. }
            | Self::Fetch { .. }
            | Self::NotAllowed { .. }
            | Self::Body { .. }
            | Self::CannotSave { .. }
            | Self::Saved { .. }
            | Self::Tls(_)
            | Self::Client(_)
            | Self::Proxy { .. } => "TypeError",
            Self::Aborted { .. } | Self::NotRead => "AbortError",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            Self::Tls(_) => "install the system's root certificates (Debian: ca-certificates)",
            Self::Proxy { .. } => "set HTTP_PROXY and HTTPS_PROXY to a URL, or unset them",
            _ => return None,
        };
        Some(hint.into())
    }

    /// "ClassName: message" with all causes, as `js/operations.js` reads it.
    #[must_use]
    pub fn completion(&self) -> String {
        format!("{}: {}", self.class(), with_causes(self))
    }
}
