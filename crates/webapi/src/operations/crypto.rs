//! Entropy (Web Cryptography API).

use taipan_guest::{Call, Operation, Output, Throw};

/// Bytes that `crypto.getRandomValues` gives in one call (Web Cryptography API, 10.1.1).
const RANDOM_BYTES_MAX: u32 = 65_536;

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[Operation { name: "random_fill", call: random_fill }];

/// `host.random_fill(bytes)`: fills a `Uint8Array` from the host's entropy.
fn random_fill(call: &mut Call<'_>) -> Result<Output, Throw> {
    let (address, length) = call.byte_range(0)?;
    if length > RANDOM_BYTES_MAX {
        let message = format!("{length} random bytes in one call; {RANDOM_BYTES_MAX} are the most");
        return Err(Throw::error("DOMException:QuotaExceededError", message));
    }
    call.scope.note_entropy("JavaScript's crypto", length as usize);
    let mut bytes = vec![0; length as usize];
    call.scope.host().random(&mut bytes);
    call.scope.write(address, &bytes)?;
    Ok(Output::Undefined)
}
