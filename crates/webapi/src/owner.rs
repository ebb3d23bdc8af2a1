//! Whose an operation, a body or a decoder is: what a request opens ends with it.
//!
//! The engine knows in whose name JavaScript runs (`Scope::owner`): the number of a request, that of the isolate, or
//! nobody's. Whoever runs the isolate sets it for each event; promises, timers and Python's event loop hand it on.

/// Whose something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owner(u32);

impl Owner {
    /// The isolate's own: it is kept until the isolate ends.
    pub const ISOLATE: Owner = Owner(1 << 31);

    /// Some request's, nobody knows which: it is given up when none is open any more.
    pub const UNKNOWN: Owner = Owner(0);

    /// That of the request with this number, which is from 1 to 2^31 - 1.
    #[must_use]
    pub fn request(id: u32) -> Owner {
        Owner(id)
    }

    /// In whose name JavaScript is to run.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }
}
