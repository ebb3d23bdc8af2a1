//! Which side modules a script's image has, kept beside them in the cache: a script that imports none reads none.
//!
//! A side module is known by the digest of its file, and to compare its machine code with what was published takes
//! longer than to start a small script. So the digests of an image's modules are an entry of their own, by the digest of
//! the image.

use std::io::Read;

use taipan_guest::{Digest, Engine};
use taipan_store::{Cache, Entry, Held, OnReadOnly, write_atomic};

use crate::Error;
use crate::packages::Packages;
use crate::webassembly::{Outcomes, WEBASSEMBLY_ENTRIES, key, list_key};

/// The file of an entry: digests in hexadecimal digits, a line each.
const LIST: &str = "side.list";

/// Keeps the side modules of an image in the cache; none if one of them is not there, or nothing is known of them.
pub(crate) fn hold(cache: &Cache, engine: &Engine, library: &Packages) -> Option<Vec<Held>> {
    let mut text = String::new();
    let files = list(cache, engine, library).ok()?.files().ok()??;
    files.file(LIST).ok()?.read_to_string(&mut text).ok()?;
    let held = text.lines().map(|line| {
        let digest: Digest = taipan_store::Digest::from_hex(line)?.as_bytes().to_owned();
        let entry = cache.entry(WEBASSEMBLY_ENTRIES, &key(engine, &digest)).ok()?;
        // In this order: what is held is not removed.
        let held = entry.hold().ok()?;
        entry.path().exists().then_some(held)
    });
    held.collect()
}

/// Writes down which side modules an image has, of those that are ready. Where the cache can only be read, nothing is.
///
/// # Errors
///
/// What cannot be written.
pub(crate) fn note(
    cache: &Cache,
    engine: &Engine,
    library: &Packages,
    compiled: &Outcomes,
) -> Result<(), Error> {
    let inside = format!("{}/", library.path);
    let modules = compiled.iter().filter(|(path, _)| path.starts_with(&inside));
    let digests = modules.filter_map(|(_, module)| Some(module.as_ref().ok()?.digest()));
    let lines = digests.map(|digest| format!("{}\n", taipan_store::Digest::from_bytes(digest)));
    let text: String = lines.collect();
    let write = |staging: &std::path::Path| {
        write_atomic(&staging.join(LIST), text.as_bytes()).map_err(Error::from)
    };
    let entry = list(cache, engine, library)?;
    match entry.get_or_build(OnReadOnly::Refuse, &|_| (), write) {
        Err(Error::Store(error)) if error.is_read_only() => Ok(()),
        written => written.map(drop),
    }
}

fn list(cache: &Cache, engine: &Engine, library: &Packages) -> Result<Entry, Error> {
    Ok(cache.entry(WEBASSEMBLY_ENTRIES, &list_key(engine, &library.digest))?)
}
