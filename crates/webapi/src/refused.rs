//! That a program may not reach a part of the network, and what allows it.

use std::fmt;

/// What may not be reached, and what allows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    pub(crate) what: String,
    pub(crate) with: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, with } = self;
        write!(formatter, "the program may not reach {what}: `{with}` allows it")
    }
}

impl std::error::Error for Refused {}
