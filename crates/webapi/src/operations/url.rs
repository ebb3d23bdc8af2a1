//! URLs (URL).

use taipan_guest::{Call, Operation, Output, Throw};

use super::call::text_or_null;
use crate::url;

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation { name: "url_parse", call: url_parse },
    Operation { name: "url_set", call: url_set },
];

/// `host.url_parse(input, base or null)`: parts, or null. The parts are joined by "\n": href, origin, protocol, username,
/// password, hostname, port, pathname, search, hash.
fn url_parse(call: &mut Call<'_>) -> Result<Output, Throw> {
    let input = call.text(0)?;
    let base = if call.is_nullish(1)? { None } else { Some(call.text(1)?) };
    Ok(text_or_null(url::parse(&input, base.as_deref())))
}

/// `host.url_set(href, part, value)`: parts, or null when nothing changed.
fn url_set(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (href, name, value) = (call.text(0)?, call.text(1)?, call.text(2)?);
    let part = url::Part::named(&name)
        .ok_or_else(|| Throw::type_error(format!("a URL has no part {name:?}")))?;
    Ok(text_or_null(url::set(&href, part, &value)))
}
