//! Where the tests find a Pyodide release: `$TAIPAN_TEST_RELEASE`, a directory
//! with the unpacked npm package.

use std::path::PathBuf;

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

/// The release in the command's cache, which `cargo xtask test` fills first.
#[expect(clippy::disallowed_methods, reason = "tests are told by the environment")]
fn cached() -> PathBuf {
    let cache = std::env::var_os("TAIPAN_CACHE").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/taipan"),
        PathBuf::from,
    );
    let entries = std::fs::read_dir(cache.join("entries/npm")).into_iter().flatten().flatten();
    let mut found =
        entries.filter(|it| it.file_name().to_string_lossy().starts_with("pyodide-314"));
    found.next().map_or_else(|| cache.join("entries/npm/pyodide"), |entry| entry.path())
}
