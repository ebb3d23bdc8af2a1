//! The source of a package in a directory of the user's: what of it a build gets.

use std::path::{Path, PathBuf};

use taipan_store::{Digest, write_atomic};

use crate::Error;

/// Files and bytes of one package's source. More is no source.
const FILES_MAX: usize = 50_000;
const BYTES_MAX: u64 = 256 << 20;

/// Directories that hold no source, beside those whose names begin with a point.
const SKIPPED: [&str; 3] = ["__pycache__", "node_modules", taipan_manifest::PACKAGES_DIRECTORY];

/// What an environment of Python has, wherever it is.
const ENVIRONMENT: &str = "pyvenv.cfg";

/// The files of a directory, by their paths in it.
#[derive(Debug)]
pub(crate) struct Tree {
    files: Vec<(PathBuf, Vec<u8>)>,
}

impl Tree {
    /// Reads the source of the package `name`.
    pub(crate) fn read(name: &str, directory: &Path) -> Result<Self, Error> {
        let refused = |reason: String| {
            let (name, path) = (name.to_owned(), directory.to_owned());
            Err(Error::Directory { name, path, reason })
        };
        if !directory.is_dir() {
            return refused("it is not a directory".to_owned());
        }
        let (mut files, mut bytes) = (Vec::new(), 0);
        let mut open = vec![PathBuf::new()];
        while let Some(folder) = open.pop() {
            for found in fs_err::read_dir(directory.join(&folder))? {
                let found = found?;
                let (kind, path) = (found.file_type()?, folder.join(found.file_name()));
                if kind.is_dir() {
                    open.extend(is_source(&found.path()).then_some(path));
                    continue;
                }
                if !kind.is_file() {
                    return refused(format!(
                        "{} is neither a file nor a directory",
                        path.display()
                    ));
                }
                bytes += found.metadata()?.len();
                if files.len() >= FILES_MAX || bytes > BYTES_MAX {
                    return refused(format!(
                        "it has more than {FILES_MAX} files or {BYTES_MAX} bytes"
                    ));
                }
                files.push((path, fs_err::read(found.path())?));
            }
        }
        files.sort();
        Ok(Self { files })
    }

    /// The digest of names and contents.
    pub(crate) fn digest(&self) -> Digest {
        let lines =
            self.files.iter().map(|(path, bytes)| format!("{path:?} {}\n", Digest::of(bytes)));
        Digest::of(lines.collect::<String>().as_bytes())
    }

    /// Puts a copy into `folder`.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), Error> {
        for (path, bytes) in &self.files {
            let path = folder.join(path);
            fs_err::create_dir_all(path.parent().unwrap_or(folder))?;
            write_atomic(&path, bytes)?;
        }
        Ok(())
    }
}

fn is_source(directory: &Path) -> bool {
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    !name.starts_with('.')
        && !SKIPPED.contains(&name.as_ref())
        && !directory.join(ENVIRONMENT).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_and_what_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            write_atomic(&path, text.as_bytes()).unwrap();
        };
        write("a/b.py", "1");
        let digest = || Tree::read("a", folder.path()).unwrap().digest();
        let first = digest();
        for name in [".git/HEAD", "a/__pycache__/b.pyc", "env/pyvenv.cfg", "env/lib/x.py"] {
            write(name, "");
        }
        assert_eq!(digest(), first);
        write(".gitignore", "");
        assert_ne!(digest(), first);
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("a/link")).unwrap();
        let refused = Tree::read("a", folder.path()).unwrap_err().to_string();
        assert!(refused.ends_with("a/link is neither a file nor a directory"), "{refused}");
    }
}
