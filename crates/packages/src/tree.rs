//! A tree of installed files, read whole and within bounds.

use std::path::Path;

use taipan_lock::Size;
use taipan_pyodide::layer::Entry;
use taipan_worker::PACKAGES_BYTES_MAX;

use crate::Error;

/// Files of all packages of a worker. The largest that are known together have 30,000.
pub const FILES_MAX: usize = 200_000;

/// Deeper directories are nobody's.
const DEPTH_MAX: usize = 64;

/// Directories with bytecode of the machine that installed.
pub(crate) const BYTECODE_DIRECTORY: &str = "__pycache__";

/// The files below `directory`, by their paths in it. No bytecode.
///
/// # Errors
///
/// What cannot be read; a link, or what is neither file nor directory; a name that is not Unicode; more than
/// [`FILES_MAX`] files or [`PACKAGES_BYTES_MAX`] bytes.
pub fn read_tree(directory: &Path) -> Result<Vec<Entry>, Error> {
    let mut tree = Tree::default();
    tree.add(directory, "", 0)?;
    tree.entries.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(tree.entries)
}

#[derive(Debug, Default)]
struct Tree {
    entries: Vec<Entry>,
    bytes: u64,
}

impl Tree {
    fn add(&mut self, directory: &Path, prefix: &str, depth: usize) -> Result<(), Error> {
        let unreadable = |source| Error::Read { path: directory.to_owned(), source };
        for item in fs_err::read_dir(directory).map_err(unreadable)? {
            let item = item.map_err(unreadable)?;
            let name = item.file_name();
            let shown = || format!("{prefix}{}", name.to_string_lossy());
            let Some(name) = name.to_str() else {
                return Err(Error::File {
                    file: shown(),
                    problem: "has a name that is not Unicode",
                });
            };
            let kind = item.file_type().map_err(unreadable)?;
            let path = format!("{prefix}{name}");
            if name == BYTECODE_DIRECTORY {
                if kind.is_dir() {
                    continue;
                }
                return Err(Error::File {
                    file: path,
                    problem: "is where the directory for bytecode goes",
                });
            }
            if kind.is_dir() && depth < DEPTH_MAX {
                self.add(&item.path(), &format!("{path}/"), depth + 1)?;
            } else if kind.is_file() {
                self.take(&item.path(), path)?;
            } else {
                let problem = match kind.is_symlink() {
                    true => "is a link",
                    false if kind.is_dir() => "is deeper than directories may be",
                    false => "is neither a file nor a directory",
                };
                return Err(Error::File { file: path, problem });
            }
        }
        Ok(())
    }

    fn take(&mut self, file: &Path, path: String) -> Result<(), Error> {
        let unreadable = |source| Error::Read { path: file.to_owned(), source };
        self.bytes += fs_err::metadata(file).map_err(unreadable)?.len();
        check_size(Size { files: self.entries.len() + 1, bytes: self.bytes })?;
        let contents = fs_err::read(file).map_err(unreadable)?;
        self.entries.push(Entry::file(path, contents));
        Ok(())
    }
}

/// Whether this is too much.
pub(crate) fn check_size(Size { files, bytes }: Size) -> Result<(), Error> {
    if files > FILES_MAX {
        return Err(Error::TooMuch { what: "files", maximum: FILES_MAX as u64 });
    }
    if bytes > PACKAGES_BYTES_MAX {
        return Err(Error::TooMuch { what: "bytes", maximum: PACKAGES_BYTES_MAX });
    }
    Ok(())
}
