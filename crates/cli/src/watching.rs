//! Waits for files to be saved.

use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::timeout;

use taipan_lock::{DRAFT, LOCK_FILE};
use taipan_store::Digest;

use crate::failure::Failure;

/// How long nothing must change before a change counts: editors save in several
/// steps, and tools save several files.
const QUIET_TIME: Duration = Duration::from_millis(100);

/// How often it is looked whether the directory is still the one that is watched. The system tells what happens in a
/// directory, and not of another that takes its place, as after `git switch` or `rsync --delete`.
const GLANCE: Duration = Duration::from_secs(1);

/// Folders that tools write and workers do not read.
const IGNORED_FOLDERS: [&str; 4] = ["__pycache__", "node_modules", "venv", "target"];

/// The files of a directory and those below it.
#[derive(Debug)]
pub(crate) struct Changes {
    directory: PathBuf,
    /// Which directory is watched; none once it was seen to be gone.
    watched: Option<Identity>,
    changes: mpsc::Receiver<()>,
    /// Changes of the lock alone, which Taipan writes by itself.
    locks: mpsc::Receiver<()>,
    /// The lock as Taipan has written it last, before the worker was started with it.
    written: Option<Digest>,
    _watcher: RecommendedWatcher,
}

impl Changes {
    /// Watches `directory` from here on.
    pub(crate) fn watch(directory: &Path) -> Result<Self, Failure> {
        let watched = Identity::of(directory);
        // One place: a change that waits in it stands for all that follow.
        let ((sender, changes), (lock_sender, locks)) = (mpsc::channel(1), mpsc::channel(1));
        let root = directory.to_owned();
        let own = Output::of_this_process();
        let refused = |source| Failure::Watch { directory: directory.to_owned(), source };
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<_>| {
            // An error says that events were lost: then anything may have changed.
            match event.map_or(Some(What::Any), |event| what(&root, &own, &event)) {
                Some(What::Any) => sender.try_send(()).ok(),
                Some(What::Lock) => lock_sender.try_send(()).ok(),
                None => None,
            };
        })
        .map_err(refused)?;
        watcher.watch(directory, RecursiveMode::Recursive).map_err(refused)?;
        let (directory, written) = (directory.to_owned(), None);
        Ok(Self { directory, watched, changes, locks, written, _watcher: watcher })
    }

    /// Is told what Taipan has written as the lock, if it has: that is no change for a worker that is started with it.
    pub(crate) fn pass_over(&mut self, written: Option<Digest>) {
        self.written = written.or(self.written);
    }

    /// Waits until something was saved, and then until all is quiet.
    pub(crate) async fn next(&mut self) {
        loop {
            match timeout(GLANCE, self.event()).await {
                Ok(Some(What::Lock)) if self.is_written() => {}
                Ok(Some(_)) => break,
                // The watcher ended; there will be no more changes.
                Ok(None) => std::future::pending().await,
                Err(_) if self.watch_another() => break,
                Err(_) => {}
            }
        }
        while timeout(QUIET_TIME, self.event()).await.is_ok() {}
    }

    async fn event(&mut self) -> Option<What> {
        tokio::select! {
            change = self.changes.recv() => change.map(|()| What::Any),
            lock = self.locks.recv() => lock.map(|()| What::Lock),
        }
    }

    /// Whether the lock is as Taipan has written it. Once it is another, that is forgotten: the worker is started with the
    /// other.
    fn is_written(&mut self) -> bool {
        let lock = fs_err::read(self.directory.join(LOCK_FILE)).map(|text| Digest::of(&text));
        self.written = self.written.filter(|written| lock.is_ok_and(|lock| lock == *written));
        self.written.is_some()
    }

    /// Watches what has taken the place of the directory; false when nothing has, or it cannot be watched yet.
    fn watch_another(&mut self) -> bool {
        let there = Identity::of(&self.directory);
        if there == self.watched || there.is_none() {
            self.watched = there;
            return false;
        }
        let another = Self::watch(&self.directory.clone());
        another.map(|another| *self = another).is_ok()
    }
}

/// What has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// The lock, and nothing else.
    Lock,
    Any,
}

/// Which directory has a name. Numbers are used again, so the time at which the directory was made is part of it.
#[derive(Debug, PartialEq, Eq)]
struct Identity((u64, u64), Option<SystemTime>);

impl Identity {
    fn of(directory: &Path) -> Option<Self> {
        let metadata = fs_err::metadata(directory).ok()?;
        Some(Self((metadata.dev(), metadata.ino()), metadata.created().ok()))
    }
}

/// The files that this process prints to, by device and number: each line that it prints changes them.
struct Output(Vec<(u64, u64)>);

impl Output {
    fn of_this_process() -> Self {
        Self(["/dev/stdout", "/dev/stderr"].into_iter().filter_map(identity).collect())
    }

    fn has(&self, path: &Path) -> bool {
        identity(path).is_some_and(|identity| self.0.contains(&identity))
    }
}

/// Which file has a name, if one has.
fn identity(path: impl AsRef<Path>) -> Option<(u64, u64)> {
    let metadata = fs_err::metadata(path.as_ref()).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// What of that which decides what a worker does an event has changed; none where it has changed nothing.
fn what(root: &Path, own: &Output, event: &notify::Event) -> Option<What> {
    // The system lost count of the changes: any file may be among them.
    if event.need_rescan() {
        return Some(What::Any);
    }
    match event.kind {
        EventKind::Access(_) => return None,
        EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => {}
    }
    let lock = root.join(LOCK_FILE);
    let changed = event.paths.iter().filter(|path| is_the_workers(root, path) && !own.has(path));
    changed
        .map(|path| if *path == lock { What::Lock } else { What::Any })
        .reduce(|one, other| if one == other { one } else { What::Any })
}

/// Whether a path below `root` is the worker's, and not a tool's or an editor's.
fn is_the_workers(root: &Path, path: &Path) -> bool {
    let Ok(below) = path.strip_prefix(root) else { return false };
    below.components().all(|component| match component {
        Component::Normal(name) => {
            let name = name.to_string_lossy();
            let hidden = name.starts_with('.') && !name.starts_with(".dev.vars");
            let written = name.ends_with('~') || name.ends_with(".log") || is_of_an_editor(&name);
            let draft = name.starts_with(DRAFT);
            !hidden && !written && !draft && !IGNORED_FOLDERS.contains(&&*name)
        }
        Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => {
            true
        }
    })
}

/// Whether a file is one that Emacs saves by itself, or with which Vim tries whether it can write.
fn is_of_an_editor(name: &str) -> bool {
    name.starts_with('#') && name.ends_with('#') || name == "4913"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expect: bool) {
        assert_eq!(is_the_workers(Path::new("/w"), Path::new(path)), expect, "{path}");
    }

    #[test]
    fn files_that_matter() {
        for path in ["/w/entry.py", "/w/src/data/x.json", "/w/.dev.vars", "/w/wrangler.jsonc"] {
            check(path, true);
        }
    }

    #[test]
    fn files_that_do_not() {
        for path in [
            "/w/.git/index",
            "/w/src/__pycache__/a.pyc",
            "/w/.entry.py.swp",
            "/w/a.py~",
            "/w/x.log",
            "/w/#entry.py#",
            "/w/src/4913",
            "/w/pylock.taipan-1234-abc.toml",
        ] {
            check(path, false);
        }
        check("/elsewhere/a.py", false);
    }
}
