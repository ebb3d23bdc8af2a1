//! Locks of scripts: made of what they ask for, and kept in the cache instead of a project.

use std::path::Path;

use taipan_lock::{LOCK_FILE, Lock};
use taipan_store::{Cache, Digest, Files, OnReadOnly, Progress, write_atomic};

use crate::Error;

/// The kind of entry of the cache.
pub const SCRIPT_LOCK_ENTRIES: &str = "script-lock";

/// Bump it when another lock is made of the same project.
const FORM: &str = "2";

/// A lock of the cache.
#[derive(Debug)]
pub struct Ephemeral {
    /// What it says.
    pub lock: Lock,
    files: Files,
}

impl Ephemeral {
    /// The folder that it is in.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.files.folder()
    }
}

/// The lock of what `project` asks for, the text of a `pyproject.toml`, for a release; when the cache has none, `resolve`
/// makes its text in a folder that has that file.
///
/// # Errors
///
/// What `resolve` says; the cache.
pub fn ephemeral<E: From<Error> + From<taipan_store::Error>>(
    project: &str,
    release: &str,
    resolve: impl FnOnce(&Path) -> Result<String, E>,
    cache: &Cache,
    progress: Progress<'_>,
) -> Result<Ephemeral, E> {
    let key = Digest::of(format!("{FORM} {release}\n{project}").as_bytes());
    let entry = cache.entry(SCRIPT_LOCK_ENTRIES, &key.to_string())?;
    let entry = entry.called("the lock of these requirements");
    let _held = entry.hold()?;
    let files = entry.get_or_build(OnReadOnly::Apart, progress, |staging| {
        write_atomic(&staging.join(taipan_manifest::PYPROJECT_FILE), project.as_bytes())?;
        let text = resolve(staging)?;
        Ok::<_, E>(write_atomic(&staging.join(LOCK_FILE), text.as_bytes())?)
    })?;
    let path = files.folder().join(LOCK_FILE);
    let read = std::io::read_to_string(files.file(LOCK_FILE)?);
    let text = read.map_err(|source| Error::Read { path, source })?;
    let lock = Lock::parse(LOCK_FILE, &text).map_err(Error::from)?;
    Ok(Ephemeral { lock, files })
}
