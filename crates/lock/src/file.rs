//! A file that a lock names: a wheel, a source distribution or an archive.

use std::collections::BTreeMap;

use crate::Error;
use crate::reader::Table;

/// Algorithms of which one has to be there: what `hashlib` always has, without those that are broken.
const ALGORITHMS: [(&str, usize); 3] = [("sha256", 64), ("sha384", 96), ("sha512", 128)];

/// A file, with what proves that it is the right one (PEP 751, `packages.wheels`, `packages.sdist`, `packages.archive`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name, without a folder.
    pub name: String,
    /// Where it is.
    pub place: Place,
    /// Its length in bytes, where the lock says it.
    pub size: Option<u64>,
    /// Digests of it in hexadecimal digits, by algorithm. At least one is SHA-256, SHA-384 or SHA-512.
    pub hashes: BTreeMap<String, String>,
}

/// Where a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// An address.
    Url(String),
    /// A path; a relative one begins at the lock's folder.
    Path(String),
}

impl Place {
    /// What `url` and `path` of a table say: one of the two.
    pub(crate) fn read(table: &mut Table<'_>) -> Result<Self, Error> {
        const SCHEMES: [&str; 3] = ["https://", "http://", "file://"];
        let is_address = |text: &str| {
            let known = SCHEMES.iter().any(|scheme| text.starts_with(scheme));
            (known && !text.contains(char::is_control)).then(|| text.to_owned())
        };
        let url = table.parsed("url", "an address of http, https or file", is_address)?;
        let path = table.text("path")?;
        let one = match (path, url) {
            // The specification: `path` is the one to try first.
            (Some(path), _) => Some(Self::Path(path)),
            (None, url) => url.map(Self::Url),
        };
        table.required("url", one)
    }

    /// The name at its end.
    fn name(&self) -> &str {
        let text = match self {
            Self::Url(url) => url.split(['?', '#']).next().unwrap_or_default(),
            Self::Path(path) => path,
        };
        text.rsplit('/').next().unwrap_or_default()
    }
}

impl File {
    /// Reads the table of one.
    pub(crate) fn read(mut table: Table<'_>) -> Result<Self, Error> {
        let place = Place::read(&mut table)?;
        let named = table.parsed("name", "the name of a file", |name| {
            is_file_name(name).then(|| name.to_owned())
        })?;
        let name = named.unwrap_or_else(|| decoded(place.name()));
        let name = table.required("name", Some(name).filter(|name| is_file_name(name)))?;
        let size = table.number("size")?;
        let listed = table.table("hashes")?;
        let hashes = table.required("hashes", listed)?;
        let hashes = read_hashes(hashes)?;
        Ok(Self { name, place, size, hashes })
    }
}

fn read_hashes(table: Table<'_>) -> Result<BTreeMap<String, String>, Error> {
    let (at, key) = (table.at(), table.key("sha256"));
    let hashes: BTreeMap<_, _> = table.rest()?.into_iter().collect();
    let is_digest = |algorithm: &str, digits: usize| {
        hashes.get(algorithm).is_some_and(|digest: &String| {
            digest.len() == digits && digest.bytes().all(|digit| digit.is_ascii_hexdigit())
        })
    };
    if ALGORITHMS.iter().any(|(algorithm, digits)| is_digest(algorithm, *digits)) {
        return Ok(hashes);
    }
    let found = match hashes.is_empty() {
        true => "no digest".to_owned(),
        false => hashes
            .into_iter()
            .map(|(name, text)| format!("{name} {text:?}"))
            .collect::<Vec<_>>()
            .join(", "),
    };
    Err(Error::Value { at, key, expected: "a digest (or sha384, sha512)", found })
}

/// Whether it names a file of a folder, and nothing elsewhere.
fn is_file_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && !name.contains(['/', '\\'])
        && !name.contains(char::is_control)
}

/// The name with its `%2B` and the like written out (RFC 3986, 2.1).
fn decoded(name: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = name;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let byte = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        rest = match byte {
            Some(byte) => {
                bytes.push(byte);
                &after[2..]
            }
            None => {
                bytes.push(b'%');
                after
            }
        };
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_addresses() {
        let name = |url: &str| decoded(Place::Url(url.to_owned()).name());
        assert_eq!(
            name("https://x/a/torch-2.0%2Bcpu-py3-none-any.whl#sha256=1"),
            "torch-2.0+cpu-py3-none-any.whl"
        );
        assert_eq!(name("https://x/a/b%2"), "b%2");
        assert_eq!(name("https://x/a/%e9%zz"), "\u{fffd}%zz");
        assert!(!is_file_name(&name("https://x/a%2f..%2f")));
    }
}
