//! Where the tests find a Pyodide release: `$TAIPAN_TEST_RELEASE`, a directory
//! with the unpacked npm package.

use std::path::{Path, PathBuf};

/// The contents of a file of the release.
#[expect(clippy::disallowed_methods, reason = "a test has no `cli` that could read it for us")]
pub(crate) fn file(name: &str) -> Vec<u8> {
    let directory = std::env::var_os("TAIPAN_TEST_RELEASE").map_or_else(cached, PathBuf::from);
    let path = directory.join(name);
    std::fs::read(&path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}; set TAIPAN_TEST_RELEASE to the unpacked npm package pyodide",
            path.display()
        )
    })
}

/// The contents of a file, if it is there.
#[expect(clippy::disallowed_methods, reason = "a test says itself which file it missed")]
pub(crate) fn read(path: &Path) -> Option<Vec<u8>> {
    std::fs::read(path).ok()
}

/// The newest release in the command's cache, which `cargo xtask test` fills first.
fn cached() -> PathBuf {
    let newest = all().into_iter().find(|folder| folder.to_string_lossy().contains("/pyodide-314"));
    newest.unwrap_or_else(|| entries().join("pyodide"))
}

/// Every release in the command's cache.
pub(crate) fn all() -> Vec<PathBuf> {
    let found = std::fs::read_dir(entries()).into_iter().flatten().flatten();
    let found = found.map(|entry| entry.path());
    found.filter(|path| path.to_string_lossy().contains("/pyodide-")).collect()
}

#[expect(clippy::disallowed_methods, reason = "tests are told by the environment")]
fn entries() -> PathBuf {
    let cache = std::env::var_os("TAIPAN_CACHE").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/taipan"),
        PathBuf::from,
    );
    cache.join("entries/npm")
}
