//! The machine's clock, as far as HTTP has to say it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The first moment, counted from 1970, whose year has five digits.
const DATE_MAX: Duration = Duration::from_secs(253_402_300_800);

/// Whether the clock shows a time that a `date` header can say (RFC 9110, 5.6.7). hyper 1.12 panics at any other when a
/// thread serves its first connection, whether or not the header is wanted (`common/date.rs`).
#[expect(clippy::disallowed_methods, reason = "it is the machine's clock that hyper looks at")]
pub(crate) fn has_date() -> bool {
    SystemTime::now().duration_since(UNIX_EPOCH).is_ok_and(|time| time < DATE_MAX)
}
