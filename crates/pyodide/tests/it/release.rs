//! Where the tests find a Pyodide release: `$TAIPAN_TEST_RELEASE`, a directory
//! with the unpacked npm package.

use std::path::PathBuf;

/// The contents of a file of the release.
#[expect(clippy::disallowed_methods, reason = "a test has no `cli` that could read it for us")]
pub(crate) fn file(name: &str) -> Vec<u8> {
    let directory = std::env::var_os("TAIPAN_TEST_RELEASE")
        .map_or_else(|| PathBuf::from("/tmp/py/package"), PathBuf::from);
    let path = directory.join(name);
    std::fs::read(&path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}; set TAIPAN_TEST_RELEASE to the unpacked npm package pyodide",
            path.display()
        )
    })
}
