//! Finds and reads the configuration in a worker's directory: the one way, for every command.

use std::io;
use std::path::{Path, PathBuf};

use taipan_lock::LOCK_FILE;
use taipan_manifest::{
    CONFIGURATION_FILES, Checked, DEV_VARS_FILE, Location, Manifest, PACKAGES_DIRECTORY,
    PYPROJECT_FILE, REQUIREMENTS_FILE, Source, Warning, discover, parse, parse_dev_vars,
    parse_pyproject, requirements,
};

use crate::console;
use crate::failure::Failure;

/// A worker as its author wrote it down.
#[derive(Debug)]
pub(crate) struct Project {
    /// Where `main` is found, absolute.
    pub(crate) directory: PathBuf,
    pub(crate) manifest: Manifest,
    /// The key that pins the version of Pyodide, and where it stands.
    pub(crate) pin: Option<(String, Location)>,
    /// The name of the configuration file in the directory, if there is one.
    pub(crate) configuration: Option<String>,
    /// Whether its lock is made, and made again when it does not fit; or else refused then.
    pub(crate) updates_lock: bool,
}

/// Which variables a worker gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variables {
    /// Those of the configuration.
    Configured,
    /// Those, and `.dev.vars` over them.
    Development,
}

/// Where the packages of a project come from.
#[derive(Debug)]
pub(crate) enum Origin {
    /// Its own directory of packages.
    Directory,
    /// Its lock.
    Lock(PathBuf),
    /// It has none.
    None,
}

impl Origin {
    /// Of the project in `directory`. A directory of packages goes before a lock.
    pub(crate) fn of(directory: &Path) -> Self {
        let (place, lock) = (directory.join(PACKAGES_DIRECTORY), directory.join(LOCK_FILE));
        // The worker sees no link out of its project.
        let inside = fs_err::canonicalize(&place).is_ok_and(|place| place.starts_with(directory));
        if inside && place.is_dir() {
            return Self::Directory;
        }
        if lock.symlink_metadata().is_ok() { Self::Lock(lock) } else { Self::None }
    }
}

impl Project {
    /// Reads the configuration of the worker in `directory`, and prints what of it has no effect.
    pub(crate) fn read(
        directory: &Path,
        config: Option<&Path>,
        variables: Variables,
    ) -> Result<Self, Failure> {
        let (project, warnings) = Self::read_quietly(directory, config, variables)?;
        warnings.iter().for_each(console::warn);
        Ok(project)
    }

    /// As [`Project::read`], for a command that has its own way to tell what has no effect.
    pub(crate) fn read_quietly(
        directory: &Path,
        config: Option<&Path>,
        variables: Variables,
    ) -> Result<(Self, Vec<Warning>), Failure> {
        let config = config.map(unicode).transpose()?;
        let root = fs_err::canonicalize(directory).ok().filter(|path| path.is_dir());
        let root = root.ok_or_else(|| Failure::not_a_directory("the directory", directory))?;
        let refused = |source| Failure::Configuration {
            directory: directory.to_owned(),
            source: Box::new(source),
        };
        // The configuration says what the worker may use. So a directory or a link with its name is an error: it is not
        // passed over.
        let exists = |file: &str| match CONFIGURATION_FILES.contains(&file) {
            true => is_there(&root.join(file)),
            false => root.join(file).is_file(),
        };
        let (source, mut warnings) = discover(config, exists).map_err(refused)?;
        let (mut checked, base, configuration) = match source {
            Source::Entry { file } => (Checked::bare(file), root, None),
            Source::Configuration { file, format } => {
                let path = root.join(&file);
                let text = read_text(&path, "the configuration")?;
                let checked = parse(&file, &text, format).map_err(refused)?;
                let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
                (checked, path.parent().map_or(root.clone(), Path::to_owned), name)
            }
        };
        let updates_lock = variables == Variables::Development;
        let mut asked_for = None;
        let pyproject = base.join(PYPROJECT_FILE);
        if is_there(&pyproject) {
            let text = read_text(&pyproject, "the file")?;
            let pyproject = parse_pyproject(PYPROJECT_FILE, &text).map_err(refused)?;
            asked_for.clone_from(&pyproject.dependencies);
            checked.complete_with(pyproject).map_err(refused)?;
        }
        let pin = checked.pyodide_place().map(|(key, at)| (key.to_owned(), at.clone()));
        let named_at = checked.main_place().cloned();
        warnings.extend(checked.warnings);
        if matches!(Origin::of(&base), Origin::None) {
            let list = base.join(REQUIREMENTS_FILE);
            if asked_for.is_none() && is_there(&list) {
                asked_for = requirements(REQUIREMENTS_FILE, &read_text(&list, "the file")?);
            }
            // What `dev` locks is installed.
            warnings.extend(asked_for.filter(|_| !updates_lock || !is_there(&pyproject)));
        }
        let mut manifest = checked.manifest;
        let dev_vars = base.join(DEV_VARS_FILE);
        if variables == Variables::Development && is_there(&dev_vars) {
            let text = read_text(&dev_vars, "the file")?;
            let found = parse_dev_vars(DEV_VARS_FILE, &text).map_err(refused)?;
            warnings.extend(found.warnings.iter().cloned());
            manifest.override_vars(found);
        }
        let main = base.join(&manifest.main);
        if !main.is_file() {
            return Err(match named_at {
                Some(at) => Failure::MainNotFound { at, path: main },
                None => Failure::NotFound { what: "the worker's `main`", path: main },
            });
        }
        Ok((Self { directory: base, manifest, pin, configuration, updates_lock }, warnings))
    }

    /// The worker's name: that of its configuration, else its directory's.
    pub(crate) fn name(&self) -> String {
        let directory = self.directory.file_name().unwrap_or(self.directory.as_os_str());
        let named = self.manifest.name.clone();
        named.unwrap_or_else(|| directory.to_string_lossy().into_owned())
    }
}

/// The name of a configuration file, as text.
fn unicode(config: &Path) -> Result<&str, Failure> {
    config.to_str().ok_or_else(|| Failure::Usage {
        reason: format!("the name of the configuration {} is not Unicode", config.display()),
    })
}

/// Whether anything has this name; a link that leads nowhere counts.
fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// The text of a file that should be there. A pipe is refused, and not waited for.
pub(crate) fn read_text(path: &Path, what: &'static str) -> Result<String, Failure> {
    if path.metadata().is_ok_and(|found| !found.is_file()) {
        return Err(Failure::NotAFile { what, path: path.to_owned() });
    }
    fs_err::read_to_string(path).map_err(|source| unreadable(path, what, source))
}

/// The bytes of a file that should be there.
pub(crate) fn read_file(path: &Path, what: &'static str) -> Result<Vec<u8>, Failure> {
    fs_err::read(path).map_err(|source| unreadable(path, what, source))
}

fn unreadable(path: &Path, what: &'static str, source: io::Error) -> Failure {
    match source.kind() {
        io::ErrorKind::NotFound => Failure::NotFound { what, path: path.to_owned() },
        _ => Failure::System { what: "read a file", source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where packages are stands in two crates that do not know each other, and they say the same.
    #[test]
    fn directory_of_packages() {
        assert_eq!(PACKAGES_DIRECTORY, taipan_pyodide::PACKAGES_DIRECTORY);
    }

    #[test]
    fn names() {
        let name = |directory: &str, name: Option<&str>| {
            let manifest = Manifest { name: name.map(str::to_owned), ..Manifest::bare("entry.py") };
            let (directory, pin, configuration) = (directory.into(), None, None);
            Project { directory, manifest, pin, configuration, updates_lock: false }.name()
        };
        assert_eq!(name("/workers/hello", None), "hello");
        assert_eq!(name("/workers/hello", Some("shop")), "shop");
        assert_eq!(name("/", None), "/");
    }
}
