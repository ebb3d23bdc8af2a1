//! Extension modules for another Python than the release's, by their names (PEP 3149).
//!
//! uv believes the name of a wheel. One that has other modules than it says would be installed, and Python would not
//! find them: an import fails then, or a package silently takes its slower half.

use std::collections::BTreeSet;

use taipan_pyodide::layer::Entry;

use crate::Error;

/// What stands in a module's name before the version of CPython: `_x.cpython-314-wasm32-emscripten.so`.
const MARK: &str = ".cpython-3";
const PLATFORM: &str = "wasm32-emscripten";
const ENDING: &str = ".so";

/// Refuses an extension module for another Python or another platform, unless the same module is there for this one, or
/// for all: `minor` is 12 for Python 3.12.
///
/// # Errors
///
/// [`Error::OtherPython`] with the file.
pub(crate) fn check_python(entries: &[Entry], minor: &str) -> Result<(), Error> {
    let paths: BTreeSet<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
    for path in &paths {
        let Some((module, found)) = named(path) else { continue };
        let own =
            [format!("{MARK}{minor}-{PLATFORM}{ENDING}"), format!(".abi3{ENDING}"), ENDING.into()];
        if own.iter().any(|own| paths.contains(format!("{module}{own}").as_str())) {
            continue;
        }
        let (file, found) = ((*path).to_owned(), found.to_owned());
        return Err(Error::OtherPython { file, found, minor: minor.to_owned() });
    }
    Ok(())
}

/// A module's path without its ending, and what it is for: `14-wasm32-emscripten`.
fn named(path: &str) -> Option<(&str, &str)> {
    path.strip_suffix(ENDING)?.rsplit_once(MARK).filter(|(_, found)| !found.contains('/'))
}

/// The Python whose standard library is at this path: 12 of `/lib/python3.12`.
pub(crate) fn minor_of(standard_library: &str) -> &str {
    standard_library.rsplit_once("python3.").map_or("", |(_, minor)| minor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(paths: &[&str], expect: Result<(), &str>) {
        let entries: Vec<_> = paths.iter().map(|path| Entry::file(*path, "")).collect();
        let checked = check_python(&entries, minor_of("/lib/python3.12"));
        assert_eq!(checked.map_err(|error| error.to_string()), expect.map_err(str::to_owned));
    }

    #[test]
    fn modules() {
        let own = "a/_b.cpython-312-wasm32-emscripten.so";
        let other = "a/_b.cpython-314-wasm32-emscripten.so";
        check(&[own, "a/_c.abi3.so", "a/_d.so", "lib/libx.so", "a.cpython-314-x.so/b.py"], Ok(()));
        let refused = "of the packages is for CPython 3.14-wasm32-emscripten, and this is CPython 3.12-wasm32-emscripten";
        check(&[other], Err(&format!("{other} {refused}")));
        check(&[other, "_b.abi3.so", "c/_b.so"], Err(&format!("{other} {refused}")));
        for also in [own, "a/_b.abi3.so", "a/_b.so"] {
            check(&[other, also], Ok(()));
        }
        let linux = "a/_b.cpython-312-x86_64-linux-gnu.so";
        let refused = refused.replace("3.14-wasm32-emscripten, and", "3.12-x86_64-linux-gnu, and");
        check(&[linux], Err(&format!("{linux} {refused}")));
    }
}
