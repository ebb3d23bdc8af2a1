//! The folder of a script: what of it can be imported.
//!
//! A sandbox does not hand out a folder because a script lies in it: only Python files are read, in folders whose
//! names Python can say. The nearest come first, and there is a bound, so that a script in a home directory starts as
//! fast as any other.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use taipan_pyodide::layer::Entry;

use crate::Error;
use crate::code::Code;

/// Files and folders that are looked at.
const ENTRIES_MAX: usize = 5_000;

/// Bytes of all files that are read.
const BYTES_MAX: u64 = 16 << 20;

/// Folders that have names of modules and hold none of a program.
const SKIPPED: [&str; 4] = ["node_modules", "__pycache__", "target", "venv"];

/// What of a folder can be imported.
#[derive(Clone, Debug)]
pub struct Modules {
    /// The files.
    pub code: Code,
    /// Whether all were taken: there is an end to it.
    pub whole: bool,
}

/// Reads what can be imported of `folder`, and `script`, a file in it with this text, whatever its name is.
///
/// # Errors
///
/// When the folder itself cannot be read.
pub fn modules_of(folder: &Path, script: Option<(&str, Vec<u8>)>) -> Result<Modules, Error> {
    let read = |source| Error::Read { path: folder.into(), source };
    let root = fs_err::canonicalize(folder).map_err(read)?;
    fs_err::read_dir(&root).map_err(read)?;
    let name = script.as_ref().map(|(name, _)| (*name).to_owned());
    let mut walk = Walk { root: &root, entries: Vec::new(), looked_at: 0, bytes: 0, whole: true };
    walk.entries.extend(script.map(|(name, text)| Entry::file(name, text)));
    let mut waiting = VecDeque::from([(root.clone(), String::new())]);
    while let Some((directory, prefix)) = waiting.pop_front() {
        walk.look(&directory, &prefix, name.as_deref(), &mut waiting);
    }
    let Walk { entries, whole, .. } = walk;
    Ok(Modules { code: Code::new(&entries)?, whole })
}

struct Walk<'a> {
    root: &'a Path,
    entries: Vec<Entry>,
    looked_at: usize,
    bytes: u64,
    whole: bool,
}

impl Walk<'_> {
    /// Takes the files of a folder, and queues its folders. What cannot be read is treated as absent.
    fn look(
        &mut self,
        directory: &Path,
        prefix: &str,
        taken: Option<&str>,
        waiting: &mut VecDeque<(PathBuf, String)>,
    ) {
        let Ok(items) = fs_err::read_dir(directory) else { return };
        let mut items: Vec<_> = items.flatten().collect();
        items.sort_by_key(fs_err::DirEntry::file_name);
        for item in items {
            self.looked_at += 1;
            if self.looked_at > ENTRIES_MAX || self.bytes > BYTES_MAX {
                self.whole = false;
                waiting.clear();
                return;
            }
            let Ok(name) = item.file_name().into_string() else { continue };
            let Ok(kind) = item.file_type() else { continue };
            let path = format!("{prefix}{name}");
            if kind.is_dir() && is_module(&name) && !SKIPPED.contains(&name.as_str()) {
                self.entries.push(Entry::directory(path.clone()));
                waiting.push_back((item.path(), format!("{path}/")));
            } else if name.strip_suffix(".py").is_some_and(is_module) && taken != Some(&*path) {
                self.take(&item.path(), path);
            }
        }
    }

    /// Takes a file, unless it is a link that leads out of the folder.
    fn take(&mut self, file: &Path, path: String) {
        let Ok(file) = fs_err::canonicalize(file) else { return };
        let Ok(kind) = fs_err::metadata(&file) else { return };
        if !kind.is_file() || !file.starts_with(self.root) || self.bytes + kind.len() > BYTES_MAX {
            self.whole &= self.bytes + kind.len() <= BYTES_MAX;
            return;
        }
        if let Ok(contents) = fs_err::read(&file) {
            self.bytes += contents.len() as u64;
            self.entries.push(Entry::file(path, contents));
        }
    }
}

/// Whether Python can say this name in an `import`; it takes letters of all scripts.
fn is_module(name: &str) -> bool {
    let letter = |letter: char| letter == '_' || letter.is_alphanumeric();
    name.chars().all(letter) && !name.starts_with(|first: char| first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("folder");
        for (path, text) in [
            ("folder/script", "script"),
            ("folder/a.py", "a"),
            ("folder/.env", "secret"),
            ("folder/data.json", "{}"),
            ("folder/not-a-module.py", ""),
            ("folder/package/b.py", "b"),
            ("folder/package/secret.txt", "secret"),
            ("folder/.hidden/c.py", ""),
            ("folder/node_modules/d.py", ""),
            ("outside.py", "secret"),
        ] {
            let path = place.path().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }
        std::os::unix::fs::symlink("../outside.py", folder.join("link.py")).unwrap();
        std::os::unix::fs::symlink("a.py", folder.join("inside.py")).unwrap();
        std::os::unix::fs::symlink("..", folder.join("loop")).unwrap();
        let modules = modules_of(&folder, Some(("script", b"script".to_vec()))).unwrap();
        let mut paths: Vec<_> = modules.code.paths().collect();
        paths.sort_unstable();
        assert_eq!(paths, ["a.py", "inside.py", "package/b.py", "script"]);
        assert!(modules.whole);
    }

    #[test]
    fn there_is_an_end_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a_first");
        fs_err::create_dir(&deep).unwrap();
        (0..ENTRIES_MAX)
            .for_each(|number| fs_err::write(deep.join(format!("m{number}.py")), "").unwrap());
        fs_err::write(folder.path().join("near.py"), "").unwrap();
        let modules = modules_of(folder.path(), None).unwrap();
        assert!(modules.code.paths().any(|path| path == "near.py"));
        assert!(!modules.whole);
    }
}
