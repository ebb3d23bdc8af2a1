//! SHA-256 digests: how files, entries and bundles are named.

use std::fmt;
use std::io::{self, Read};

use sha2::{Digest as _, Sha256};

/// How many bytes of a file are in memory while it is hashed or copied.
const BUFFER_BYTES: usize = 64 * 1024;

/// The SHA-256 of some bytes (FIPS 180-4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// A digest that was computed elsewhere.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads 64 lower-case hexadecimal digits; `None` for anything else.
    pub const fn from_hex(hex: &str) -> Option<Self> {
        let hex = hex.as_bytes();
        if hex.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        let mut index = 0;
        while index < 32 {
            match (nibble(hex[2 * index]), nibble(hex[2 * index + 1])) {
                (Some(high), Some(low)) => bytes[index] = high << 4 | low,
                _ => return None,
            }
            index += 1;
        }
        Some(Self(bytes))
    }

    /// The digest's 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first 16 hexadecimal digits: enough for a name that is read by
    /// people and is not a defence against forgery.
    pub fn short(&self) -> String {
        let mut hex = self.to_string();
        hex.truncate(16);
        hex
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Digest({self})")
    }
}

/// Reads `source` to its end in small pieces, gives each piece to `piece`, and
/// returns the length in bytes and the digest of it all. `unreadable` makes the
/// error of reading, which is not the error of what is done with a piece.
pub(crate) fn stream<E>(
    mut source: impl Read,
    unreadable: impl Fn(io::Error) -> E,
    mut piece: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(u64, Digest), E> {
    let mut hasher = Sha256::new();
    let mut length = 0;
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = match source.read(&mut buffer) {
            Ok(0) => return Ok((length, Digest(hasher.finalize().into()))),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(error)),
        };
        hasher.update(&buffer[..count]);
        piece(&buffer[..count])?;
        length += count as u64;
    }
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Digest;

    /// FIPS 180-4, the message "abc".
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[track_caller]
    fn check(hex: &str, expect: Option<&str>) {
        assert_eq!(Digest::from_hex(hex).map(|digest| digest.to_string()).as_deref(), expect);
    }

    #[test]
    fn known_answer() {
        assert_eq!(Digest::of(b"abc").to_string(), ABC);
        assert_eq!(Digest::of(b"abc").short(), &ABC[..16]);
    }

    #[test]
    fn round_trip() {
        check(ABC, Some(ABC));
    }

    #[test]
    fn short_long_upper_case_and_foreign() {
        check(&ABC[1..], None);
        check(&format!("{ABC}0"), None);
        check(&ABC.to_uppercase(), None);
        check(&ABC.replace('b', "g"), None);
    }
}
