//! Fetching a release: which files arrive where, and how it fails.

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

use std::error::Error as _;
use std::path::Path;

use taipan_bundle::{Digest, NEWEST, Release, ReleaseFiles, Source, fetch, release};
use taipan_store::{Cache, Package, PackageFile, Step};

/// A release whose files hold their own names.
fn small() -> Release {
    let small = |package: Package<'static>| {
        let files = package.files.iter().map(|file| PackageFile {
            path: file.path,
            length: file.path.len() as u64,
            sha256: Digest::of(file.path.as_bytes()),
        });
        Package { files: files.collect::<Vec<_>>().leak(), ..package }
    };
    let release = *release(NEWEST).unwrap();
    Release { pyodide: small(release.pyodide), web_streams: small(release.web_streams), ..release }
}

/// Fetches the small release, below `home`, from a folder that lacks `without`.
fn from_folder(home: &Path, without: &str) -> Result<ReleaseFiles, String> {
    let release = small();
    for package in [release.pyodide, release.web_streams] {
        for file in package.files.iter().filter(|file| file.path != without) {
            let path = home.join("source").join(package.name).join(file.path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, file.path).unwrap();
        }
    }
    let cache = Cache::open(&home.join("cache")).unwrap();
    fetch(&release, &[Source::Folder(home.join("source"))], &cache, &|_: Step<'_>| {}).map_err(
        |error| {
            let cause = error.source().map(|cause| cause.to_string()).unwrap_or_default();
            format!("{error}: {cause}").replace(&home.display().to_string(), "[home]")
        },
    )
}

#[test]
fn each_file_is_what_it_is_called() {
    let home = tempfile::tempdir().unwrap();
    let files = from_folder(home.path(), "").unwrap();
    for (path, expect) in [
        (files.wasm, "pyodide.asm.wasm"),
        (files.glue, "pyodide.asm.mjs"),
        (files.standard_library, "python_stdlib.zip"),
        (files.lock, "pyodide-lock.json"),
        (files.web_streams, "dist/ponyfill.mjs"),
    ] {
        assert_eq!(fs_err::read_to_string(path).unwrap(), expect);
    }
}

#[test]
fn a_file_is_missing() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(
        from_folder(home.path(), "python_stdlib.zip").unwrap_err(),
        "cannot get the files of Pyodide 314.0.7: \
         python_stdlib.zip is missing from [home]/source/pyodide"
    );
}
