//! Copies and fills of a small constant length, as loads and stores.

use wasm_encoder::{InstructionSink, MemArg};

/// The longest that is written inline: eight loads and eight stores.
const INLINE_BYTES_MAX: u32 = 128;

/// The variables that these instructions need, all of type `i32`.
pub(super) const LOCALS: u32 = 2;

/// The sizes of loads and stores, as powers of two.
const WIDTHS: [u32; 5] = [4, 3, 2, 1, 0];

/// Whether this many bytes are copied or filled inline. None at all are not, since their addresses must be checked.
pub(super) fn is_small(length: u32) -> bool {
    (1..=INLINE_BYTES_MAX).contains(&length)
}

/// Copies `length` bytes; the addresses are on the stack. All is loaded before anything is stored, and what is
/// last in memory is stored first: if it is out of bounds, nothing was written.
pub(super) fn copy(first_local: u32, length: u32) -> Vec<u8> {
    let (destination, source) = (first_local, first_local + 1);
    let mut code = Vec::new();
    let mut sink = InstructionSink::new(&mut code);
    sink.local_set(source).local_set(destination);
    let chunks = chunks(length);
    for (offset, width) in &chunks {
        sink.local_get(destination).local_get(source);
        let at = argument(*offset);
        match width {
            4 => sink.v128_load(at),
            3 => sink.i64_load(at),
            2 => sink.i32_load(at),
            1 => sink.i32_load16_u(at),
            _ => sink.i32_load8_u(at),
        };
    }
    for (offset, width) in chunks.iter().rev() {
        store(&mut sink, *offset, *width);
    }
    code
}

/// Fills `length` bytes; the address is on the stack.
pub(super) fn fill(first_local: u32, value: u32, length: u32) -> Vec<u8> {
    let word = i128::from_le_bytes([value.to_le_bytes()[0]; 16]);
    let mut code = Vec::new();
    let mut sink = InstructionSink::new(&mut code);
    sink.local_set(first_local);
    for (offset, width) in chunks(length).iter().rev() {
        sink.local_get(first_local);
        #[expect(clippy::cast_possible_truncation, reason = "each byte of it is the same")]
        match width {
            4 => sink.v128_const(word),
            3 => sink.i64_const(word as i64),
            _ => sink.i32_const(word as i32),
        };
        store(&mut sink, *offset, *width);
    }
    code
}

fn store(sink: &mut InstructionSink<'_>, offset: u32, width: u32) {
    let at = argument(offset);
    match width {
        4 => sink.v128_store(at),
        3 => sink.i64_store(at),
        2 => sink.i32_store(at),
        1 => sink.i32_store16(at),
        _ => sink.i32_store8(at),
    };
}

/// An access that need not be aligned.
pub(crate) fn argument(offset: u32) -> MemArg {
    MemArg { offset: offset.into(), align: 0, memory_index: 0 }
}

/// Where to load and store, and how much (as a power of two), in the order of addresses.
fn chunks(length: u32) -> Vec<(u32, u32)> {
    let (mut offset, mut chunks) = (0, Vec::new());
    for width in WIDTHS {
        while length - offset >= 1 << width {
            chunks.push((offset, width));
            offset += 1 << width;
        }
    }
    chunks
}
