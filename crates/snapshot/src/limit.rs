//! Bounds: there may be no more of anything than is allowed.

use crate::error::Error;

/// Fails if `found` of `what` are more than `max`.
pub(crate) fn limit(what: &'static str, found: u64, max: u64) -> Result<(), Error> {
    if found <= max { Ok(()) } else { Err(Error::Limit { what, found, max }) }
}
