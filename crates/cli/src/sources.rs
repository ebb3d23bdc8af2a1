//! What a project's own Python sources import, before there is any package.

use std::path::Path;

use taipan_lock::needs_sdk;
use taipan_manifest::PACKAGES_DIRECTORY;

/// Directories that are never a part of a worker, beside those that begin with a dot.
const SKIPPED: [&str; 4] = [PACKAGES_DIRECTORY, "node_modules", "__pycache__", "target"];

/// Deeper directories are not looked into.
const DEPTH_MAX: usize = 16;

/// More files are not looked at.
const FILES_MAX: usize = 5_000;

/// Longer files are data.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Whether a project imports what only Cloudflare's SDK has, and has no module of that name itself. What cannot be read
/// imports nothing: the worker's start tells of it.
pub(crate) fn need_sdk(directory: &Path) -> bool {
    let mut found = Found::default();
    found.look(directory, 0);
    found.needs && !found.has_own
}

#[derive(Default)]
struct Found {
    files: usize,
    needs: bool,
    has_own: bool,
}

impl Found {
    fn look(&mut self, directory: &Path, depth: usize) {
        let Ok(listed) = fs_err::read_dir(directory) else { return };
        for item in listed.flatten() {
            let name = item.file_name();
            let name = name.to_string_lossy();
            let Ok(kind) = item.file_type() else { continue };
            self.has_own |= name == "workers.py"
                || name == "workers" && item.path().join("__init__.py").is_file();
            if kind.is_dir()
                && depth < DEPTH_MAX
                && !name.starts_with('.')
                && !SKIPPED.contains(&&*name)
            {
                self.look(&item.path(), depth + 1);
            }
            if kind.is_file() && name.ends_with(".py") && self.files < FILES_MAX && !self.needs {
                self.files += 1;
                let is_short = item.metadata().is_ok_and(|data| data.len() <= FILE_BYTES_MAX);
                let source = is_short.then(|| fs_err::read_to_string(item.path()).ok()).flatten();
                self.needs = source.is_some_and(|source| needs_sdk(&source));
            }
        }
    }
}
