//! The end of an export: the digest of all before it, so that damage anywhere is told from what never was an export.
//!
//! ```text
//! "blake3 ", 64 hexadecimal digits, "\n"
//! ```
//!
//! It stands behind the end of the tar archive, where readers of archives do not look.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use blake3::Hasher;

use crate::contents::{ContentDigest, digests};

const WORD: &str = "blake3 ";
/// Bytes of the seal.
const SEAL_BYTES: u64 = WORD.len() as u64 + 64 + 1;

/// Writes what it is given, and at the end the seal.
pub(crate) struct Sealing<W> {
    inner: W,
    hasher: Hasher,
}

impl<W: Write> Sealing<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self { inner, hasher: Hasher::new() }
    }

    /// Writes the seal.
    pub(crate) fn seal(mut self) -> io::Result<()> {
        writeln!(self.inner, "{WORD}{}", self.hasher.finalize())?;
        self.inner.flush()
    }
}

impl<W: Write> Write for Sealing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// What the end of a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seal {
    /// The file is as it was written.
    Whole,
    /// It is another than was written.
    Broken,
    /// There is none.
    Missing,
}

impl Seal {
    /// Compares a file with its seal. It is read from its beginning afterwards.
    pub(crate) fn of(file: &mut File) -> io::Result<Self> {
        file.rewind()?;
        let length = file.metadata()?.len();
        let Some(sealed) = length.checked_sub(SEAL_BYTES) else { return Ok(Self::Missing) };
        let mut seal = Vec::new();
        file.seek(SeekFrom::Start(sealed))?;
        (&mut *file).take(SEAL_BYTES).read_to_end(&mut seal)?;
        file.rewind()?;
        let digest = seal.strip_prefix(WORD.as_bytes()).and_then(|rest| rest.strip_suffix(b"\n"));
        let Some(digest) = digest else { return Ok(Self::Missing) };
        let written = str::from_utf8(digest).ok().and_then(ContentDigest::from_hex);
        let found = digests(&[(file, sealed)]).pop().transpose()?;
        Ok(if written == found { Self::Whole } else { Self::Broken })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(text: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut sealing = Sealing::new(&mut bytes);
        sealing.write_all(text).unwrap();
        sealing.seal().unwrap();
        bytes
    }

    #[track_caller]
    fn check(bytes: &[u8], expect: Seal) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        assert_eq!(Seal::of(&mut file).unwrap(), expect);
        assert_eq!(file.stream_position().unwrap(), 0);
    }

    #[test]
    fn every_byte_is_sealed() {
        for text in [b"".as_slice(), b"what is exported"] {
            let whole = sealed(text);
            check(&whole, Seal::Whole);
            for place in 0..whole.len() {
                let mut bytes = whole.clone();
                bytes[place] ^= 1;
                let is_mark =
                    place == whole.len() - 1 || (text.len()..text.len() + 7).contains(&place);
                check(&bytes, if is_mark { Seal::Missing } else { Seal::Broken });
                check(&whole[..place], Seal::Missing);
            }
        }
    }

    #[test]
    fn another_file_in_front() {
        check(&[b"more", &*sealed(b"text")].concat(), Seal::Broken);
        check(b"no export", Seal::Missing);
    }
}
