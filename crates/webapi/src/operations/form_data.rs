//! What the parser of multipart bodies looks for.

use taipan_guest::{Call, Operation, Output, Throw};

/// Bytes in which a pattern is looked for: a slice of `js/form_data_body.js`, with as much of the next one as the
/// delimiter of a multipart body may be long (RFC 2046, 5.1.1: 70 characters and four more).
const FIND_BYTES_MAX: usize = (1 << 20) + (64 << 10);

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[Operation { name: "bytes_find", call: bytes_find }];

/// `host.bytes_find(bytes, pattern)`: where the pattern begins, as decimal numbers with a space between, none in another.
fn bytes_find(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (bytes, pattern) = (call.bytes(0)?, call.bytes(1)?);
    // What comes of it is up to eight times as long as the bytes, and nothing stops the host while it is made.
    if pattern.is_empty() || bytes.len() > FIND_BYTES_MAX {
        let message =
            format!("a pattern is looked for in at most {FIND_BYTES_MAX} bytes, and is not empty");
        return Err(Throw::range_error(message));
    }
    let places = memchr::memmem::find_iter(&bytes, &pattern);
    Ok(Output::Text(places.map(|place| place.to_string()).collect::<Vec<_>>().join(" ")))
}
