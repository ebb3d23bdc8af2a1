//! A release's files, from wherever they are, into the cache.

use std::path::PathBuf;

use taipan_store::{Cache, Progress, Source};

use crate::releases::{LOCK, STANDARD_LIBRARY, WASM, WEB_STREAMS};
use crate::{Error, Release};

/// Where the files of a release are in the cache, as published and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseFiles {
    /// `pyodide.asm.wasm`: CPython and the C half of the bridge.
    pub wasm: PathBuf,
    /// `pyodide.asm.mjs`, `.js` before 314: Emscripten's glue and the JavaScript half.
    pub glue: PathBuf,
    /// `python_stdlib.zip`.
    pub standard_library: PathBuf,
    /// `pyodide-lock.json`: the packages that belong to this release.
    pub lock: PathBuf,
    /// The ES module with WHATWG streams.
    pub web_streams: PathBuf,
}

/// Gets the files of `release`, from the cache or else from the first of `sources` that has them.
pub fn fetch(
    release: &Release,
    sources: &[Source],
    cache: &Cache,
    progress: Progress<'_>,
) -> Result<ReleaseFiles, Error> {
    let folder = |package| {
        taipan_store::fetch(package, sources, cache, progress)
            .map_err(|source| Error::Fetch { version: release.version, source })
    };
    let pyodide = folder(&release.pyodide)?;
    let web_streams = folder(&release.web_streams)?;
    Ok(ReleaseFiles {
        wasm: pyodide.join(WASM),
        glue: pyodide.join(release.glue()),
        standard_library: pyodide.join(STANDARD_LIBRARY),
        lock: pyodide.join(LOCK),
        web_streams: web_streams.join(WEB_STREAMS),
    })
}
