//! Fetching a release: which files arrive where, and how it fails.

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

use std::error::Error as _;
use std::path::Path;

use taipan_release::{
    BundleId, Digest, NEWEST, RELEASES, Release, ReleaseFiles, Source, development, fetch, release,
};
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
        format!(
            "cannot get the files of Pyodide {NEWEST}: \
             python_stdlib.zip is missing from [home]/source/pyodide"
        )
    );
}

/// The build of Pyodide that these files are, with `home` for the directory in errors.
fn built(files: &[(&str, &str)]) -> Result<&'static Release, String> {
    let home = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs_err::write(home.path().join(name), text).unwrap();
    }
    development(home.path())
        .map_err(|error| error.to_string().replace(&home.path().display().to_string(), "[home]"))
}

const LOCK: &str =
    r#"{"info": {"python": "3.13.2", "platform": "emscripten_4_0_9", "abi_version": "2025_0"}}"#;

#[test]
fn a_directory_is_a_release() {
    let files = [
        ("pyodide.asm.wasm", "wasm"),
        ("pyodide.asm.js", "glue"),
        ("python_stdlib.zip", "zip"),
        ("pyodide-lock.json", LOCK),
    ];
    let release = built(&files).unwrap();
    let (version, python) = (release.version, release.python);
    let alike = RELEASES.iter().rfind(|release| release.python_minor() == "3.13").unwrap().version;
    assert_eq!((version, python, release.emscripten), (alike, "3.13.2", "4.0.9"));
    assert_eq!((release.abi_tag, release.glue()), ("pyodide_2025_0", "pyodide.asm.js"));
    assert!(release.experimental);

    let package = ("package.json", r#"{"version": "0.28.9"}"#);
    assert_eq!(built(&[&files[..], &[package]].concat()).unwrap().version, "0.28.9");
    // One that would lead out of the cache is none.
    let package = ("package.json", r#"{"version": "../0.28.9"}"#);
    assert_eq!(built(&[&files[..], &[package]].concat()).unwrap().version, alike);

    // Another build is another bundle.
    let mut changed = files;
    changed[2].1 = "zap";
    let [one, same, other] =
        [files, files, changed].map(|files| BundleId::new(built(&files).unwrap(), &[]));
    assert!(one == same && one != other);
}

#[test]
fn a_directory_is_no_release() {
    let files = [
        ("pyodide.asm.wasm", "wasm"),
        ("pyodide.asm.mjs", "glue"),
        ("python_stdlib.zip", "zip"),
        ("pyodide-lock.json", "{}"),
    ];
    let check = |files: &[(&str, &str)], expect: &str| {
        let error = built(files).unwrap_err();
        assert!(error.contains(expect), "{error}");
    };
    check(
        &files[1..],
        "[home] is no build of Pyodide: failed to open file `[home]/pyodide.asm.wasm`",
    );
    check(&[files[0], files[2], files[3]], "pyodide.asm.mjs");
    check(&files, "[home] is no build of Pyodide: pyodide-lock.json has no `info.python`");
    let lock = |info: &str| format!(r#"{{"info": {info}}}"#);
    let old = lock(r#"{"python": "2.7.1", "platform": "p", "abi_version": "1"}"#);
    let mut files = files;
    files[3].1 = &old;
    check(
        &files,
        "no version in package.json or pyodide-lock.json, and no release has Python 2.7.1",
    );
}
