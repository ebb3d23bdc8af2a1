//! The packages of a project: where they come from, and their image.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pep440_rs::Version;
use taipan_bundle::Bundle;
use taipan_lock::{LOCK_FILE, Lock, Uv};
use taipan_manifest::PACKAGES_DIRECTORY;
use taipan_packages::{Inline, Installation, Installer, leave_out};
use taipan_pyodide::layer::Entry;
use taipan_release::Release;
use taipan_runtime::Guard;
use taipan_store::{Cache, OnReadOnly, Step};
use taipan_worker::{Packages, packages_of_project};

use crate::failure::Failure;
use crate::interpreter::{self, Interpreter};
use crate::locking::network;
use crate::options::Options;
use crate::progress::Display;
use crate::project::{Origin, read_text};

/// What packages are made with.
#[derive(Clone, Copy)]
pub(crate) struct Means<'a> {
    pub(crate) options: &'a Options,
    pub(crate) release: &'static Release,
    pub(crate) bundle: &'a Arc<Bundle>,
    pub(crate) cache: &'a Cache,
    pub(crate) guard: &'a Guard,
}

/// The packages of the project in `directory`, installed and made into an image if the cache has none; with them what is
/// left out that the author may miss.
pub(crate) fn of_project(
    directory: &Path,
    exclude: &[String],
    means: Means<'_>,
) -> Result<(Option<Packages>, Vec<String>), Failure> {
    match Origin::of(directory) {
        Origin::None => Ok((None, Vec::new())),
        Origin::Lock(lock) => Ok((Some(of_lock(&lock, exclude, means)?), Vec::new())),
        Origin::Directory => {
            let (entries, mut left_out) = packages_of_project(directory, PACKAGES_DIRECTORY)?;
            let packages = of_entries(leave_out(entries, exclude), means)?;
            if directory.join(LOCK_FILE).exists() {
                left_out.push(format!(
                    "packages are taken from {PACKAGES_DIRECTORY}, not as {LOCK_FILE} says: remove one of them"
                ));
            }
            Ok((Some(packages), left_out))
        }
    }
}

fn of_entries(entries: Vec<Entry>, means: Means<'_>) -> Result<Packages, Failure> {
    let Means { options, bundle, cache, guard, .. } = means;
    let display = Display::new(options.quiet);
    Ok(taipan_packages::image(entries, bundle, cache, guard, &|step| display.show(step))?)
}

/// The packages that the lock at `path` names.
pub(crate) fn of_lock(
    path: &Path,
    exclude: &[String],
    means: Means<'_>,
) -> Result<Packages, Failure> {
    let Means { options, bundle, cache, guard, .. } = means;
    let text = read_text(path, "the lock")?;
    let lock = Lock::parse(LOCK_FILE, &text).map_err(taipan_packages::Error::from)?;
    let installation = Installation { lock: &lock, path, text: &text, exclude };
    let display = Display::new(options.quiet);
    let directory = path.parent().unwrap_or(path);
    let installer = || installer(directory, means, &display);
    taipan_packages::install(installation, installer, bundle, cache, guard, &|step| {
        display.show(step)
    })
}

/// The packages that fit requirements; none for none.
pub(crate) fn of_requirements(
    requirements: &[String],
    means: Means<'_>,
) -> Result<Option<Packages>, Failure> {
    if requirements.is_empty() {
        return Ok(None);
    }
    let Means { options, release, bundle, cache, guard } = means;
    let display = Display::new(options.quiet);
    let progress = |step: Step<'_>| display.show(step);
    let installer = || installer(Path::new("."), means, &display);
    let version = release.version;
    let chosen = taipan_packages::ephemeral(requirements, version, installer, cache, &progress)?;
    let path = chosen.path();
    let (lock, text) = (&chosen.lock, &chosen.text);
    let installation = Installation { lock, path: &path, text, exclude: &[] };
    taipan_packages::install(installation, installer, bundle, cache, guard, &progress).map(Some)
}

/// What the script at `path` says that it needs.
pub(crate) fn of_script(path: &Path, release: &Release) -> Result<Vec<String>, Failure> {
    // A pipe is read once, by what runs it; what is no text is Python's to refuse.
    let text = path.is_file().then(|| fs_err::read_to_string(path).ok()).flatten();
    let text = text.unwrap_or_default();
    let refused = |problem| taipan_packages::Error::Inline { path: path.to_owned(), problem };
    let Inline { dependencies, requires_python } = Inline::parse(&text).map_err(refused)?;
    let fits = requires_python.as_ref().is_none_or(|needed| {
        release.python.parse().is_ok_and(|python: Version| needed.contains(&python))
    });
    match requires_python.filter(|_| !fits) {
        None => Ok(dependencies),
        Some(needed) => Err(taipan_packages::Error::Python {
            path: path.to_owned(),
            needed: needed.to_string(),
            python: release.python.to_owned(),
        }
        .into()),
    }
}

/// A program's path, for as long as the program is in the cache.
#[derive(Debug)]
pub(crate) struct Program {
    path: PathBuf,
    _program: Interpreter,
}

impl AsRef<Path> for Program {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

/// uv with the settings for a project in `directory`, and the release's own Python, which answers its questions.
fn installer(
    directory: &Path,
    means: Means<'_>,
    display: &Display,
) -> Result<Installer<Program>, Failure> {
    let Means { options, release, cache, .. } = means;
    let uv = Uv::find(cache, &|step| display.show(step)).map_err(taipan_packages::Error::from)?;
    let program = interpreter::program(release, options, &[], OnReadOnly::Apart)?;
    let python = Program { path: program.path(), _program: program };
    Ok(Installer { uv, python, options: network(options, directory) })
}
