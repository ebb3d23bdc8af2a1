//! What is in files: BLAKE3 digests, by all processors at once.
//!
//! An entry is compared with its inventory at each start, so this has to be quick: BLAKE3 takes a tenth of the time of
//! SHA-256 in software and a third of it with SHA instructions, and as a tree it can be computed in pieces. Files are
//! read, not mapped: a file that is cut short meanwhile is an error then, and does not end the process.

use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fmt, fs, io, thread};

use blake3::hazmat::{
    ChainingValue, HasherExt, Mode, left_subtree_len, merge_subtrees_non_root, merge_subtrees_root,
};
use blake3::{Hash, Hasher};

/// Bytes of a piece, which one thread digests: a power of two, so that pieces are subtrees.
const PIECE_BYTES: u64 = 1 << 20;

/// Bytes that are in memory at once: they stay in a processor's own cache.
const BUFFER_BYTES: usize = 128 << 10;

/// More threads gain nothing: they would wait for the memory.
const THREADS_MAX: usize = 8;

/// The BLAKE3 of some bytes, as `b3sum` prints it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ContentDigest(Hash);

impl ContentDigest {
    /// The digest of `bytes`.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(blake3::hash(bytes))
    }

    /// Reads 64 hexadecimal digits; `None` for anything else.
    pub(crate) fn from_hex(hex: &str) -> Option<Self> {
        Hash::from_hex(hex).ok().map(ContentDigest)
    }
}

impl fmt::Display for ContentDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Debug for ContentDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ContentDigest({self})")
    }
}

/// A piece of a file, and what came of it: the whole file's digest when there is but one.
enum Piece {
    Whole(Hash),
    Part(ChainingValue),
}

/// The digest of each of `files`, from its beginning on for as many bytes as are said with it.
pub(crate) fn digests(files: &[(&fs::File, u64)]) -> Vec<io::Result<ContentDigest>> {
    let pieces: Vec<(usize, u64)> = files
        .iter()
        .enumerate()
        .flat_map(|(file, (_, length))| {
            (0..length.div_ceil(PIECE_BYTES).max(1)).map(move |piece| (file, piece * PIECE_BYTES))
        })
        .collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut done = Vec::new();
        while let Some((file, offset)) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (opened, length) = files[*file];
            done.push((*file, *offset, digest(opened, length, *offset, &mut buffer)));
        }
        done
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.min(THREADS_MAX).min(pieces.len());
    let mut done = thread::scope(|scope| {
        // Where there can be no thread, this one does all the work.
        let others: Vec<_> = (1..threads)
            .filter_map(|_| thread::Builder::new().spawn_scoped(scope, work).ok())
            .collect();
        let mut done = work();
        for other in others {
            done.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done
    });
    done.sort_by_key(|(file, offset, _)| (*file, *offset));
    let mut done = done.into_iter().map(|(_, _, piece)| piece);
    let join = |(_, length): &(_, u64)| {
        let count = usize::try_from(length.div_ceil(PIECE_BYTES).max(1)).unwrap_or(usize::MAX);
        let pieces: Vec<_> = done.by_ref().take(count).collect();
        Ok(ContentDigest(whole(pieces.into_iter().collect::<io::Result<Vec<_>>>()?, *length)))
    };
    files.iter().map(join).collect()
}

/// Digests the piece of a file that begins at `offset`.
fn digest(file: &fs::File, length: u64, offset: u64, buffer: &mut [u8]) -> io::Result<Piece> {
    let end = length.min(offset + PIECE_BYTES);
    let mut hasher = Hasher::new();
    hasher.set_input_offset(offset);
    let mut at = offset;
    while at < end {
        let bytes = usize::try_from(end - at).unwrap_or(usize::MAX).min(buffer.len());
        file.read_exact_at(&mut buffer[..bytes], at)?;
        hasher.update(&buffer[..bytes]);
        at += bytes as u64;
    }
    if length <= PIECE_BYTES {
        return Ok(Piece::Whole(hasher.finalize()));
    }
    Ok(Piece::Part(hasher.finalize_non_root()))
}

/// The digest of a file from those of its pieces.
fn whole(pieces: Vec<Piece>, length: u64) -> Hash {
    let mut parts = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match piece {
            Piece::Whole(hash) => return hash,
            Piece::Part(part) => parts.push(part),
        }
    }
    let (left, right) = halves(&parts, length);
    merge_subtrees_root(&left, &right, Mode::Hash)
}

fn halves(parts: &[ChainingValue], length: u64) -> (ChainingValue, ChainingValue) {
    let left = left_subtree_len(length);
    let count = usize::try_from(left / PIECE_BYTES).unwrap_or(usize::MAX);
    (subtree(&parts[..count], left), subtree(&parts[count..], length - left))
}

fn subtree(parts: &[ChainingValue], length: u64) -> ChainingValue {
    match parts {
        [part] => *part,
        _ => {
            let (left, right) = halves(parts, length);
            merge_subtrees_non_root(&left, &right, Mode::Hash)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// The reference implementation's own digest is the right one.
    #[test]
    fn as_in_one_go() {
        let bytes: Vec<u8> = (0u32..5 << 20).map(|number| (number % 251) as u8).collect();
        let mib = 1 << 20;
        let lengths = [
            0,
            1,
            1024,
            mib - 1,
            mib,
            mib + 1,
            2 * mib,
            2 * mib + 1,
            3 * mib,
            4 * mib + 7,
            5 * mib,
        ];
        let mut files = Vec::new();
        for length in lengths {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&bytes[..length]).unwrap();
            files.push((file, length as u64));
        }
        let listed: Vec<_> = files.iter().map(|(file, length)| (file, *length)).collect();
        for (length, found) in lengths.iter().zip(digests(&listed)) {
            assert_eq!(found.unwrap(), ContentDigest::of(&bytes[..*length]), "{length}");
        }
    }

    #[test]
    fn cut_short() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(10).unwrap();
        let found = digests(&[(&file, 11), (&file, 10)]);
        let kinds: Vec<_> = found.into_iter().map(|it| it.map_err(|error| error.kind())).collect();
        let zeros = ContentDigest::of(&[0; 10]);
        assert_eq!(kinds, [Err(io::ErrorKind::UnexpectedEof), Ok(zeros)]);
    }
}
