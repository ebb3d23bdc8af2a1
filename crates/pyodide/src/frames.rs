//! Where Python is: its frames, read from its memory as a debugger from outside reads them.
//!
//! Nothing of Python runs for it, so it can be asked at any moment, also from
//! within a system call. CPython tells such readers where the fields of its
//! structures are, at the start of `_PyRuntime` (3.14.2,
//! Include/internal/pycore_debug_offsets.h). All that is read is a guest's and
//! may be anything: what makes no sense ends the walk.

use taipan_guest::Place;

/// Under this name the main module exports the address.
pub(crate) const RUNTIME: &str = "_PyRuntime";

/// Frames that are looked at: deeper than any top level, and few enough to be quick.
const FRAMES_MAX: usize = 256;
/// Threads that are looked at: one, and one more for each wait of `run_sync`.
const THREADS_MAX: usize = 64;
/// Characters of a path or a name.
const TEXT_CHARACTERS_MAX: u32 = 4096;
/// Bytes of the table that says to which line an instruction belongs.
const LINES_BYTES_MAX: u32 = 1 << 24;

const COOKIE: &[u8] = b"xdebugpy";
/// 3.14, as the upper bytes of `PY_VERSION_HEX`.
const VERSION: u32 = 0x030e;
/// Owners of frames that are no code of Python from here on (`FRAME_OWNED_BY_INTERPRETER`).
const OWNER_INTERPRETER: u8 = 3;
/// The lower bits of a stack reference are no part of the address.
const REFERENCE_TAG: u32 = 0b11;
const CODE_UNIT_BYTES: u32 = 2;

/// Places in the table of offsets.
mod offset {
    pub(super) const INTERPRETERS_HEAD: u32 = 40;
    pub(super) const THREADS_HEAD: u32 = 72;
    pub(super) const THREAD_NEXT: u32 = 192;
    pub(super) const CURRENT_FRAME: u32 = 208;
    pub(super) const FRAME_PREVIOUS: u32 = 256;
    pub(super) const FRAME_EXECUTABLE: u32 = 264;
    pub(super) const FRAME_INSTRUCTION: u32 = 272;
    pub(super) const FRAME_OWNER: u32 = 288;
    pub(super) const CODE_FILE: u32 = 320;
    pub(super) const CODE_NAME: u32 = 336;
    pub(super) const CODE_LINES: u32 = 344;
    pub(super) const CODE_FIRST_LINE: u32 = 352;
    pub(super) const CODE_INSTRUCTIONS: u32 = 384;
    pub(super) const BYTES_LENGTH: u32 = 600;
    pub(super) const BYTES_CONTENTS: u32 = 608;
    pub(super) const TEXT_STATE: u32 = 624;
    pub(super) const TEXT_LENGTH: u32 = 632;
    pub(super) const ASCII_BYTES: u32 = 640;
}

/// The frames of the thread that runs, innermost first; `runtime` is the address of `_PyRuntime` in `memory`. None
/// while Python is not up.
#[must_use]
pub fn frames(memory: &[u8], runtime: u32) -> Vec<Place> {
    let reader = Reader { memory, runtime };
    let mut places = Vec::new();
    let mut frame = reader.innermost();
    while let Some(address) = frame
        && places.len() < FRAMES_MAX
    {
        places.extend(reader.place(address));
        frame = reader.field(address, offset::FRAME_PREVIOUS);
    }
    places
}

struct Reader<'a> {
    memory: &'a [u8],
    runtime: u32,
}

impl<'a> Reader<'a> {
    fn bytes(&self, address: u32, length: u32) -> Option<&'a [u8]> {
        let start = address as usize;
        self.memory.get(start..start.checked_add(length as usize)?)
    }

    fn word(&self, address: u32) -> Option<u32> {
        Some(u32::from_le_bytes(self.bytes(address, 4)?.try_into().ok()?))
    }

    /// What the table says at `place`. Its numbers have 64 bits, of which addresses here have 32.
    fn offset(&self, place: u32) -> Option<u32> {
        self.word(self.runtime.checked_add(place)?)
    }

    /// The address of the field that the table has at `place`.
    fn at(&self, structure: u32, place: u32) -> Option<u32> {
        structure.checked_add(self.offset(place)?)
    }

    /// The word in that field, unless it is 0.
    fn field(&self, structure: u32, place: u32) -> Option<u32> {
        self.word(self.at(structure, place)?).filter(|word| *word != 0)
    }

    fn innermost(&self) -> Option<u32> {
        let known = self.bytes(self.runtime, 8)? == COOKIE && self.offset(8)? >> 16 == VERSION;
        let interpreter = self.field(self.runtime, offset::INTERPRETERS_HEAD).filter(|_| known)?;
        // The newest comes first: the one of the innermost wait of `run_sync`.
        let mut thread = self.field(interpreter, offset::THREADS_HEAD);
        for _ in 0..THREADS_MAX {
            if let Some(frame) = self.field(thread?, offset::CURRENT_FRAME) {
                return Some(frame);
            }
            thread = self.field(thread?, offset::THREAD_NEXT);
        }
        None
    }

    fn place(&self, frame: u32) -> Option<Place> {
        let owner = *self.bytes(self.at(frame, offset::FRAME_OWNER)?, 1)?.first()?;
        if owner >= OWNER_INTERPRETER {
            return None;
        }
        let code = self.field(frame, offset::FRAME_EXECUTABLE)? & !REFERENCE_TAG;
        Some(Place {
            file: self.text(self.field(code, offset::CODE_FILE)?)?,
            line: self.line(frame, code).unwrap_or(0),
            function: self.text(self.field(code, offset::CODE_NAME)?)?,
        })
    }

    fn line(&self, frame: u32, code: u32) -> Option<u32> {
        let instruction = self.field(frame, offset::FRAME_INSTRUCTION)?;
        let instructions = self.at(code, offset::CODE_INSTRUCTIONS)?;
        let unit = instruction.checked_sub(instructions)? / CODE_UNIT_BYTES;
        let first = self.field(code, offset::CODE_FIRST_LINE)?;
        let lines = self.field(code, offset::CODE_LINES)?;
        let length = self.field(lines, offset::BYTES_LENGTH)?.min(LINES_BYTES_MAX);
        line_of(self.bytes(self.at(lines, offset::BYTES_CONTENTS)?, length)?, first, unit)
    }

    /// A string (`PyASCIIObject`, or `PyCompactUnicodeObject` with characters of 1, 2 or 4 bytes).
    fn text(&self, address: u32) -> Option<String> {
        /// What a compact string has more than an ASCII one: the length and the address of its UTF-8.
        const COMPACT_BYTES: u32 = 8;
        let state = self.word(self.at(address, offset::TEXT_STATE)?)?;
        let (kind, is_ascii) = (state >> 2 & 0b111, state >> 6 & 1 == 1);
        let length = self.word(self.at(address, offset::TEXT_LENGTH)?)?.min(TEXT_CHARACTERS_MAX);
        let start = address.checked_add(self.offset(offset::ASCII_BYTES)?)?;
        let start = start.checked_add(if is_ascii { 0 } else { COMPACT_BYTES })?;
        let bytes = self.bytes(start, length * kind)?;
        let character = |bytes: &[u8]| {
            let number = bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte));
            char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER)
        };
        matches!(kind, 1 | 2 | 4).then(|| bytes.chunks(kind as usize).map(character).collect())
    }
}

/// The line of the instruction `unit`, by a table of locations (CPython's `InternalDocs/code_objects.md`).
fn line_of(table: &[u8], first: u32, unit: u32) -> Option<u32> {
    const NO_LOCATION: u8 = 15;
    const LONG: u8 = 14;
    const NO_COLUMNS: u8 = 13;
    const ONE_LINE: u8 = 10;
    let (mut line, mut end) = (i64::from(first), 0);
    for entry in table.chunk_by(|_, next| next & 0x80 == 0) {
        let (head, rest) = entry.split_first()?;
        let code = head >> 3 & 15;
        end += u32::from(head & 7) + 1;
        line += match code {
            NO_COLUMNS | LONG => signed(rest),
            ONE_LINE..NO_COLUMNS => i64::from(code - ONE_LINE),
            _ => 0,
        };
        if unit < end {
            return if code == NO_LOCATION { None } else { u32::try_from(line).ok() };
        }
    }
    None
}

/// A number of 6 bits a byte, the lowest first, whose lowest bit is its sign.
fn signed(bytes: &[u8]) -> i64 {
    const BYTES_MAX: usize = 8;
    let mut number = 0;
    for (place, byte) in bytes.iter().take(BYTES_MAX).enumerate() {
        number |= i64::from(byte & 0x3f) << (6 * place);
        if byte & 0x40 == 0 {
            break;
        }
    }
    if number & 1 == 1 { -(number >> 1) } else { number >> 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        // What CPython 3.14 has for `a = 1\nb = 2\n\n\n\n\nc = 3` and its end.
        let table = [0xf0, 3, 1, 1, 1, 0xd8, 4, 5, 0x80, 1, 0xd8, 4, 5, 0x80, 1, 0xe0, 5, 4, 0x81];
        assert!(line_of(&table, 1, 0).is_some());
        assert_eq!(line_of(&[0xd8, 4, 5], 7, 0), Some(8), "one line on, two columns");
        assert_eq!(line_of(&[0x80, 1, 0xe8, 0x0a], 7, 1), Some(12), "five lines on");
        assert_eq!(line_of(&[0x80, 1, 0xe8, 0x0b], 7, 1), Some(2), "five lines back");
        assert_eq!(line_of(&[0xf8], 7, 0), None, "an instruction without a line");
        assert_eq!(line_of(&[0x80, 1], 7, 9), None, "behind the end");
        assert_eq!(line_of(&[], 7, 0), None);
    }

    #[test]
    fn no_python() {
        assert_eq!(frames(&[], 0), []);
        assert_eq!(frames(&[0; 4096], 8), []);
        assert_eq!(frames(&[0; 4096], u32::MAX), []);
        let mut memory = vec![0xff; 4096];
        memory[..8].copy_from_slice(COOKIE);
        memory[8..12].copy_from_slice(&(VERSION << 16).to_le_bytes());
        assert_eq!(frames(&memory, 0), [], "addresses that are nowhere");
    }
}
