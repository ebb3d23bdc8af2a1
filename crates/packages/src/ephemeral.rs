//! Locks of scripts: made of their requirements, and kept in the cache instead of a project.

use std::path::{Path, PathBuf};

use taipan_lock::{LOCK_FILE, Lock};
use taipan_store::{Cache, Digest, Files, OnReadOnly, Progress, Step, write_atomic};

use crate::Error;
use crate::install::Installer;

/// The kind of entry of the cache.
pub const SCRIPT_LOCK_ENTRIES: &str = "script-lock";

/// What uv reads the requirements from.
const REQUIREMENTS: &str = "requirements.in";

/// A lock of the cache.
#[derive(Debug)]
pub struct Ephemeral {
    /// What it says.
    pub lock: Lock,
    /// Its text.
    pub text: String,
    files: Files,
}

impl Ephemeral {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.files.folder().join(LOCK_FILE)
    }
}

/// The lock of what fits `requirements` for a release; resolved first when the cache has none. Only then `installer` is
/// asked for.
///
/// # Errors
///
/// What uv says, as when nothing fits; the cache.
pub fn ephemeral<P: AsRef<Path>, E: From<Error> + From<taipan_store::Error>>(
    requirements: &[String],
    release: &str,
    installer: impl FnOnce() -> Result<Installer<P>, E>,
    cache: &Cache,
    progress: Progress<'_>,
) -> Result<Ephemeral, E> {
    let mut sorted = requirements.to_vec();
    sorted.sort();
    sorted.dedup();
    let key = Digest::of(format!("{release}\n{}", sorted.join("\n")).as_bytes());
    let entry = cache.entry(SCRIPT_LOCK_ENTRIES, &key.to_string())?;
    let _held = entry.hold()?;
    let build = |staging: &Path| {
        progress(Step::Begin { label: "choosing versions of packages with uv", bytes_total: None });
        let Installer { uv, python, options } = installer()?;
        let file = staging.join(REQUIREMENTS);
        write_atomic(&file, (sorted.join("\n") + "\n").as_bytes())?;
        let words = [
            "pip",
            "compile",
            "--quiet",
            "--only-binary",
            ":all:",
            "--no-header",
            "--no-annotate",
            "--python",
        ];
        let mut arguments: Vec<_> = words.into_iter().map(Into::into).collect();
        arguments.push(python.as_ref().into());
        arguments.extend(options.into_iter().map(Into::into));
        arguments.extend(["--output-file", LOCK_FILE, REQUIREMENTS].map(Into::into));
        uv.run("choose versions of the packages", staging, arguments, &|_| ())
            .map_err(Error::from)?;
        let removed = fs_err::remove_file(&file);
        removed.map_err(|source| Error::Read { path: file.clone(), source })?;
        Ok::<_, E>(())
    };
    let files = entry.get_or_build(OnReadOnly::Apart, progress, build)?;
    let path = files.folder().join(LOCK_FILE);
    let read = std::io::read_to_string(files.file(LOCK_FILE)?);
    let text = read.map_err(|source| Error::Read { path, source })?;
    let lock = Lock::parse(LOCK_FILE, &text).map_err(Error::from)?;
    Ok(Ephemeral { lock, text, files })
}
