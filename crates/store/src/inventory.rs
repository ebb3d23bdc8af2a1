//! The list of an entry's files, and the text it is kept in.
//!
//! ```text
//! taipan inventory 2
//! <blake3> <length in bytes> <path>
//! …
//! end <blake3 of all lines above>
//! ```
//!
//! Paths are relative, with `/`, in byte order. The last line tells an
//! inventory from a piece of one.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::contents::{ContentDigest, digests};
use crate::disk::{is_damage, open_file};
use crate::{Damage, Error, atomic};

/// The inventory's own name in the entry's folder.
pub(crate) const FILE: &str = ".inventory";

/// The longest inventory that is read: a hundred thousand files of a standard
/// library fit, a file that something else wrote there is not drawn in.
const BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Files that are open at once while an inventory is taken.
const FILES_OPEN_MAX: usize = 64;

pub(crate) const FIRST_LINE: &str = "taipan inventory 2";

/// What the first line of each version begins with; they end in digests of different kinds.
const ANY_FIRST_LINE: &str = "taipan inventory ";

/// The files of an entry, by path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Inventory(pub(crate) BTreeMap<String, Content>);

/// One file, as published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) length: u64,
    pub(crate) digest: ContentDigest,
}

/// Lists what is in `folder`, which holds files and folders and nothing else,
/// and waits until it is on disk.
pub(crate) fn take(folder: &Path) -> Result<Inventory, Error> {
    let mut found = Vec::new();
    walk(folder, "", &mut found)?;
    let mut listed = BTreeMap::new();
    for found in found.chunks(FILES_OPEN_MAX) {
        let open = |(_, path): &(String, PathBuf)| {
            let file = open_file(path, fs_err::OpenOptions::new().read(true))?;
            let file = file.ok_or_else(|| no_file(path))?;
            let length = file.metadata()?.len();
            Ok::<_, Error>((file, length))
        };
        let opened: Vec<_> = found.iter().map(open).collect::<Result<_, _>>()?;
        let files: Vec<_> = opened.iter().map(|(file, length)| (file.file(), *length)).collect();
        for (((name, _), (file, length)), digest) in found.iter().zip(&opened).zip(digests(&files))
        {
            file.sync_all()?;
            listed.insert(name.clone(), Content { length: *length, digest: digest? });
        }
    }
    Ok(Inventory(listed))
}

/// Writes the inventory of `folder` into it.
pub(crate) fn write(folder: &Path, inventory: &Inventory) -> Result<(), Error> {
    atomic::write_atomic(&folder.join(FILE), encode(inventory).as_bytes())
}

/// Reads the inventory in `folder`; `None` if the folder is not there.
pub(crate) fn read(folder: &Path) -> Result<Option<Result<Inventory, Damage>>, Error> {
    let path = folder.join(FILE);
    match open_file(&path, fs_err::OpenOptions::new().read(true)) {
        Ok(Some(file)) => {
            let mut bytes = Vec::new();
            file.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
            if bytes.len() as u64 > BYTES_MAX {
                return Ok(Some(Err(Damage::Inventory { why: "longer than any inventory" })));
            }
            Ok(Some(decode(&bytes)))
        }
        Ok(None) => Ok(Some(Err(Damage::NoFile))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok(folder.try_exists()?.then_some(Err(Damage::Missing)))
        }
        Err(error) if is_damage(error.kind()) => {
            Ok(Some(Err(Damage::Unreadable { kind: error.kind() })))
        }
        Err(error) => Err(error.into()),
    }
}

fn encode(inventory: &Inventory) -> String {
    let mut text = format!("{FIRST_LINE}\n");
    for (path, Content { length, digest }) in &inventory.0 {
        text.push_str(&format!("{digest} {length} {path}\n"));
    }
    let end = ContentDigest::of(text.as_bytes());
    text.push_str(&format!("end {end}\n"));
    text
}

fn decode(bytes: &[u8]) -> Result<Inventory, Damage> {
    let damage = |why| Damage::Inventory { why };
    let text = std::str::from_utf8(bytes).map_err(|_| damage("not text"))?;
    let rest = text.strip_suffix('\n').ok_or(damage("cut short"))?;
    let (_, last) = rest.rsplit_once('\n').ok_or(damage("cut short"))?;
    if text.starts_with(ANY_FIRST_LINE) && text.lines().next() != Some(FIRST_LINE) {
        return Err(Damage::Version);
    }
    let listed = &text[..rest.len() - last.len()];
    if last.strip_prefix("end ").and_then(ContentDigest::from_hex)
        != Some(ContentDigest::of(listed.as_bytes()))
    {
        return Err(damage("cut short or edited"));
    }
    let mut lines = listed.lines();
    if lines.next() != Some(FIRST_LINE) {
        return Err(damage("no inventory"));
    }
    lines.map(line).collect::<Option<_>>().map(Inventory).ok_or(damage("a line is not a file"))
}

fn line(line: &str) -> Option<(String, Content)> {
    let (digest, rest) = line.split_once(' ')?;
    let (length, path) = rest.split_once(' ')?;
    let content =
        Content { length: length.parse().ok()?, digest: ContentDigest::from_hex(digest)? };
    Some((path.to_owned(), content))
}

fn no_file(path: &Path) -> Error {
    Error::Unpublishable { path: path.to_owned(), what: "it is neither a file nor a folder" }
}

/// Finds the files below `folder`: how they are listed, and where they are.
fn walk(folder: &Path, prefix: &str, files: &mut Vec<(String, PathBuf)>) -> Result<(), Error> {
    for found in fs_err::read_dir(folder)? {
        let found = found?;
        let path = found.path();
        let kind = found.file_type()?;
        let refused = |what| Error::Unpublishable { path: path.clone(), what };
        let name = found.file_name().into_string().map_err(|_| refused("its name is no text"))?;
        if name.contains('\n') {
            return Err(refused("its name has a line break"));
        }
        let listed = format!("{prefix}{name}");
        if kind.is_dir() {
            walk(&path, &format!("{listed}/"), files)?;
        } else if !kind.is_file() {
            return Err(no_file(&path));
        } else if listed != FILE {
            files.push((listed, path));
        }
    }
    atomic::sync(folder)
}

#[cfg(test)]
mod tests {
    use super::{Content, ContentDigest, Inventory, decode, encode};

    fn sample() -> Inventory {
        let content = |text: &str| Content {
            length: text.len() as u64,
            digest: ContentDigest::of(text.as_bytes()),
        };
        Inventory([("a b".into(), content("one")), ("c/d".into(), content("two"))].into())
    }

    #[track_caller]
    fn check(damage: impl FnOnce(String) -> String, expect: &str) {
        let damaged = damage(encode(&sample()));
        assert_eq!(decode(damaged.as_bytes()).unwrap_err().to_string(), expect);
    }

    /// `listed` with the last line that belongs to it.
    fn sealed(listed: &str) -> String {
        format!("{listed}end {}\n", ContentDigest::of(listed.as_bytes()))
    }

    #[test]
    fn round_trip() {
        assert_eq!(decode(encode(&sample()).as_bytes()), Ok(sample()));
        let empty = Inventory(Default::default());
        assert_eq!(decode(encode(&empty).as_bytes()), Ok(empty));
    }

    #[test]
    fn empty_file() {
        check(|_| String::new(), "cut short");
    }

    #[test]
    fn one_line() {
        check(|_| "taipan inventory 2\n".into(), "cut short");
    }

    #[test]
    fn last_line_gone() {
        check(|text| text.split_inclusive('\n').take(2).collect(), "cut short or edited");
    }

    #[test]
    fn edited() {
        check(|text| text.replace("a b", "a c"), "cut short or edited");
    }

    #[test]
    fn other_version() {
        check(|_| sealed("taipan inventory 1\n"), "written by another version of Taipan");
        check(|_| sealed("taipan inventory 3\n"), "written by another version of Taipan");
    }

    #[test]
    fn foreign_line() {
        check(|_| sealed("taipan inventory 2\nhello\n"), "a line is not a file");
    }
}
