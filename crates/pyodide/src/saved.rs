//! What a snapshot holds of this crate's state outside of the guest's memory: which random numbers are drawn again, and
//! which files of layers Python wrote over.
//!
//! Which files of layers are open is in the guest's memory. The isolate's owner gives it the layers again.

use serde::{Deserialize, Serialize};
use taipan_guest::Scope;

use crate::Error;
use crate::changes::{Change, Changes, note};
use crate::generators::{Generators, draw};
use crate::layer::NodeIndex;

/// Python itself seeds any more generators (`python/_taipan/randoms.py`).
const GENERATORS_MAX: usize = 16;

/// As many nodes as images have at most, by far.
const CHANGES_MAX: usize = 1 << 20;

/// The state, as postcard encodes it.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Saved {
    /// Addresses of generators of module `random`.
    generators: Vec<u32>,
    /// Directories with other entries: numbers of their layers and their own.
    entries: Vec<(u32, u32)>,
    /// Files and directories that were written over, moved or removed: the same.
    replaced: Vec<(u32, u32)>,
}

/// The state, for a snapshot.
///
/// # Errors
///
/// [`Error::Saved`] when it cannot be encoded.
pub fn save(scope: &Scope<'_>) -> Result<Vec<u8>, Error> {
    let generators = scope.extensions().of::<Generators>().map(|generators| generators.0.clone());
    let changes = scope.extensions().of::<Changes>();
    let all = |change| changes.map(|changes| changes.all(change)).unwrap_or_default();
    let saved = Saved {
        generators: generators.unwrap_or_default(),
        entries: all(Change::Entries),
        replaced: all(Change::Whole),
    };
    postcard::to_stdvec(&saved).map_err(|source| Error::Saved { what: source.to_string() })
}

/// Puts the state back, into an isolate that was resumed.
///
/// # Errors
///
/// [`Error::Saved`] for what [`save`] did not write, and for generators that are not in the memory.
pub fn restore(scope: &mut Scope<'_>, bytes: &[u8]) -> Result<(), Error> {
    let wrong = |error: taipan_guest::Error| Error::Saved { what: error.to_string() };
    let Saved { generators, entries, replaced } = decode(bytes)?;
    crate::set_collector(scope);
    for (nodes, change) in [(entries, Change::Entries), (replaced, Change::Whole)] {
        for (layer, index) in nodes {
            note(scope, (layer, NodeIndex(index)), change).map_err(wrong)?;
        }
    }
    draw(scope, &generators).map_err(wrong)
}

/// Whether `bytes` are what [`save`] writes.
///
/// # Errors
///
/// [`Error::Saved`] when they are not.
pub fn check(bytes: &[u8]) -> Result<(), Error> {
    decode(bytes).map(|_| ())
}

fn decode(bytes: &[u8]) -> Result<Saved, Error> {
    let wrong = |what: &str| Error::Saved { what: what.to_owned() };
    let (saved, rest) =
        postcard::take_from_bytes::<Saved>(bytes).map_err(|source| wrong(&source.to_string()))?;
    if !rest.is_empty() {
        return Err(wrong("there are bytes behind its end"));
    }
    if saved.generators.len() > GENERATORS_MAX {
        return Err(wrong("there are too many generators"));
    }
    if saved.entries.len().max(saved.replaced.len()) > CHANGES_MAX {
        return Err(wrong("there are too many changes of file layers"));
    }
    Ok(saved)
}

#[cfg(test)]
#[path = "../../snapshot/tests/it/page.rs"]
mod page;

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(generators: &[u32]) -> Saved {
        let (entries, replaced) = (vec![(1, 0), (2, 300)], vec![(1, 5)]);
        Saved { generators: generators.to_vec(), entries, replaced }
    }

    fn encoded(generators: &[u32]) -> Vec<u8> {
        postcard::to_stdvec(&saved(generators)).unwrap()
    }

    #[test]
    fn the_page_describes_it() {
        let bytes = encoded(&[8, 70_000]);
        let text = "generators: [8, 70000]\nentries: [(1, 0), (2, 300)]\nreplaced: [(1, 5)]";
        assert_eq!(page::Page::open().read("pyodide", &bytes), (text.to_owned(), &[][..]));
    }

    #[test]
    fn damage() {
        assert!(decode(&encoded(&[8; 17])).is_err());
        let bytes = encoded(&[8; 16]);
        assert_eq!(decode(&bytes).unwrap(), saved(&[8; 16]));
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err(), "cut to {length} bytes");
        }
        assert!(decode(&[bytes.as_slice(), &[0]].concat()).is_err());
        assert!(decode(&[0xff; 32]).is_err(), "more generators than there are bytes");
    }
}
