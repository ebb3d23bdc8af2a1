//! The packages of a project: where they come from, and their image.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pep440_rs::Version;
use taipan_lock::{LOCK_FILE, Lock, MakePython, Requirement, Seen, Wanted, normalised};
use taipan_manifest::{PACKAGES_DIRECTORY, PYPROJECT_FILE};
use taipan_packages::{Inline, Installation, Installer, leave_out};
use taipan_pyodide::layer::Entry;
use taipan_release::Release;
use taipan_store::{OnReadOnly, Step};
use taipan_worker::{Packages, packages_of_project};

use crate::console;
use crate::failure::Failure;
use crate::interpreter::{self, BuildPythons, Interpreter};
use crate::lacking::target;
use crate::locking::{self, network};
use crate::means::Means;
use crate::progress::Display;
use crate::project::{Origin, read_text};
use crate::unvendored::Libraries;

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
            if directory.join(LOCK_FILE).exists() {
                left_out.push(format!(
                    "packages are taken from {PACKAGES_DIRECTORY}, not as {LOCK_FILE} says: remove one of them"
                ));
            } else if let Some(lacking) = lacking(directory, &entries, means.release) {
                left_out.push(format!(
                    "packages are taken from {PACKAGES_DIRECTORY}, not as {PYPROJECT_FILE} says, and `{lacking}` is not \
                     among them: make {PACKAGES_DIRECTORY} again by the tool that has made it, or remove it and run \
                     `taipan lock`"
                ));
            }
            let packages = of_entries(leave_out(entries, exclude), means)?;
            Ok((Some(packages), left_out))
        }
    }
}

/// The first requirement of `pyproject.toml`, if there is one, that is not among the packages of a directory.
fn lacking(directory: &Path, entries: &[Entry], release: &Release) -> Option<String> {
    let text = fs_err::read_to_string(directory.join(PYPROJECT_FILE)).ok()?;
    // What is wrong with it is told where it is used.
    let wanted = Wanted::parse(PYPROJECT_FILE, &text, &[]).ok()?;
    let tops: BTreeSet<_> =
        entries.iter().filter_map(|entry| entry.path.split('/').next()).collect();
    let mut installed: Vec<_> = tops.iter().filter_map(|name| of_metadata(name)).collect();
    // What has no metadata is of a version that nobody knows.
    let modules = tops.iter().map(|name| normalised(name.strip_suffix(".py").unwrap_or(name)));
    let modules: Vec<_> =
        modules.filter(|name| installed.iter().all(|(known, _)| known != name)).collect();
    installed.extend(modules.into_iter().map(|name| (name, None)));
    Some(wanted.lacking(&installed, target(release))?.text.clone())
}

/// The package whose folder of metadata is called `name` (Python Packaging User Guide, "Recording installed projects").
fn of_metadata(name: &str) -> Option<(String, Option<Version>)> {
    let (name, version) = name.strip_suffix(".dist-info")?.split_once('-')?;
    Some((normalised(name), version.parse().ok()))
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
    let text = read_text(path, "the lock")?;
    let lock = Lock::parse(LOCK_FILE, &text).map_err(taipan_packages::Error::from)?;
    let directory = path.parent().unwrap_or(path);
    install(&lock, directory, exclude, means)
}

fn install(
    lock: &Lock,
    directory: &Path,
    exclude: &[String],
    means: Means<'_>,
) -> Result<Packages, Failure> {
    let Means { options, release, bundle, cache, guard } = means;
    let display = Display::new(options.quiet);
    let needed = Libraries::of(lock, means, &display)?;
    let libraries = &needed.published;
    let installation = Installation { lock, directory, exclude, libraries };
    let pythons = BuildPythons::new(release, options);
    let make = |seen: &Seen| pythons.make(seen);
    let installer = || installer(directory, means, &make);
    let library = |it: &_| needed.read(it);
    taipan_packages::install(installation, installer, library, bundle, cache, guard, &|step| {
        display.show(step)
    })
}

/// The packages that a script asks for; none for none.
pub(crate) fn of_script(inline: &Inline, means: Means<'_>) -> Result<Option<Packages>, Failure> {
    if inline.dependencies.is_empty() {
        return Ok(None);
    }
    let is_none = |text: &&String| Requirement::parse(text).is_none();
    if let Some(requirement) = inline.dependencies.iter().find(is_none).cloned() {
        return Err(taipan_packages::Error::Requirement { requirement }.into());
    }
    let Means { options, release, cache, .. } = means;
    let display = Display::new(options.quiet);
    let resolve = |folder: &Path| locking::of_script(options, release, folder);
    let progress = |step: Step<'_>| display.show(step);
    let chosen =
        taipan_packages::ephemeral(&inline.project(), release.version, resolve, cache, &progress)?;
    install(&chosen.lock, chosen.directory(), &[], means).map(Some)
}

/// What the script at `path` says that it needs.
pub(crate) fn read_inline(path: &Path, release: &Release) -> Result<Inline, Failure> {
    // A pipe is read once, by what runs it; what is no text is Python's to refuse.
    let text = path.is_file().then(|| fs_err::read_to_string(path).ok()).flatten();
    let text = text.unwrap_or_default();
    let refused = |problem| taipan_packages::Error::Inline { path: path.to_owned(), problem };
    let inline = Inline::parse(&text).map_err(refused)?;
    if let Some(line) = inline.not_closed {
        console::warn(format_args!(
            "{}:{line}: no line `# ///` ends the block `# /// script`, so that it says nothing (PEP 723)",
            path.display()
        ));
    }
    let fits = inline.requires_python.as_ref().is_none_or(|needed| {
        release.python.parse().is_ok_and(|python: Version| needed.contains(&python))
    });
    match inline.requires_python.as_ref().filter(|_| !fits) {
        None => Ok(inline),
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
fn installer<'a>(
    directory: &Path,
    means: Means<'_>,
    python_of_a_build: MakePython<'a>,
) -> Result<Installer<'a, Program>, Failure> {
    let Means { options, release, .. } = means;
    let uv = locking::uv::<taipan_packages::Error>(options)?;
    let program = interpreter::program(release, options, &[], OnReadOnly::Apart)?;
    let python = Program { path: program.path(), _program: program };
    Ok(Installer { uv, python, python_of_a_build, options: network(options, directory) })
}
