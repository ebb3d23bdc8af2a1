//! The releases of Pyodide that Taipan knows: a table, and nothing that acts.
//!
//! To add one: `npm pack pyodide@VERSION`, unpack, and copy lengths and
//! `sha256sum`s of the four files; versions of Python, Emscripten and the ABI are
//! in the `info` of its `pyodide-lock.json`.

use taipan_store::{Digest, Package, PackageFile};

use crate::Error;

/// A version of Pyodide as published, with the JavaScript that ships beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release {
    /// Pyodide's version.
    pub version: &'static str,
    /// The version of Python in it.
    pub python: &'static str,
    /// The version of Emscripten that built it.
    pub emscripten: &'static str,
    /// The platform tag of wheels that fit (PEP 783).
    pub abi_tag: &'static str,
    /// The package with Pyodide's own files.
    pub pyodide: Package<'static>,
    /// The package with WHATWG streams, for the web platform.
    pub web_streams: Package<'static>,
}

/// Every release that is known, oldest first.
pub static RELEASES: &[Release] = &[Release {
    version: "314.0.7",
    python: "3.14.2",
    emscripten: "5.0.3",
    abi_tag: "pyemscripten_2026_0",
    pyodide: Package {
        name: "pyodide",
        version: "314.0.7",
        files: &[
            file(
                WASM,
                9_598_218,
                "cc36e3cab04fdfc9a63ff13eb52eae2b911bf46c025cc7b281f394bd3de1d5e6",
            ),
            file(
                GLUE,
                1_250_344,
                "f7cdc8ece80678ceb712f8e65ebe6d3a83203a180c399865f49612a051693635",
            ),
            file(
                STANDARD_LIBRARY,
                2_545_637,
                "fa1957e5777068fc4f7437f96d860ae2fbe9c19732ba06c84e004ec16dd7dd7a",
            ),
            file(LOCK, 119_077, "5dc2fc119108bc148c7457dc86e7675b5c87e1cafd420b9c34c1eaef7b36c010"),
        ],
    },
    web_streams: WEB_STREAMS_4,
}];

/// The version that is used where none is named.
pub const NEWEST: &str = "314.0.7";

/// The file names in Pyodide's package.
pub(crate) const WASM: &str = "pyodide.asm.wasm";
pub(crate) const GLUE: &str = "pyodide.asm.mjs";
pub(crate) const STANDARD_LIBRARY: &str = "python_stdlib.zip";
pub(crate) const LOCK: &str = "pyodide-lock.json";

/// The ES module that defines the streams and leaves the global object alone.
pub(crate) const WEB_STREAMS: &str = "dist/ponyfill.mjs";

/// No part of Pyodide: every release may use the same one.
const WEB_STREAMS_4: Package<'static> = Package {
    name: "web-streams-polyfill",
    version: "4.3.0",
    files: &[file(
        WEB_STREAMS,
        65_258,
        "62e42e4f311453490174696029accb5aca6103d46873b26ba83c3b8c5ea418a0",
    )],
};

/// The release that is called `version`, exactly.
pub fn release(version: &str) -> Result<&'static Release, Error> {
    RELEASES
        .iter()
        .find(|release| release.version == version)
        .ok_or_else(|| Error::Unknown { version: version.to_owned() })
}

const fn file(path: &'static str, length: u64, sha256: &str) -> PackageFile<'static> {
    match Digest::from_hex(sha256) {
        Some(sha256) => PackageFile { path, length, sha256 },
        // Only the table calls this, and it is evaluated by the compiler.
        None => panic!("a digest has 64 lower-case hexadecimal digits"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{GLUE, LOCK, NEWEST, RELEASES, STANDARD_LIBRARY, WASM, WEB_STREAMS, release};

    #[test]
    fn versions_are_numbers_and_unique() {
        let numbers = |version: &str| version.split('.').all(|part| part.parse::<u32>().is_ok());
        let mut seen = BTreeSet::new();
        for release in RELEASES {
            let versions = [release.version, release.python, release.emscripten];
            assert!(versions.into_iter().all(numbers), "{versions:?}");
            assert!(release.abi_tag.contains("emscripten_"), "{}", release.abi_tag);
            assert!(seen.insert(release.version), "{} is listed twice", release.version);
        }
    }

    #[test]
    fn packages_have_exactly_the_files_that_are_used() {
        for release in RELEASES {
            let paths = |files: &[taipan_store::PackageFile<'static>]| -> Vec<_> {
                files.iter().map(|file| file.path).collect()
            };
            assert_eq!(release.pyodide.version, release.version);
            assert_eq!(paths(release.pyodide.files), [WASM, GLUE, STANDARD_LIBRARY, LOCK]);
            assert_eq!(paths(release.web_streams.files), [WEB_STREAMS]);
        }
    }

    #[test]
    fn no_file_is_empty_and_no_two_are_one() {
        let mut seen = BTreeSet::new();
        for file in RELEASES.iter().flat_map(|release| release.pyodide.files) {
            assert!(file.length > 0, "{} is empty", file.path);
            assert!(seen.insert(file.sha256), "{} has the digest of another", file.path);
        }
    }

    #[test]
    fn newest_is_known() {
        assert_eq!(release(NEWEST).unwrap(), RELEASES.last().unwrap());
    }

    #[test]
    fn unknown_lists_what_there_is() {
        let error = release("0.1").unwrap_err();
        assert_eq!(error.to_string(), "no Pyodide release `0.1` is known; there is 314.0.7");
    }
}
