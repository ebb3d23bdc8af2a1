//! The files that a program sees.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use taipan_pyodide::LayerBytes;
use taipan_pyodide::layer::{Entry, Layer, encode};
use taipan_store::Digest;

use crate::Error;
use crate::author::Author;

/// Bytes of all files that one directory gives to a worker.
const DIRECTORY_BYTES_MAX: u64 = 256 << 20;
/// Bytes of all its packages. They are mapped, not read.
pub const PACKAGES_BYTES_MAX: u64 = 1 << 30;

/// Directories that are never a part of a program: histories, environments, caches.
const SKIPPED: &[&str] =
    &[".git", ".venv", ".venv-workers", ".wrangler", "node_modules", "__pycache__", "target"];
/// The same of packages, which may have directories with any other name.
const SKIPPED_OF_PACKAGES: &[&str] = &["__pycache__"];

/// A tree of files, ready to be mounted.
#[derive(Clone, Debug)]
pub struct Code {
    pub(crate) layer: Arc<Layer<LayerBytes>>,
    /// Of the layer's bytes.
    pub(crate) digest: Digest,
    /// Where they come from.
    pub(crate) author: Author,
}

impl Code {
    /// The paths of all files.
    pub fn paths(&self) -> impl Iterator<Item = String> {
        self.layer.files().map(|(path, _)| path)
    }

    /// The files of `entries`.
    ///
    /// # Errors
    ///
    /// Paths that collide or cannot be.
    pub fn new(entries: &[Entry]) -> Result<Self, Error> {
        const DOING: &str = "making a file layer";
        let bytes = encode(entries).map_err(taipan_runtime::pyodide(DOING))?;
        let digest = Digest::of(&bytes);
        let layer = Layer::decode(bytes.into()).map_err(taipan_runtime::pyodide(DOING))?;
        Ok(Self { layer: Arc::new(layer), digest, author: Author::default() })
    }
}

/// Files with secrets: their variables reach a worker as `env`, and it does not see the files. `.dev.vars.staging` and
/// the like are the same.
const SECRETS: [&str; 2] = [".dev.vars", ".env"];

/// Reads the files of a project, without following links out of it. A worker does not see those with secrets, nor those
/// that are a configuration by their paths: it has what is in them as `env`. Of the directory `apart` it sees no files:
/// others are mounted there. With the files: what is left out that the author may miss.
///
/// # Errors
///
/// As [`from_directory`].
pub fn from_project(
    directory: &Path,
    is_configuration: &dyn Fn(&str) -> bool,
    apart: Option<&str>,
) -> Result<(Code, Vec<String>), Error> {
    let is_hidden = |path: &str| is_secret(path) || is_configuration(path) || apart == Some(path);
    let mut walk = Walk::new(directory, &is_hidden)?;
    walk.entries.extend(apart.map(Entry::directory));
    walk.collect(directory, "", None)?;
    walk.code()
}

/// Reads the packages in the directory `name` of a project, without following links out of that; and what is left out.
///
/// # Errors
///
/// What cannot be read; more than 1 GiB.
pub fn packages_of_project(
    directory: &Path,
    name: &str,
) -> Result<(Vec<Entry>, Vec<String>), Error> {
    let packages = Walk {
        skipped: SKIPPED_OF_PACKAGES,
        bytes_max: PACKAGES_BYTES_MAX,
        ..Walk::new(directory, &is_secret)?
    };
    let mut walk = packages;
    walk.collect(&directory.join(name), "", None)?;
    walk.check_bytes(&directory.join(name))?;
    Ok((walk.entries, walk.warnings))
}

/// Reads all files of a directory, without following links out of it.
///
/// # Errors
///
/// What cannot be read; more than 256 MiB.
pub fn from_directory(directory: &Path) -> Result<Code, Error> {
    let mut walk = Walk::new(directory, &|_| false)?;
    walk.collect(directory, "", None)?;
    Ok(walk.code()?.0)
}

fn is_secret(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let is = |secret: &str| {
        name.strip_prefix(secret).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    SECRETS.into_iter().any(is)
}

/// A directory that is read, and what was found in it so far.
struct Walk<'a> {
    root: PathBuf,
    /// Which files are not taken, by their paths from the root.
    is_hidden: &'a dyn Fn(&str) -> bool,
    /// Directories that are not taken, by their names.
    skipped: &'static [&'static str],
    bytes_max: u64,
    entries: Vec<Entry>,
    bytes: u64,
    warnings: Vec<String>,
}

impl<'a> Walk<'a> {
    fn new(directory: &Path, is_hidden: &'a dyn Fn(&str) -> bool) -> Result<Self, Error> {
        let root = fs_err::canonicalize(directory)
            .map_err(|source| Error::Read { path: directory.into(), source })?;
        let (skipped, bytes_max) = (SKIPPED, DIRECTORY_BYTES_MAX);
        let (entries, warnings) = (Vec::new(), Vec::new());
        Ok(Self { root, is_hidden, skipped, bytes_max, entries, bytes: 0, warnings })
    }

    /// What was found, and what was left out.
    fn code(mut self) -> Result<(Code, Vec<String>), Error> {
        self.check_bytes(&self.root)?;
        self.warnings.sort();
        let code = Code { author: Author::of(&self.root), ..Code::new(&self.entries)? };
        Ok((code, self.warnings))
    }

    fn check_bytes(&self, directory: &Path) -> Result<(), Error> {
        match self.bytes > self.bytes_max {
            true => Err(Error::TooLarge { path: directory.into(), maximum: self.bytes_max }),
            false => Ok(()),
        }
    }

    /// Takes what is in `directory`; `link` is the link that led there, if one did.
    fn collect(&mut self, directory: &Path, prefix: &str, link: Option<&str>) -> Result<(), Error> {
        let read = |source| Error::Read { path: directory.into(), source };
        for item in fs_err::read_dir(directory).map_err(read)? {
            let item = item.map_err(read)?;
            // A name that is not UTF-8 cannot be a Python module's, nor can the guest say it.
            let Ok(name) = item.file_name().into_string() else { continue };
            let path = format!("{prefix}{name}");
            if (self.is_hidden)(&path) {
                continue;
            }
            if item.file_type().map_err(read)?.is_symlink() {
                self.follow(&item.path(), path, link)?;
                continue;
            }
            let kind = item.metadata().map_err(read)?;
            if kind.is_dir() && !self.skipped.contains(&name.as_str()) {
                self.entries.push(Entry::directory(path.clone()));
                self.collect(&item.path(), &format!("{path}/"), link)?;
            } else if kind.is_file() {
                self.take(&item.path(), path, kind.len())?;
            }
        }
        Ok(())
    }

    /// Takes what a link leads to, if that is inside: `path` is its name for the worker.
    fn follow(&mut self, link: &Path, path: String, above: Option<&str>) -> Result<(), Error> {
        // Editors leave links that lead nowhere.
        let Ok(target) = fs_err::canonicalize(link) else { return Ok(()) };
        let mut left_out = |why: &str| {
            self.warnings
                .push(format!("{path} is left out: it is a link to {}, {why}", target.display()));
        };
        let Ok(below) = target.strip_prefix(&self.root) else {
            left_out("which is not in the worker's directory; put a copy in its place");
            return Ok(());
        };
        let read = |source| Error::Read { path: link.into(), source };
        let kind = fs_err::metadata(&target).map_err(read)?;
        if kind.is_file() && !(self.is_hidden)(&below.to_string_lossy()) {
            return self.take(link, path, kind.len());
        }
        let name = path.rsplit('/').next().unwrap_or_default();
        if !kind.is_dir() || self.skipped.contains(&name) {
            return Ok(());
        }
        let parent = link.parent().map(fs_err::canonicalize).transpose().map_err(read)?;
        if let Some(above) = above {
            left_out(&format!("and {above}, through which it is reached, is a link too"));
            return Ok(());
        }
        if parent.is_some_and(|parent| parent.starts_with(&target)) {
            left_out("in which it is itself");
            return Ok(());
        }
        self.entries.push(Entry::directory(path.clone()));
        self.collect(&target, &format!("{path}/"), Some(&path))
    }

    fn take(&mut self, file: &Path, path: String, bytes: u64) -> Result<(), Error> {
        self.bytes += bytes;
        if self.bytes > self.bytes_max {
            // It is refused as a whole; so much need not be read.
            return Ok(());
        }
        let contents =
            fs_err::read(file).map_err(|source| Error::Read { path: file.into(), source })?;
        self.entries.push(Entry::file(path, contents));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use fs_err::os::unix::fs::symlink;

    use super::*;

    /// What a worker sees of a directory that `fill` fills, and what is said of it.
    #[track_caller]
    fn check(fill: impl FnOnce(&Path), files: &[&str], warnings: &[&str]) {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("project");
        fs_err::create_dir_all(root.join("lib")).unwrap();
        write(&root.join("entry.py"));
        write(&root.join("lib/a.py"));
        fill(&root);
        let (code, said) = from_project(&root, &|path| path == "wrangler.toml", None).unwrap();
        let mut paths: Vec<_> = code.paths().collect();
        paths.sort();
        assert_eq!(paths, files);
        let above = place.path().canonicalize().unwrap();
        let said: Vec<_> =
            said.iter().map(|text| text.replace(above.to_str().unwrap(), "ABOVE")).collect();
        assert_eq!(said, warnings);
    }

    fn write(path: &Path) {
        std::io::Write::write_all(&mut fs_err::File::create(path).unwrap(), b"x").unwrap();
    }

    #[test]
    fn secrets() {
        let fill = |root: &Path| {
            for name in
                [".dev.vars", ".dev.vars.staging", ".env", ".env.local", "lib/.env", ".envrc"]
            {
                write(&root.join(name));
            }
            symlink(".env", root.join("link.txt")).unwrap();
        };
        check(fill, &[".envrc", "entry.py", "lib/a.py"], &[]);
    }

    #[test]
    fn configurations() {
        let fill = |root: &Path| {
            write(&root.join("wrangler.toml"));
            write(&root.join("lib/wrangler.toml"));
            symlink("wrangler.toml", root.join("link.txt")).unwrap();
        };
        check(fill, &["entry.py", "lib/a.py", "lib/wrangler.toml"], &[]);
    }

    #[test]
    fn links_inside() {
        let fill = |root: &Path| {
            symlink("lib", root.join("linked")).unwrap();
            symlink("lib/a.py", root.join("b.py")).unwrap();
            symlink("nowhere", root.join(".#entry.py")).unwrap();
        };
        check(fill, &["b.py", "entry.py", "lib/a.py", "linked/a.py"], &[]);
    }

    #[test]
    fn links_outside() {
        let fill = |root: &Path| {
            fs_err::create_dir(root.join("../shared")).unwrap();
            symlink("../shared", root.join("shared")).unwrap();
        };
        let warning = "shared is left out: it is a link to ABOVE/shared, which is not in the worker's directory; put a \
                       copy in its place";
        check(fill, &["entry.py", "lib/a.py"], &[warning]);
    }

    #[test]
    fn links_in_circles() {
        let warning = "lib/up is left out: it is a link to ABOVE/project, in which it is itself";
        let fill = |root: &Path| symlink("..", root.join("lib/up")).unwrap();
        check(fill, &["entry.py", "lib/a.py"], &[warning]);
        let fill = |root: &Path| {
            fs_err::create_dir(root.join("other")).unwrap();
            symlink("../lib", root.join("other/lib")).unwrap();
            symlink("other", root.join("again")).unwrap();
        };
        let warning = "again/lib is left out: it is a link to ABOVE/project/lib, and again, through which it is \
                       reached, is a link too";
        check(fill, &["entry.py", "lib/a.py", "other/lib/a.py"], &[warning]);
    }
}
