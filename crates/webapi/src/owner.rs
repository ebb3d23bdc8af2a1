//! The owners of operations, bodies and decoders: what a request opens ends with it.
//!
//! The engine has a number for the owner of the JavaScript that runs (`Scope::owner`): a request, the isolate, or no known
//! one. The event loop sets it for each event. Promises, timers and Python's event loop hand it on.

/// Whose something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owner(u32);

impl Owner {
    /// The isolate's own: it is kept until the isolate ends.
    pub const ISOLATE: Self = Self(1 << 31);

    /// Some request's, it is not known which: it is given up when none is open any more.
    pub const UNKNOWN: Self = Self(0);

    /// That of the request with this number, which is from 1 to 2^31 - 1.
    #[must_use]
    pub fn request(id: u32) -> Self {
        Self(id)
    }

    /// In whose name JavaScript is to run.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }
}
