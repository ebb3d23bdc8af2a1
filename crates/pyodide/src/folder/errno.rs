//! The system's error numbers as the guest knows them.

use rustix::io::Errno;

/// "Input/output error": what has no number there.
const IO: i32 = 29;

/// Emscripten's number of an error (its `musl/arch/emscripten/bits/errno.h`, which are WASI's), of those that calls on
/// files have.
pub(super) fn number(error: Errno) -> i32 {
    match error {
        Errno::ACCESS => 2,
        Errno::AGAIN => 6,
        Errno::BADF => 8,
        Errno::BUSY => 10,
        Errno::DQUOT => 19,
        Errno::EXIST => 20,
        Errno::FAULT => 21,
        Errno::FBIG => 22,
        Errno::ILSEQ => 25,
        Errno::INTR => 27,
        Errno::INVAL => 28,
        Errno::ISDIR => 31,
        Errno::LOOP => 32,
        Errno::MFILE => 33,
        Errno::MLINK => 34,
        Errno::NAMETOOLONG => 37,
        Errno::NFILE => 41,
        Errno::NODEV => 43,
        Errno::NOENT => 44,
        Errno::NOLCK => 46,
        Errno::NOMEM => 48,
        Errno::NOSPC => 51,
        Errno::NOSYS => 52,
        Errno::NOTDIR => 54,
        Errno::NOTEMPTY => 55,
        Errno::NXIO => 60,
        Errno::OVERFLOW => 61,
        Errno::PERM => 63,
        Errno::ROFS => 69,
        Errno::SPIPE => 70,
        Errno::STALE => 72,
        Errno::TXTBSY => 74,
        Errno::XDEV => 75,
        Errno::OPNOTSUPP => 138,
        _ => IO,
    }
}
