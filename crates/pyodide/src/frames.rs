//! Where Python is: its frames, read from its memory as a debugger from outside reads them.
//!
//! Nothing of Python runs for it, so it can be asked at any moment, also from
//! within a system call. Since 3.13 CPython tells such readers where the fields of
//! its structures are, at the start of `_PyRuntime` (`_Py_DebugOffsets` in
//! Include/internal/pycore_debug_offsets.h). All that is read is a guest's and
//! may be anything: what makes no sense ends the walk.

use taipan_guest::{Place, Scope};

/// Under this name the main module exports the address of what has the offsets.
pub(crate) const RUNTIME: &str = "_PyRuntime";
/// And under this one that of `PY_VERSION_HEX`.
pub(crate) const VERSION: &str = "Py_Version";

/// Frames that are looked at: deeper than any top level, and few enough to be quick.
const FRAMES_MAX: usize = 256;
/// Threads that are looked at: one, and one more for each wait of `run_sync`.
const THREADS_MAX: usize = 64;
/// Characters of a path or a name.
const TEXT_CHARACTERS_MAX: u32 = 4096;
/// Bytes of the table that says to which line an instruction belongs.
const LINES_BYTES_MAX: u32 = 1 << 24;

const COOKIE: &[u8] = b"xdebugpy";
/// Owners of frames that are no code of Python from here on (`FRAME_OWNED_BY_INTERPRETER`): C has called, and they are
/// where that call ends.
const OWNER_INTERPRETER: u8 = 3;
/// The lower bits of a stack reference are no part of the address.
const REFERENCE_TAG: u32 = 0b11;
const CODE_UNIT_BYTES: u32 = 2;

/// Where fields are, in bytes from the beginning of their structures.
#[derive(Clone, Copy, Debug)]
struct Layout {
    /// In `_PyRuntime`.
    interpreters_head: u32,
    threads_head: u32,
    thread_next: u32,
    current_frame: u32,
    /// Whether that is a pointer to the pointer (`_PyCFrame`, up to 3.12).
    is_indirect: bool,
    frame_previous: u32,
    frame_executable: u32,
    frame_instruction: u32,
    frame_owner: u32,
    code_file: u32,
    code_name: u32,
    code_lines: u32,
    code_first_line: u32,
    code_instructions: u32,
    bytes_length: u32,
    bytes_contents: u32,
    text_state: u32,
    text_length: u32,
    ascii_bytes: u32,
}

/// 3.12.7 has no table of offsets; these are of 32-bit WebAssembly.
const LAYOUT_3_12: Layout = Layout {
    interpreters_head: 28,
    threads_head: 64,
    thread_next: 4,
    current_frame: 40,
    is_indirect: true,
    frame_previous: 4,
    frame_executable: 0,
    frame_instruction: 28,
    frame_owner: 38,
    code_file: 80,
    code_name: 84,
    code_lines: 92,
    code_first_line: 44,
    code_instructions: 124,
    bytes_length: 8,
    bytes_contents: 16,
    text_state: 16,
    text_length: 8,
    ascii_bytes: 20,
};

/// Where the table has these fields: it grew with each version. The others are the same in all.
struct Table {
    current_frame: u32,
    frame_previous: u32,
    frame_owner: u32,
    code_file: u32,
    code_instructions: u32,
    bytes_length: u32,
    text_state: u32,
}

/// The table of a version of Python; its offsets have 64 bits, fields here have 32 of them.
fn table(version: u32) -> Option<Table> {
    Some(match version >> 16 {
        0x030d => Table {
            current_frame: 184,
            frame_previous: 232,
            frame_owner: 264,
            code_file: 280,
            code_instructions: 344,
            bytes_length: 520,
            text_state: 544,
        },
        0x030e => Table {
            current_frame: 208,
            frame_previous: 256,
            frame_owner: 288,
            code_file: 320,
            code_instructions: 384,
            bytes_length: 600,
            text_state: 624,
        },
        0x030f => Table {
            current_frame: 208,
            frame_previous: 320,
            frame_owner: 352,
            code_file: 384,
            code_instructions: 448,
            bytes_length: 696,
            text_state: 720,
        },
        _ => return None,
    })
}

/// The frames of the thread that runs, innermost first; `runtime` is the address of `_PyRuntime` in `memory`, `version`
/// that of `Py_Version`. None while Python is not up, or is of a version that is not known here.
#[must_use]
pub fn frames(memory: &[u8], runtime: u32, version: u32) -> Vec<Place> {
    places(memory, runtime, version).flatten().collect()
}

/// The frames of an isolate's Python, innermost first; `None` stands for C that has called what comes before.
pub(crate) fn of<'a>(scope: &'a mut Scope<'_>) -> Option<impl Iterator<Item = Option<Place>> + 'a> {
    let (runtime, version) = (scope.exported_address(RUNTIME)?, scope.exported_address(VERSION)?);
    Some(places(scope.memory().ok()?, runtime, version))
}

fn places(memory: &[u8], runtime: u32, version: u32) -> impl Iterator<Item = Option<Place>> {
    let memory = Memory(memory);
    let layout = memory.word(version).and_then(|version| layout(memory, runtime, version));
    let reader = layout.map(|layout| Reader { memory, runtime, layout });
    reader.into_iter().flat_map(|reader| {
        let next = move |frame: &u32| reader.field(*frame, reader.layout.frame_previous);
        let frames = std::iter::successors(reader.innermost(), next).take(FRAMES_MAX);
        frames.map(move |frame| reader.place(frame))
    })
}

fn layout(memory: Memory<'_>, runtime: u32, version: u32) -> Option<Layout> {
    const VERSION_3_12: u32 = 0x030c;
    const VERSION_3_12_1: u32 = 0x030c_01f0;
    if version >> 16 == VERSION_3_12 {
        // What comes before it in `_PyRuntime` got smaller with 3.12.3.
        let interpreters_head = if version <= VERSION_3_12_1 { 36 } else { 28 };
        return Some(Layout { interpreters_head, ..LAYOUT_3_12 });
    }
    let table = table(version)?;
    if memory.bytes(runtime, 8)? != COOKIE {
        return None;
    }
    let at = |place: u32| memory.word(runtime.checked_add(place)?);
    Some(Layout {
        interpreters_head: at(40)?,
        threads_head: at(72)?,
        thread_next: at(table.current_frame - 16)?,
        current_frame: at(table.current_frame)?,
        is_indirect: false,
        frame_previous: at(table.frame_previous)?,
        frame_executable: at(table.frame_previous + 8)?,
        frame_instruction: at(table.frame_previous + 16)?,
        frame_owner: at(table.frame_owner)?,
        code_file: at(table.code_file)?,
        code_name: at(table.code_file + 16)?,
        code_lines: at(table.code_file + 24)?,
        code_first_line: at(table.code_file + 32)?,
        code_instructions: at(table.code_instructions)?,
        bytes_length: at(table.bytes_length)?,
        bytes_contents: at(table.bytes_length + 8)?,
        text_state: at(table.text_state)?,
        text_length: at(table.text_state + 8)?,
        ascii_bytes: at(table.text_state + 16)?,
    })
}

#[derive(Clone, Copy)]
struct Memory<'a>(&'a [u8]);

impl<'a> Memory<'a> {
    fn bytes(self, address: u32, length: u32) -> Option<&'a [u8]> {
        let start = address as usize;
        self.0.get(start..start.checked_add(length as usize)?)
    }

    fn word(self, address: u32) -> Option<u32> {
        Some(u32::from_le_bytes(self.bytes(address, 4)?.try_into().ok()?))
    }
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    memory: Memory<'a>,
    runtime: u32,
    layout: Layout,
}

impl Reader<'_> {
    /// The word in a field, unless it is 0.
    fn field(&self, structure: u32, offset: u32) -> Option<u32> {
        self.memory.word(structure.checked_add(offset)?).filter(|word| *word != 0)
    }

    fn innermost(&self) -> Option<u32> {
        let Layout { interpreters_head, threads_head, thread_next, current_frame, .. } =
            self.layout;
        let interpreter = self.field(self.runtime, interpreters_head)?;
        // The newest comes first: the one of the innermost wait of `run_sync`.
        let mut thread = self.field(interpreter, threads_head);
        for _ in 0..THREADS_MAX {
            let frame = self.field(thread?, current_frame);
            let frame = if self.layout.is_indirect { self.field(frame?, 0) } else { frame };
            if frame.is_some() {
                return frame;
            }
            thread = self.field(thread?, thread_next);
        }
        None
    }

    fn place(&self, frame: u32) -> Option<Place> {
        let Layout { frame_owner, frame_executable, code_file, code_name, .. } = self.layout;
        let owner = *self.memory.bytes(frame.checked_add(frame_owner)?, 1)?.first()?;
        if owner >= OWNER_INTERPRETER {
            return None;
        }
        let code = self.field(frame, frame_executable)? & !REFERENCE_TAG;
        Some(Place {
            file: self.text(self.field(code, code_file)?)?,
            line: self.line(frame, code).unwrap_or(0),
            function: self.text(self.field(code, code_name)?)?,
        })
    }

    fn line(&self, frame: u32, code: u32) -> Option<u32> {
        let layout = &self.layout;
        let instruction = self.field(frame, layout.frame_instruction)?;
        let instructions = code.checked_add(layout.code_instructions)?;
        let unit = instruction.checked_sub(instructions)? / CODE_UNIT_BYTES;
        let first = self.field(code, layout.code_first_line)?;
        let lines = self.field(code, layout.code_lines)?;
        let length = self.field(lines, layout.bytes_length)?.min(LINES_BYTES_MAX);
        let contents = lines.checked_add(layout.bytes_contents)?;
        line_of(self.memory.bytes(contents, length)?, first, unit)
    }

    /// A string (`PyASCIIObject`, or `PyCompactUnicodeObject` with characters of 1, 2 or 4 bytes).
    fn text(&self, address: u32) -> Option<String> {
        /// What a compact string has more than an ASCII one: the length and the address of its UTF-8.
        const COMPACT_BYTES: u32 = 8;
        let layout = &self.layout;
        let state = self.memory.word(address.checked_add(layout.text_state)?)?;
        let (kind, is_ascii) = (state >> 2 & 0b111, state >> 6 & 1 == 1);
        let length = self.memory.word(address.checked_add(layout.text_length)?)?;
        let length = length.min(TEXT_CHARACTERS_MAX);
        let start = address.checked_add(layout.ascii_bytes)?;
        let start = start.checked_add(if is_ascii { 0 } else { COMPACT_BYTES })?;
        let bytes = self.memory.bytes(start, length * kind)?;
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
        assert_eq!(frames(&[], 0, 0), []);
        assert_eq!(frames(&[0; 4096], 8, 8), []);
        assert_eq!(frames(&[0; 4096], u32::MAX, u32::MAX), []);
        for version in [0x030c_01f0_u32, 0x030c_07f0, 0x030d_02f0, 0x030e_02f0, 0x030f_00c1] {
            let mut memory = vec![0xff; 4096];
            memory[..8].copy_from_slice(COOKIE);
            memory[4000..4004].copy_from_slice(&version.to_le_bytes());
            assert_eq!(frames(&memory, 0, 4000), [], "addresses that are nowhere");
        }
    }
}
