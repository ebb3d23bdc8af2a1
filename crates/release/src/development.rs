//! A release that is no release: a directory with a build of Pyodide, as `make` leaves it in `dist`.
//!
//! What the release table says of others is read from the directory, each time.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;
use taipan_store::{Digest, Package, PackageFile};

use crate::releases::{GLUE, GLUE_SCRIPT, LOCK, STANDARD_LIBRARY, WASM, WEB_STREAMS_4};
use crate::{Error, RELEASES, Release};

/// The version by which it is asked for.
pub const DEVELOPMENT: &str = "development";

/// What says which version a package is.
const PACKAGE: &str = "package.json";

/// The release that the files in `folder` are. It lives as long as the process, as all others do.
pub fn development(folder: &Path) -> Result<&'static Release, Error> {
    let wrong = |reason: String| Error::Development { folder: folder.to_owned(), reason };
    let glue = [GLUE, GLUE_SCRIPT].into_iter().find(|name| folder.join(name).is_file());
    let names = [WASM, glue.unwrap_or(GLUE), STANDARD_LIBRARY, LOCK];
    let mut files = Vec::new();
    let mut lock = Vec::new();
    for name in names {
        let bytes = read(folder.join(name)).map_err(|error| wrong(error.to_string()))?;
        files.push(PackageFile {
            path: name,
            length: bytes.len() as u64,
            sha256: Digest::of(&bytes),
        });
        lock = bytes;
    }
    let info = json(&lock).and_then(|lock| lock.get("info").cloned());
    let of_lock = |key: &str| text(info.as_ref()?.get(key)?);
    let missing = |key: &str| wrong(format!("{LOCK} has no `info.{key}`"));
    let python = of_lock("python").ok_or_else(|| missing("python"))?;
    let platform = of_lock("platform").ok_or_else(|| missing("platform"))?;
    let abi = of_lock("abi_version").ok_or_else(|| missing("abi_version"))?;
    let package = read(folder.join(PACKAGE)).ok().and_then(|bytes| json(&bytes));
    let version = package.and_then(|package| text(package.get("version")?));
    let version = version.or_else(|| of_lock("version")).or_else(|| alike(python));
    let version = version.ok_or_else(|| {
        wrong(format!("no version in {PACKAGE} or {LOCK}, and no release has Python {python}"))
    })?;
    let emscripten = platform.strip_prefix("emscripten_").unwrap_or(platform).replace('_', ".");
    // Named by PEP 783 since Python 3.14.
    let prefix = if is_before_3_14(python) { "pyodide" } else { "pyemscripten" };
    Ok(Box::leak(Box::new(Release {
        version,
        python,
        emscripten: emscripten.leak(),
        abi_tag: format!("{prefix}_{abi}").leak(),
        selected: &[],
        experimental: true,
        pyodide: Package { name: "pyodide", version, files: files.leak() },
        web_streams: WEB_STREAMS_4,
    })))
}

fn read(path: PathBuf) -> io::Result<Vec<u8>> {
    // A FIFO would be read for as long as a process has its other end.
    if fs_err::metadata(&path).is_ok_and(|found| !found.is_file()) {
        return Err(io::Error::other(format!("{} is no regular file", path.display())));
    }
    fs_err::read(path)
}

fn json(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice(bytes).ok()
}

fn text(value: &Value) -> Option<&'static str> {
    // It becomes a part of file names of the cache.
    let plain = |text: &&str| {
        !text.is_empty()
            && text.len() < 64
            && text.starts_with(|first: char| first.is_ascii_alphanumeric())
            && text.chars().all(|it| it.is_ascii_alphanumeric() || "._-+".contains(it))
    };
    value.as_str().filter(plain).map(|text| &*text.to_owned().leak())
}

/// The version of the newest release with the same Python.
fn alike(python: &str) -> Option<&'static str> {
    let minor = python.rsplit_once('.')?.0;
    RELEASES.iter().rfind(|release| release.python_minor() == minor).map(|release| release.version)
}

fn is_before_3_14(python: &str) -> bool {
    let minor = python.strip_prefix("3.").and_then(|rest| rest.split('.').next()?.parse().ok());
    minor.is_some_and(|minor: u32| minor < 14)
}
