//! The releases of Pyodide that Taipan knows: a table, and nothing that acts.
//!
//! To add one: `npm pack pyodide@VERSION`, unpack, and copy lengths and
//! `sha256sum`s of the four files; versions of Python, Emscripten and the ABI are
//! in the `info` of its `pyodide-lock.json`.

use taipan_store::{Digest, Package, PackageFile};

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
    /// The compatibility flags that select it, as workerd's `$pythonSnapshotRelease` does (1.20261117.1,
    /// `compatibility-date.capnp`). From which date a worker has one stands with the flags, in `manifest`.
    pub selected: &'static [&'static str],
    /// Whether it is used only where experimental releases are asked for.
    pub experimental: bool,
    /// The package with Pyodide's own files.
    pub pyodide: Package<'static>,
    /// The package with WHATWG streams, for the web platform.
    pub web_streams: Package<'static>,
}

impl Release {
    /// The name of the glue in its package: an ES module since 314.
    pub fn glue(&self) -> &'static str {
        let is_glue = |file: &&PackageFile<'static>| [GLUE, GLUE_SCRIPT].contains(&file.path);
        self.pyodide.files.iter().find(is_glue).map_or(GLUE, |file| file.path)
    }

    /// The address of Pyodide's own index of the packages that were built for it (PEP 503).
    pub fn index(&self) -> String {
        format!("https://index.pyodide.org/{}", self.version)
    }

    /// The version of its Python as `MAJOR.MINOR`.
    pub fn python_minor(&self) -> &'static str {
        self.python.rsplit_once('.').map_or(self.python, |(minor, _)| minor)
    }
}

/// Every release that is known, oldest first.
pub static RELEASES: &[Release] = &[
    Release {
        version: "0.26.4",
        python: "3.12.1",
        emscripten: "3.1.58",
        abi_tag: "pyodide_2024_0",
        selected: &["python_workers"],
        experimental: false,
        pyodide: Package {
            name: "pyodide",
            version: "0.26.4",
            files: &[
                file(
                    WASM,
                    10_088_051,
                    "b7e66a19427a55010ac3367c1b6c64b893f9826f783412945fdf0c3337f3bc94",
                ),
                file(
                    GLUE_SCRIPT,
                    1_229_099,
                    "919560652ed3dad3707cb3a394785da1e046fb13dc0defa162058ff230cb7eed",
                ),
                file(
                    STANDARD_LIBRARY,
                    2_341_872,
                    "72894522b791858b9d613ac786b951d8b5094035dcf376313ea24a466810f336",
                ),
                file(
                    LOCK,
                    106_335,
                    "cd50b49de944c579045e122fe8628b31f9ce446379f032f36c05e273d38766e0",
                ),
            ],
        },
        web_streams: WEB_STREAMS_4,
    },
    Release {
        version: "0.27.8",
        python: "3.12.7",
        emscripten: "3.1.58",
        abi_tag: "pyodide_2024_0",
        selected: &[],
        experimental: false,
        pyodide: Package {
            name: "pyodide",
            version: "0.27.8",
            files: &[
                file(
                    WASM,
                    10_105_545,
                    "92160102d09feeb8c738a07c870bde47fd4c141fd70b5376188bdd951df9ea23",
                ),
                file(
                    GLUE_SCRIPT,
                    1_255_688,
                    "8bd8175d6b97ee4ffff85c5aaf44130fad3e9322939826f2a52d27d786ef8908",
                ),
                file(
                    STANDARD_LIBRARY,
                    2_360_738,
                    "cb5f8d7eae384fcf27c574d8b13901de1753a50f93038130c326f85b88c9012b",
                ),
                file(
                    LOCK,
                    129_150,
                    "cb18729b18db7ce2482d196209c8051d8122441b817fc2f644d643b44e5e1b0f",
                ),
            ],
        },
        web_streams: WEB_STREAMS_4,
    },
    Release {
        version: "0.28.3",
        python: "3.13.2",
        emscripten: "4.0.9",
        abi_tag: "pyodide_2025_0",
        selected: &["python_workers_20250116"],
        experimental: false,
        pyodide: Package {
            name: "pyodide",
            version: "0.28.3",
            files: &[
                file(
                    WASM,
                    8_645_967,
                    "5effb6a1a6cc4a1a85bec4622701aa797c031e1de923cbbaf2ad47abdc4ab325",
                ),
                file(
                    GLUE_SCRIPT,
                    1_073_033,
                    "b22e5831eade9ff10e6fe2c811c68688cd91f10154377b4f80debcf5bafa1e56",
                ),
                file(
                    STANDARD_LIBRARY,
                    2_416_866,
                    "71fee17f88a6260ec8c9c7c063533ee59c021fdc88a1ce76247378d3c4a35f4c",
                ),
                file(
                    LOCK,
                    109_732,
                    "f6e6f42f451f42affbbcddb00e8c9a3278dcbf399f57aab9f3f568839a7ff4a6",
                ),
            ],
        },
        web_streams: WEB_STREAMS_4,
    },
    Release {
        version: "0.29.5",
        python: "3.13.2",
        emscripten: "4.0.9",
        abi_tag: "pyodide_2025_0",
        selected: &[],
        experimental: false,
        pyodide: Package {
            name: "pyodide",
            version: "0.29.5",
            files: &[
                file(
                    WASM,
                    8_647_684,
                    "54309a5a2cfd757b1f0fdbc9093c92503f7b341500110329d932487183912718",
                ),
                file(
                    GLUE_SCRIPT,
                    1_074_322,
                    "356c42f69e1695397e9d8670bd3c2e678248cde76e18bdae1731e848537b47d7",
                ),
                file(
                    STANDARD_LIBRARY,
                    2_424_003,
                    "831fd1e535084b972f87c6a35275de3d236efd5166f5e77ce89497710635e73c",
                ),
                file(
                    LOCK,
                    122_027,
                    "14d2c2dba101277999e17135e653d8f15389ad1437f53eae213bf0c3cdff723d",
                ),
            ],
        },
        web_streams: WEB_STREAMS_4,
    },
    Release {
        version: "314.0.7",
        python: "3.14.2",
        emscripten: "5.0.3",
        abi_tag: "pyemscripten_2026_0",
        selected: &["python_workers_20260610", "python_workers_314"],
        experimental: false,
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
                file(
                    LOCK,
                    119_077,
                    "5dc2fc119108bc148c7457dc86e7675b5c87e1cafd420b9c34c1eaef7b36c010",
                ),
            ],
        },
        web_streams: WEB_STREAMS_4,
    },
    Release {
        version: "315.0.0-alpha.2",
        python: "3.15.0rc1",
        emscripten: "6.0.5",
        abi_tag: "pyemscripten_2026_5",
        selected: &["python_workers_development"],
        experimental: true,
        pyodide: Package {
            name: "pyodide",
            version: "315.0.0-alpha.2",
            files: &[
                file(
                    WASM,
                    9_982_568,
                    "0ba52a7336d0cb4c96421c92ccb5806eafc5985105e3c0dbd3affbe51c57c0e8",
                ),
                file(
                    GLUE,
                    1_302_814,
                    "f8ebf5ebaf0277e13bf19c7f218b1094e7c148286d808f788205543365844585",
                ),
                file(
                    STANDARD_LIBRARY,
                    3_003_125,
                    "49e7f2725e1b6e26c6820c05036920f2c177a1603a8f006543e6b62a7de56aad",
                ),
                file(
                    LOCK,
                    10_042,
                    "33679429329cf9d343565b9d8ba2fe293ec3436044377eea9fe0067b55cbd361",
                ),
            ],
        },
        web_streams: WEB_STREAMS_4,
    },
];

/// The version that is used where nothing selects another: the newest that is not experimental.
pub const NEWEST: &str = "314.0.7";

/// The file names in Pyodide's package.
pub(crate) const WASM: &str = "pyodide.asm.wasm";
pub(crate) const GLUE: &str = "pyodide.asm.mjs";
pub(crate) const GLUE_SCRIPT: &str = "pyodide.asm.js";
pub(crate) const STANDARD_LIBRARY: &str = "python_stdlib.zip";
pub(crate) const LOCK: &str = "pyodide-lock.json";

/// The ES module that defines the streams and leaves the global object alone.
pub(crate) const WEB_STREAMS: &str = "dist/ponyfill.mjs";

/// No part of Pyodide: every release may use the same one.
pub(crate) const WEB_STREAMS_4: Package<'static> = Package {
    name: "web-streams-polyfill",
    version: "4.3.0",
    files: &[file(
        WEB_STREAMS,
        65_258,
        "62e42e4f311453490174696029accb5aca6103d46873b26ba83c3b8c5ea418a0",
    )],
};

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

    use super::{LOCK, RELEASES, STANDARD_LIBRARY, WASM, WEB_STREAMS};

    #[test]
    fn versions_are_numbers_and_unique() {
        // A pre-release has a word at its end: `315.0.0-alpha.2`, `3.15.0rc1`.
        let numbers = |version: &str| {
            let (main, _) = version.split_once(['-', 'r']).unwrap_or((version, ""));
            main.split('.').all(|part| part.parse::<u32>().is_ok())
        };
        let mut seen = BTreeSet::new();
        for release in RELEASES {
            let versions = [release.version, release.python, release.emscripten];
            assert!(versions.into_iter().all(numbers), "{versions:?}");
            assert!(release.abi_tag.ends_with('0') || release.experimental, "{}", release.abi_tag);
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
            assert_eq!(
                paths(release.pyodide.files),
                [WASM, release.glue(), STANDARD_LIBRARY, LOCK]
            );
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
}
