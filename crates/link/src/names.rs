//! The names in a side module that a linker looks up, and that messages show.
//!
//! A wheel may say anything: a library's name that is a path leads out of the folders of libraries, and a control
//! character in a symbol's name would reach the terminal on which an error is read.

use wasmparser::{Export, Import};

use crate::dylink::Dylink;
use crate::error::Error;

/// The most characters of a name that a message shows. The longest of the wheels at hand has 561, and its
/// beginning tells it apart.
const SHOWN_MAX: usize = 200;

/// Checks the names of the libraries that a module needs, and of the places where they are looked for.
pub(crate) fn check_libraries(dylink: &Dylink) -> Result<(), Error> {
    for name in &dylink.needed {
        let problem = match name.as_str() {
            "" => "is no name",
            "." | ".." => "is a folder",
            _ if name.contains('/') => "is a path, not a name",
            _ if name.contains(is_unseen) => "has a control character",
            _ => continue,
        };
        return Err(Error::Name {
            what: "a shared library that it needs",
            name: shown(name),
            problem,
        });
    }
    check("a place of the libraries that it needs", dylink.runtime_paths.iter().map(String::as_str))
}

/// Checks the names of what a module imports and exports.
pub(crate) fn check_symbols(imports: &[Import<'_>], exports: &[Export<'_>]) -> Result<(), Error> {
    check("an import", imports.iter().flat_map(|import| [import.module, import.name]))?;
    check("an export", exports.iter().map(|export| export.name))
}

fn check<'a>(what: &'static str, mut names: impl Iterator<Item = &'a str>) -> Result<(), Error> {
    match names.find(|name| name.contains(is_unseen)) {
        None => Ok(()),
        Some(name) => {
            Err(Error::Name { what, name: shown(name), problem: "has a control character" })
        }
    }
}

/// Whether a character is not seen, and changes how others are: controls (Unicode category `Cc`), and what turns the
/// direction of text (Unicode Standard Annex 9, 2) or breaks its lines.
fn is_unseen(character: char) -> bool {
    let turns = matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2066}'..='\u{2069}');
    turns || character.is_control() || matches!(character, '\u{2028}'..='\u{202e}' | '\u{feff}')
}

fn shown(name: &str) -> String {
    match name.char_indices().nth(SHOWN_MAX) {
        None => name.to_owned(),
        Some((end, _)) => format!("{}…", &name[..end]),
    }
}
