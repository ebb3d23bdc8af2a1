//! Text in the encodings of the Encoding standard, by crate `encoding_rs`, for
//! `TextDecoder`. UTF-8 in one piece never comes here: the engine decodes it.

use std::collections::HashMap;

use encoding_rs::{Decoder, DecoderResult, Encoding};

use crate::{Error, Owner};

/// Decoders in the middle of a stream, per isolate. A worker has a few.
pub const DECODERS_MAX: usize = 1024;

/// How a decoder treats what is malformed, and a byte order mark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Malformed bytes are an error, not U+FFFD.
    pub fatal: bool,
    /// A byte order mark is text like any other.
    pub ignore_bom: bool,
}

/// The name, in lower case, of the encoding with this label.
#[must_use]
pub fn for_label(label: &str) -> Option<String> {
    Encoding::for_label(label.as_bytes()).map(|encoding| encoding.name().to_ascii_lowercase())
}

/// Decodes all of `bytes`.
///
/// # Errors
///
/// An unknown encoding; malformed bytes, when `options` make them fatal.
pub fn decode(encoding: &str, options: Options, bytes: &[u8]) -> Result<String, Error> {
    decode_piece(&mut decoder(encoding, options)?, options, bytes, true)
}

/// The decoders of an isolate that are in the middle of a stream.
#[derive(Default)]
pub struct Decoders {
    last: u32,
    open: HashMap<u32, (Decoder, Options, Owner)>,
}

impl std::fmt::Debug for Decoders {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Decoders").field("open", &self.open.len()).finish_non_exhaustive()
    }
}

impl Decoders {
    /// The last number that was given.
    pub(crate) fn last(&self) -> u32 {
        self.last
    }

    /// The next number is the one after `last`.
    pub(crate) fn go_on_after(&mut self, last: u32) {
        self.last = last;
    }

    /// The numbers of the streams that are not at their end.
    pub(crate) fn ids(&self) -> Vec<u32> {
        self.open.keys().copied().collect()
    }

    /// Begins a stream; the number names it.
    ///
    /// # Errors
    ///
    /// An unknown encoding; more than [`DECODERS_MAX`] streams.
    pub fn open(&mut self, owner: Owner, encoding: &str, options: Options) -> Result<u32, Error> {
        if self.open.len() >= DECODERS_MAX {
            return Err(Error::TooMany { what: "text decoders", maximum: DECODERS_MAX });
        }
        let decoder = decoder(encoding, options)?;
        self.last = self.last.wrapping_add(1);
        self.open.insert(self.last, (decoder, options, owner));
        Ok(self.last)
    }

    /// Decodes the next bytes; `last` and an error both end the stream.
    ///
    /// # Errors
    ///
    /// A stream that is not there any more; malformed bytes, when they are fatal.
    pub fn decode(&mut self, id: u32, bytes: &[u8], last: bool) -> Result<String, Error> {
        let (mut decoder, options, owner) = self.open.remove(&id).ok_or(Error::Ended)?;
        let text = decode_piece(&mut decoder, options, bytes, last)?;
        if !last {
            self.open.insert(id, (decoder, options, owner));
        }
        Ok(text)
    }

    /// Forgets the streams whose owners `whose` accepts.
    pub(crate) fn give_up(&mut self, whose: impl Fn(Owner) -> bool) {
        self.open.retain(|_, (.., owner)| !whose(*owner));
    }

    /// Forgets a stream, if there is one.
    pub fn close(&mut self, id: u32) {
        self.open.remove(&id);
    }
}

fn decoder(name: &str, options: Options) -> Result<Decoder, Error> {
    let encoding = Encoding::for_label(name.as_bytes()).ok_or_else(|| Error::Encoding {
        name: name.chars().take(NAME_CHARACTERS_MAX).collect(),
    })?;
    Ok(if options.ignore_bom {
        encoding.new_decoder_without_bom_handling()
    } else {
        encoding.new_decoder_with_bom_removal()
    })
}

/// How much of a wrong name an error repeats.
const NAME_CHARACTERS_MAX: usize = 64;

fn decode_piece(
    decoder: &mut Decoder,
    options: Options,
    bytes: &[u8],
    last: bool,
) -> Result<String, Error> {
    // `max_utf8_buffer_length` is `None` on overflow only.
    let room = decoder.max_utf8_buffer_length(bytes.len()).ok_or(Error::Malformed)?;
    let mut text = String::with_capacity(room);
    if options.fatal {
        let (result, _) = decoder.decode_to_string_without_replacement(bytes, &mut text, last);
        return if matches!(result, DecoderResult::InputEmpty) {
            Ok(text)
        } else {
            Err(Error::Malformed)
        };
    }
    let (_, _, _) = decoder.decode_to_string(bytes, &mut text, last);
    text.shrink_to_fit();
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(encoding: &str, options: Options, pieces: &[&[u8]], expected: Result<&str, &str>) {
        let whole = decode(encoding, options, &pieces.concat()).map_err(|error| error.to_string());
        assert_eq!(whole.as_deref().map_err(String::as_str), expected, "in one piece");
        let mut decoders = Decoders::default();
        let id = decoders.open(Owner::ISOLATE, encoding, options).unwrap();
        let mut text: Result<String, Error> = Ok(String::new());
        for (index, piece) in pieces.iter().enumerate() {
            let last = index + 1 == pieces.len();
            text = text.and_then(|text| Ok(text + &decoders.decode(id, piece, last)?));
        }
        let text = text.map_err(|error| error.to_string());
        assert_eq!(text.as_deref().map_err(String::as_str), expected, "in pieces");
        assert_eq!(decoders.open.len(), 0, "the decoder is forgotten");
    }

    const FATAL: Options = Options { fatal: true, ignore_bom: false };
    const KEEP_BOM: Options = Options { fatal: false, ignore_bom: true };

    #[test]
    fn labels() {
        for (label, name) in [
            ("  UTF8 ", Some("utf-8")),
            ("latin1", Some("windows-1252")),
            ("sjis", Some("shift_jis")),
            ("iso-2022-kr", Some("replacement")),
            ("utf-7", None),
        ] {
            assert_eq!(for_label(label).as_deref(), name, "{label}");
        }
    }

    #[test]
    fn split_characters() {
        check("utf-16le", Options::default(), &[b"a", b"\0\x3d", b"\xd8\x00\xde"], Ok("a😀"));
        check("shift_jis", Options::default(), &[b"\x82", b"\xa0"], Ok("あ"));
        check("iso-2022-jp", FATAL, &[b"\x1b", b"$B\x24", b"\x22\x1b(B"], Ok("あ"));
    }

    #[test]
    fn byte_order_marks() {
        check("utf-16le", Options::default(), &[b"\xff", b"\xfea\0"], Ok("a"));
        check("utf-16le", KEEP_BOM, &[b"\xff", b"\xfea\0"], Ok("\u{feff}a"));
    }

    #[test]
    fn malformed() {
        check("utf-16le", Options::default(), &[b"a\0\x00", b"\xd8"], Ok("a\u{fffd}"));
        check(
            "utf-16le",
            FATAL,
            &[b"a\0\x00", b"\xd8"],
            Err("the bytes are not text in this encoding"),
        );
    }

    #[test]
    fn unknown() {
        assert!(matches!(decode("nothing", FATAL, b""), Err(Error::Encoding { .. })));
        assert!(matches!(Decoders::default().decode(7, b"", true), Err(Error::Ended)));
    }

    #[test]
    fn bounded() {
        let mut decoders = Decoders::default();
        for _ in 0..DECODERS_MAX {
            decoders.open(Owner::ISOLATE, "utf-8", FATAL).unwrap();
        }
        assert!(matches!(
            decoders.open(Owner::ISOLATE, "utf-8", FATAL),
            Err(Error::TooMany { .. })
        ));
    }
}
