//! What a snapshot holds of this crate's state outside of the guest's memory: the files of layers that are open, and
//! which random numbers are drawn anew.
//!
//! Python remembers their descriptors, so they are the same again, at the same
//! positions. Layers themselves are given anew by the isolate's owner.

use serde::{Deserialize, Serialize};
use taipan_guest::Scope;

use crate::Error;
use crate::descriptors::{Descriptors, OPEN_MAX, Open};
use crate::generators::{Generators, draw};
use crate::layer::NodeIndex;
use crate::operations::Layers;

/// A position in a file that a number of JavaScript can say.
const POSITION_MAX: u64 = 1 << 53;

/// More generators Python seeds itself (`python/_taipan/randoms.py`).
const GENERATORS_MAX: usize = 16;

/// The state, as postcard encodes it, in this order.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Saved {
    files: Vec<File>,
    /// Addresses of generators of module `random`.
    generators: Vec<u32>,
}

/// An open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct File {
    /// The descriptor, counted from the first of the host's.
    place: u32,
    layer: u32,
    node: u32,
    position: u64,
}

/// The state, for a snapshot.
///
/// # Errors
///
/// [`Error::Saved`] when it cannot be encoded.
pub fn save(scope: &Scope<'_>) -> Result<Vec<u8>, Error> {
    let open = scope.extensions().of::<Descriptors>().map(|open| open.0.as_slice());
    let files = (0..)
        .zip(open.unwrap_or_default())
        .filter_map(|(place, open)| {
            let Open { layer, index, position } = (*open)?;
            Some(File { place, layer, node: index.0, position })
        })
        .collect();
    let generators = scope.extensions().of::<Generators>().map(|generators| generators.0.clone());
    let saved = Saved { files, generators: generators.unwrap_or_default() };
    postcard::to_stdvec(&saved).map_err(|source| Error::Saved { what: source.to_string() })
}

/// Puts the state back, into an isolate that was resumed and has its layers.
///
/// # Errors
///
/// [`Error::Saved`] for what [`save`] did not write, for files that are not in the layers, and for generators that are
/// not in the memory.
pub fn restore(scope: &mut Scope<'_>, bytes: &[u8]) -> Result<(), Error> {
    let empty = Layers::default();
    let (descriptors, generators) =
        decode(bytes, scope.extensions().of::<Layers>().unwrap_or(&empty))?;
    scope.extensions_mut().insert(descriptors);
    crate::set_collector(scope);
    draw(scope, &generators).map_err(|error| Error::Saved { what: error.to_string() })
}

/// Whether `bytes` are what [`save`] writes for an isolate with these layers.
///
/// # Errors
///
/// [`Error::Saved`] when they are not.
pub fn check(bytes: &[u8], layers: &Layers) -> Result<(), Error> {
    decode(bytes, layers).map(|_| ())
}

fn decode(bytes: &[u8], layers: &Layers) -> Result<(Descriptors, Vec<u32>), Error> {
    let wrong = |what: &str| Error::Saved { what: what.to_owned() };
    let (saved, rest) =
        postcard::take_from_bytes::<Saved>(bytes).map_err(|source| wrong(&source.to_string()))?;
    if !rest.is_empty() {
        return Err(wrong("there are bytes behind its end"));
    }
    if saved.generators.len() > GENERATORS_MAX {
        return Err(wrong("there are too many generators"));
    }
    let mut descriptors = Vec::new();
    for file in saved.files {
        let place = file.place as usize;
        // In the order of their places: none is twice, and none is left out without an empty one.
        if place >= OPEN_MAX || place < descriptors.len() {
            return Err(wrong("a descriptor is out of order"));
        }
        let index = NodeIndex(file.node);
        let layer = layers.0.get(file.layer as usize);
        if layer.is_none_or(|layer| layer.node(index).is_none()) {
            return Err(wrong("an open file is in no layer"));
        }
        if file.position > POSITION_MAX {
            return Err(wrong("a position is behind the end of any file"));
        }
        descriptors.resize(place, None);
        descriptors.push(Some(Open { layer: file.layer, index, position: file.position }));
    }
    Ok((Descriptors(descriptors), saved.generators))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::LayerBytes;
    use crate::layer::{Entry, Layer, encode};

    fn layers() -> Layers {
        let bytes = encode(&[Entry::file("a.txt", "text")]).unwrap();
        Layers(vec![Arc::new(Layer::decode(LayerBytes::from(bytes)).unwrap())])
    }

    fn file(place: u32, layer: u32, node: u32, position: u64) -> File {
        File { place, layer, node, position }
    }

    fn encoded(files: &[File], generators: &[u32]) -> Vec<u8> {
        let saved = Saved { files: files.to_vec(), generators: generators.to_vec() };
        postcard::to_stdvec(&saved).unwrap()
    }

    #[track_caller]
    fn check(files: &[File], expected: &str) {
        let bytes = encoded(files, &[]);
        let outcome = match decode(&bytes, &layers()) {
            Ok((Descriptors(open), _)) => {
                let shown = open.iter().map(|open| open.map(|open| (open.index.0, open.position)));
                format!("{:?}", shown.collect::<Vec<_>>())
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(outcome, expected);
    }

    const DAMAGED: &str = "the snapshot's state of Python is damaged: ";

    #[test]
    fn files() {
        check(&[], "[]");
        check(&[file(0, 0, 1, 4)], "[Some((1, 4))]");
        check(&[file(1, 0, 1, 0), file(3, 0, 0, 2)], "[None, Some((1, 0)), None, Some((0, 2))]");
    }

    #[test]
    fn damage() {
        let wrong = |what: &str| format!("{DAMAGED}{what}");
        check(&[file(1, 0, 1, 0), file(1, 0, 1, 0)], &wrong("a descriptor is out of order"));
        check(&[file(4096, 0, 1, 0)], &wrong("a descriptor is out of order"));
        check(&[file(u32::MAX, 0, 1, 0)], &wrong("a descriptor is out of order"));
        check(&[file(0, 1, 1, 0)], &wrong("an open file is in no layer"));
        check(&[file(0, 0, 2, 0)], &wrong("an open file is in no layer"));
        check(&[file(0, 0, 1, u64::MAX)], &wrong("a position is behind the end of any file"));
        assert!(decode(&encoded(&[], &[8; 17]), &layers()).is_err());
        let bytes = encoded(&[file(0, 0, 1, 300)], &[8; 16]);
        assert_eq!(decode(&bytes, &layers()).unwrap().1, [8; 16]);
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length], &layers()).is_err(), "cut to {length} bytes");
        }
        assert!(decode(&[bytes.as_slice(), &[0]].concat(), &layers()).is_err());
        assert!(decode(&[0xff; 32], &layers()).is_err(), "more files than there are bytes");
    }
}
