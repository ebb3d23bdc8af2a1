//! The functions that copy and fill, of any length: `(destination, source or value, length) -> ()`.
//!
//! Short ones are two to four accesses that overlap, as in any libc; long ones
//! a loop of 64 bytes at a time, in the direction in which nothing is
//! overwritten before it was read.

use wasm_encoder::{BlockType, Function, InstructionSink, ValType};

use super::inline::argument;

/// Bytes that a turn of a loop moves.
const BLOCK: i32 = 64;

/// Bytes of a vector.
const VECTOR: u32 = 16;

/// What the addresses of stores are multiples of, if the length is worth it.
const ALIGNMENT: i32 = 16;
const ALIGNED_MIN: i32 = 256;

/// Where the vectors of a block are.
const VECTORS: [u32; 4] = [0, 16, 32, 48];

const DESTINATION: u32 = 0;
const SOURCE: u32 = 1;
const VALUE: u32 = 1;
const LENGTH: u32 = 2;

/// An access past the end of any memory: it traps as an access that is out of bounds does.
pub(crate) fn trap(sink: &mut InstructionSink<'_>) {
    sink.i32_const(-1).i32_load8_u(argument(u32::MAX)).drop();
}

/// Traps if `LENGTH` bytes at one of the addresses are not in memory.
fn check(sink: &mut InstructionSink<'_>, addresses: &[u32], size: u32, page_bytes_log2: u32) {
    sink.memory_size(0).i64_extend_i32_u().i64_const(page_bytes_log2.into()).i64_shl();
    sink.local_set(size);
    for (number, address) in addresses.iter().enumerate() {
        sink.local_get(*address).i64_extend_i32_u();
        sink.local_get(LENGTH).i64_extend_i32_u().i64_add();
        sink.local_get(size).i64_gt_u();
        if number > 0 {
            sink.i32_or();
        }
    }
    sink.if_(BlockType::Empty);
    trap(sink);
    sink.end();
}

/// Goes on in a block if `LENGTH` is at least `minimum`; the block must be ended.
fn if_at_least(sink: &mut InstructionSink<'_>, minimum: i32) {
    sink.local_get(LENGTH).i32_const(minimum).i32_ge_u().if_(BlockType::Empty);
}

/// `address + LENGTH - back`.
fn from_end(sink: &mut InstructionSink<'_>, address: u32, back: i32) {
    sink.local_get(address).local_get(LENGTH).i32_add().i32_const(back).i32_sub();
}

/// `memory.copy`.
pub(super) fn copy(page_bytes_log2: u32) -> Function {
    const SIZE: u32 = 6;
    let locals = [(3, ValType::I32), (1, ValType::I64), (5, ValType::V128)];
    let mut function = Function::new(locals);
    let mut sink = function.instructions();
    check(&mut sink, &[DESTINATION, SOURCE], SIZE, page_bytes_log2);
    copy_short(&mut sink);
    sink.local_get(DESTINATION).local_get(SOURCE).i32_sub().local_get(LENGTH).i32_ge_u();
    sink.if_(BlockType::Empty);
    copy_forward(&mut sink);
    sink.else_();
    copy_backward(&mut sink);
    sink.end().end();
    function
}

const END: u32 = 3;
const FROM: u32 = 4;
const PLACE: u32 = 5;
const KEPT: [u32; 4] = [7, 8, 9, 10];
const KEPT_FIRST: u32 = 11;

/// From the beginning to the end, whose last block is read first, since it may be overwritten. So is the first vector,
/// without which the others can be aligned.
fn copy_forward(sink: &mut InstructionSink<'_>) {
    sink.local_get(SOURCE).v128_load(argument(0)).local_set(KEPT_FIRST);
    sink.local_get(DESTINATION).local_set(PLACE);
    from_end(sink, SOURCE, BLOCK);
    sink.local_set(FROM);
    from_end(sink, DESTINATION, BLOCK);
    sink.local_set(END);
    keep(sink, FROM, KEPT);
    if_at_least(sink, ALIGNED_MIN);
    sink.i32_const(ALIGNMENT).local_get(DESTINATION).i32_const(ALIGNMENT - 1).i32_and().i32_sub();
    sink.local_tee(FROM).local_get(SOURCE).i32_add().local_set(SOURCE);
    sink.local_get(FROM).local_get(DESTINATION).i32_add().local_set(DESTINATION).end();
    sink.loop_(BlockType::Empty);
    copy_block(sink, DESTINATION, SOURCE);
    advance(sink, SOURCE, BLOCK);
    advance(sink, DESTINATION, BLOCK);
    sink.local_get(DESTINATION).local_get(END).i32_lt_u().br_if(0).end();
    put_back(sink, END, KEPT);
    sink.local_get(PLACE).local_get(KEPT_FIRST).v128_store(argument(0));
}

/// From the end to the beginning, whose block is read first. So is the last vector, without which the others can be
/// aligned.
fn copy_backward(sink: &mut InstructionSink<'_>) {
    let vector = VECTOR.cast_signed();
    from_end(sink, SOURCE, vector);
    sink.v128_load(argument(0)).local_set(KEPT_FIRST);
    from_end(sink, DESTINATION, vector);
    sink.local_set(PLACE);
    keep(sink, SOURCE, KEPT);
    from_end(sink, SOURCE, 0);
    sink.local_set(FROM);
    from_end(sink, DESTINATION, 0);
    sink.local_set(END);
    if_at_least(sink, ALIGNED_MIN);
    sink.local_get(FROM).local_get(END).i32_const(ALIGNMENT - 1).i32_and().i32_sub();
    sink.local_set(FROM);
    sink.local_get(END).i32_const(-ALIGNMENT).i32_and().local_set(END).end();
    sink.loop_(BlockType::Empty);
    advance(sink, FROM, -BLOCK);
    advance(sink, END, -BLOCK);
    copy_block(sink, END, FROM);
    sink.local_get(END).local_get(DESTINATION).i32_sub().i32_const(BLOCK).i32_gt_u().br_if(0).end();
    put_back(sink, DESTINATION, KEPT);
    sink.local_get(PLACE).local_get(KEPT_FIRST).v128_store(argument(0));
}

/// Copies up to 64 bytes, and returns; goes on if there are more. All is read before anything is written.
fn copy_short(sink: &mut InstructionSink<'_>) {
    let ends = |sink: &mut InstructionSink<'_>, back: i32| {
        from_end(sink, SOURCE, back);
        sink.local_set(FROM);
        from_end(sink, DESTINATION, back);
        sink.local_set(END);
    };
    sink.local_get(LENGTH).i32_const(BLOCK).i32_le_u().if_(BlockType::Empty);
    if_at_least(sink, 33);
    ends(sink, 32);
    let (first, last) = ((DESTINATION, SOURCE), (END, FROM));
    for ((to, from), offset) in [(first, 0), (first, VECTOR), (last, 0), (last, VECTOR)] {
        sink.local_get(to).local_get(from).v128_load(argument(offset));
    }
    for offset in [VECTOR, 0, VECTOR, 0] {
        sink.v128_store(argument(offset));
    }
    sink.return_().end();
    let at = argument(0);
    for width in [16, 8, 4, 2] {
        if_at_least(sink, width);
        ends(sink, width);
        for (to, from) in [first, last] {
            sink.local_get(to).local_get(from);
            match width {
                16 => sink.v128_load(at),
                8 => sink.i64_load(at),
                4 => sink.i32_load(at),
                _ => sink.i32_load16_u(at),
            };
        }
        for _ in [last, first] {
            match width {
                16 => sink.v128_store(at),
                8 => sink.i64_store(at),
                4 => sink.i32_store(at),
                _ => sink.i32_store16(at),
            };
        }
        sink.return_().end();
    }
    if_at_least(sink, 1);
    sink.local_get(DESTINATION).local_get(SOURCE).i32_load8_u(at).i32_store8(at);
    sink.end().return_().end();
}

/// Copies a block; all of it is read before anything is written.
fn copy_block(sink: &mut InstructionSink<'_>, destination: u32, source: u32) {
    for offset in VECTORS {
        sink.local_get(destination).local_get(source).v128_load(argument(offset));
    }
    for offset in VECTORS.iter().rev() {
        sink.v128_store(argument(*offset));
    }
}

/// Reads a block into variables.
fn keep(sink: &mut InstructionSink<'_>, source: u32, kept: [u32; 4]) {
    for (offset, variable) in VECTORS.iter().zip(kept) {
        sink.local_get(source).v128_load(argument(*offset)).local_set(variable);
    }
}

/// Writes the block that was kept.
fn put_back(sink: &mut InstructionSink<'_>, destination: u32, kept: [u32; 4]) {
    for (offset, variable) in VECTORS.iter().zip(kept) {
        sink.local_get(destination).local_get(variable).v128_store(argument(*offset));
    }
}

fn advance(sink: &mut InstructionSink<'_>, address: u32, bytes: i32) {
    sink.local_get(address).i32_const(bytes).i32_add().local_set(address);
}

/// `memory.fill`.
pub(super) fn fill(page_bytes_log2: u32) -> Function {
    const SIZE: u32 = 4;
    const WORD: u32 = 5;
    const VECTOR_OF: u32 = 6;
    let locals = [(1, ValType::I32), (2, ValType::I64), (1, ValType::V128)];
    let mut function = Function::new(locals);
    let mut sink = function.instructions();
    check(&mut sink, &[DESTINATION], SIZE, page_bytes_log2);
    sink.local_get(VALUE).i8x16_splat().local_tee(VECTOR_OF).i64x2_extract_lane(0);
    sink.local_set(WORD);
    let pair = |sink: &mut InstructionSink<'_>, width: i32| {
        from_end(sink, DESTINATION, width);
        sink.local_set(END);
        let at = argument(0);
        for to in [DESTINATION, END] {
            sink.local_get(to);
            match width {
                16 => sink.local_get(VECTOR_OF).v128_store(at),
                8 => sink.local_get(WORD).i64_store(at),
                4 => sink.local_get(WORD).i64_store32(at),
                _ => sink.local_get(WORD).i64_store16(at),
            };
        }
        sink.return_().end();
    };
    sink.local_get(LENGTH).i32_const(32).i32_le_u().if_(BlockType::Empty);
    for width in [16, 8, 4, 2] {
        if_at_least(&mut sink, width);
        pair(&mut sink, width);
    }
    if_at_least(&mut sink, 1);
    sink.local_get(DESTINATION).local_get(WORD).i64_store8(argument(0));
    sink.end().return_().end();
    // Up to 64 bytes from both ends; more, block by block.
    from_end(&mut sink, DESTINATION, 32);
    sink.local_set(END);
    for (to, offset) in [(DESTINATION, 0), (DESTINATION, VECTOR), (END, 0), (END, VECTOR)] {
        sink.local_get(to).local_get(VECTOR_OF).v128_store(argument(offset));
    }
    sink.local_get(LENGTH).i32_const(BLOCK).i32_le_u().if_(BlockType::Empty).return_().end();
    from_end(&mut sink, DESTINATION, BLOCK);
    sink.local_set(END);
    if_at_least(&mut sink, ALIGNED_MIN);
    sink.local_get(DESTINATION).i32_const(ALIGNMENT).i32_add();
    sink.i32_const(-ALIGNMENT).i32_and().local_set(DESTINATION).end();
    sink.loop_(BlockType::Empty);
    fill_block(&mut sink, DESTINATION, VECTOR_OF);
    advance(&mut sink, DESTINATION, BLOCK);
    sink.local_get(DESTINATION).local_get(END).i32_lt_u().br_if(0).end();
    fill_block(&mut sink, END, VECTOR_OF);
    sink.end();
    function
}

fn fill_block(sink: &mut InstructionSink<'_>, destination: u32, vector: u32) {
    for offset in VECTORS {
        sink.local_get(destination).local_get(vector).v128_store(argument(offset));
    }
}
