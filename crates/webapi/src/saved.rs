//! What a snapshot holds of this crate's state outside of the guest's memory: the last numbers that were given.
//!
//! JavaScript remembers numbers of operations, bodies and decoders, so they go
//! on where they were. What they stand for is not kept: see `under_way.rs`.

use serde::{Deserialize, Serialize};
use taipan_guest::Scope;

use crate::Error;
use crate::body::Bodies;
use crate::encoding::Decoders;
use crate::pending::Pending;

/// As postcard encodes it, in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Saved {
    operation: u32,
    body: u32,
    decoder: u32,
}

/// The state, for a snapshot.
///
/// # Errors
///
/// [`Error::CannotSave`] when something would be lost; [`crate::unsaved()`] says all of it.
pub fn save(scope: &Scope<'_>) -> Result<Vec<u8>, Error> {
    if let Some(first) = crate::unsaved(scope).first() {
        return Err(Error::CannotSave { what: first.message(None) });
    }
    let extensions = scope.extensions();
    let saved = Saved {
        operation: extensions.of::<Pending>().map_or(0, Pending::last),
        body: extensions.of::<Bodies>().map_or(0, Bodies::last),
        decoder: extensions.of::<Decoders>().map_or(0, Decoders::last),
    };
    postcard::to_stdvec(&saved).map_err(|source| Error::Saved { source })
}

/// Puts the state back, into the tables of an isolate that was resumed and has done nothing yet.
///
/// # Errors
///
/// [`Error::Saved`] for what [`save`] did not write.
pub fn restore(scope: &mut Scope<'_>, bytes: &[u8]) -> Result<(), Error> {
    let saved = decode(bytes)?;
    let extensions = scope.extensions_mut();
    if let Some(pending) = extensions.of_mut::<Pending>() {
        pending.go_on_after(saved.operation);
    }
    if let Some(bodies) = extensions.of_mut::<Bodies>() {
        bodies.go_on_after(saved.body);
    }
    if let Some(decoders) = extensions.of_mut::<Decoders>() {
        decoders.go_on_after(saved.decoder);
    }
    Ok(())
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
    match postcard::take_from_bytes::<Saved>(bytes) {
        Ok((saved, [])) => Ok(saved),
        Ok(_) => Err(Error::Saved { source: postcard::Error::DeserializeBadEncoding }),
        Err(source) => Err(Error::Saved { source }),
    }
}

#[cfg(test)]
#[path = "../../snapshot/tests/it/page.rs"]
mod page;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let saved = Saved { operation: 70_000, body: 3, decoder: u32::MAX };
        assert_eq!(decode(&postcard::to_stdvec(&saved).unwrap()).unwrap(), saved);
    }

    #[test]
    fn the_page_describes_it() {
        let saved = Saved { operation: 70_000, body: 3, decoder: u32::MAX };
        let bytes = postcard::to_stdvec(&saved).unwrap();
        let text = "operation: 70000\nbody: 3\ndecoder: 4294967295";
        assert_eq!(page::Page::open().read("webapi", &bytes), (text.to_owned(), &[][..]));
    }

    #[test]
    fn damage() {
        let saved = Saved { operation: 70_000, body: 300, decoder: 5 };
        let bytes = postcard::to_stdvec(&saved).unwrap();
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err(), "cut to {length} bytes");
        }
        assert!(decode(&[bytes.as_slice(), &[0]].concat()).is_err(), "a byte too many");
        assert!(decode(&[0xff; 16]).is_err(), "a number of more than 32 bits");
    }
}
