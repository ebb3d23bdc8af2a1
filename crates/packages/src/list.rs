//! What is in an image: its packages, and how much of it each takes.

use std::collections::BTreeMap;

use taipan_pyodide::LayerBytes;
use taipan_pyodide::layer::Layer;

use crate::check::RECORD;
use crate::metadata::{DIST_INFO, normalised};
use crate::native::is_library;
use crate::record;

/// A package of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name, normalised (PEP 503); empty for the files that no package says are its own.
    pub name: String,
    /// Its version, as it is written.
    pub version: String,
    /// Its files, without those that were made here.
    pub files: usize,
    /// Bytes of all its files.
    pub bytes: u64,
    /// Shared libraries among them.
    pub native: usize,
}

/// The packages of an image by their names, and what else there is.
#[must_use]
pub fn list(layer: &Layer<LayerBytes>) -> Vec<Listed> {
    let files: BTreeMap<String, &[u8]> = layer.files().collect();
    let mut owners: BTreeMap<String, usize> = BTreeMap::new();
    let mut listed = Vec::new();
    let records = files
        .iter()
        .filter_map(|(path, text)| Some((path.strip_suffix(RECORD)?.strip_suffix('/')?, text)));
    for (directory, text) in records.filter(|(directory, _)| !directory.contains('/')) {
        let Some((name, version)) =
            directory.strip_suffix(DIST_INFO).and_then(|it| it.rsplit_once('-'))
        else {
            continue;
        };
        let lines = record::parse(text).unwrap_or_default();
        owners.extend(lines.into_iter().map(|line| (line.path, listed.len())));
        listed.push(empty(&normalised(name), version));
    }
    let others = listed.len();
    listed.push(empty("", ""));
    for (path, contents) in &files {
        let source = source_of(path);
        let owner = owners.get(source.as_deref().unwrap_or(path)).copied().unwrap_or(others);
        let package = &mut listed[owner];
        package.bytes += contents.len() as u64;
        package.files += usize::from(source.is_none());
        package.native += usize::from(is_library(path));
    }
    listed.retain(|package| !package.name.is_empty() || package.files > 0);
    // What belongs to no package comes last.
    listed.sort_by(|one, other| {
        (one.name.is_empty(), &one.name).cmp(&(other.name.is_empty(), &other.name))
    });
    listed
}

fn empty(name: &str, version: &str) -> Listed {
    Listed { name: name.to_owned(), version: version.to_owned(), files: 0, bytes: 0, native: 0 }
}

/// The source of which a file is the bytecode: `a/__pycache__/b.cpython-314.pyc` is of `a/b.py`.
fn source_of(path: &str) -> Option<String> {
    let (directory, name) = path.rsplit_once('/')?;
    let directory = directory.strip_suffix("__pycache__")?;
    let stem = name.strip_suffix(".pyc")?.rsplit_once('.')?.0;
    Some(format!("{directory}{stem}.py"))
}

#[cfg(test)]
mod tests {
    use taipan_pyodide::layer::{Entry, encode};

    use super::*;

    #[test]
    fn packages_and_others() {
        let files = [
            ("a/b.py", "four"),
            ("a/__pycache__/b.cpython-314.pyc", "two"),
            ("a/c.so", "1"),
            ("A_x-1.0.dist-info/RECORD", "a/b.py,,\na/c.so,,\nA_x-1.0.dist-info/RECORD,,\n"),
            ("other.txt", "12345"),
        ];
        let bytes = encode(&files.map(|(path, text)| Entry::file(path, text))).unwrap();
        let listed = list(&Layer::decode(bytes.into()).unwrap());
        let shown = |it: &Listed| {
            format!("{}|{}|{}|{}|{}", it.name, it.version, it.files, it.bytes, it.native)
        };
        assert_eq!(
            listed.iter().map(shown).collect::<Vec<_>>(),
            [format!("a-x|1.0|3|{}|1", 4 + 3 + 1 + files[3].1.len()), "||1|5|0".to_owned()]
        );
    }

    #[test]
    fn bytecode() {
        assert_eq!(source_of("a/__pycache__/b.cpython-314.pyc").as_deref(), Some("a/b.py"));
        assert_eq!(source_of("__pycache__/b.c.cpython-314.pyc").as_deref(), Some("b.c.py"));
        assert_eq!(source_of("a/b.pyc"), None);
    }
}
