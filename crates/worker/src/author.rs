//! Where a worker's author keeps its files: messages about them name that place.
//!
//! An isolate sees a worker's files below [`WORKER_DIRECTORY`], wherever they are, so that its snapshot is the same
//! everywhere. What goes out of it is changed on its way, and only what tells of faults: what a program prints to
//! standard output is its own.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use taipan_pyodide::PACKAGES_DIRECTORY;
use taipan_runtime::{Log, Record, WORKER_DIRECTORY};
use taipan_webapi::Fault;

use crate::Error;

/// The author's own directory; none if the files come from nowhere.
#[derive(Clone, Debug, Default)]
pub(crate) struct Author(Option<Places>);

#[derive(Clone, Debug)]
struct Places {
    /// The directory of the worker.
    worker: Arc<str>,
    /// Whether its packages are in a directory of it; else they come from a lock, and are nowhere.
    has_packages: bool,
}

impl Author {
    /// Of the files in `directory`, which is absolute.
    pub(crate) fn of(directory: &Path) -> Self {
        let has_packages = directory.join(PACKAGES_DIRECTORY).is_dir();
        let worker = directory.display().to_string();
        Self(Some(Places { worker: worker.trim_end_matches('/').into(), has_packages }))
    }

    /// `text`, with the author's paths.
    pub(crate) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let Some(places) = self.0.as_ref().filter(|_| text.contains(WORKER_DIRECTORY)) else {
            return Cow::Borrowed(text);
        };
        let mut changed = String::with_capacity(text.len());
        let mut quotes = false;
        for line in text.split_inclusive('\n') {
            // Below the place of a frame a traceback has the author's own line, as it was written.
            if quotes && line.starts_with("    ") {
                changed += line;
            } else {
                change_line(line, places, &mut changed);
            }
            quotes = line.trim_start().starts_with("File \"");
        }
        Cow::Owned(changed)
    }

    fn change(&self, text: &mut String) {
        if let Cow::Owned(changed) = self.text(text) {
            *text = changed;
        }
    }

    /// A log that says the author's paths to `log`.
    pub(crate) fn log(&self, log: Log) -> Log {
        let author = self.clone();
        Log::new(move |record| log.write(author.record(record)))
    }

    pub(crate) fn record(&self, mut record: Record) -> Record {
        match &mut record {
            Record::Fault { message, traceback } => {
                self.change(message);
                self.change(traceback);
            }
            Record::Warning { text } => self.change(text),
            Record::Console { level, text } if matches!(&**level, "warn" | "error") => {
                self.change(text)
            }
            Record::Stream { descriptor: 2, bytes } => {
                if let Ok(text) = str::from_utf8(bytes)
                    && let Cow::Owned(changed) = self.text(text)
                {
                    *bytes = changed.into_bytes();
                }
            }
            Record::Console { .. }
            | Record::Stream { .. }
            | Record::Reached(_)
            | Record::Resumed(_)
            | Record::Ended { .. } => {}
        }
        record
    }

    pub(crate) fn fault(&self, mut fault: Fault) -> Fault {
        self.change(&mut fault.message);
        self.change(&mut fault.detail);
        fault
    }

    pub(crate) fn error(&self, mut error: Error) -> Error {
        match &mut error {
            Error::Runtime(taipan_runtime::Error::Program { message, traceback })
            | Error::Warmup { message, traceback, .. } => {
                self.change(message);
                self.change(traceback);
            }
            Error::Runtime(taipan_runtime::Error::Unsaved { messages }) => {
                messages.iter_mut().for_each(|text| self.change(text))
            }
            _ => {}
        }
        error
    }
}

/// Adds `line` to `changed`, with the author's places in that of the worker's directory.
fn change_line(line: &str, places: &Places, changed: &mut String) {
    let mut pieces = line.split(WORKER_DIRECTORY);
    *changed += pieces.next().unwrap_or_default();
    for piece in pieces {
        // The directory itself, and what lies in it; not another with a longer name.
        let is_it = !piece.starts_with(|next: char| next.is_alphanumeric() || "-_.".contains(next));
        let of_lock = Some(piece).filter(|_| is_it && !places.has_packages);
        if let Some(package) = of_lock.and_then(of_package) {
            *changed += package;
            continue;
        }
        *changed += if is_it { &places.worker } else { WORKER_DIRECTORY };
        *changed += piece;
    }
}

/// What follows the worker's directory without its first `/`, if it is in a package: `python_modules/flask/app.py`.
fn of_package(piece: &str) -> Option<&str> {
    let path = piece.strip_prefix('/')?;
    path.strip_prefix(PACKAGES_DIRECTORY)?.starts_with('/').then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        assert_eq!(Author::of(Path::new("/home/me/worker/")).text(text), expect);
        assert_eq!(Author::default().text(text), text);
    }

    #[test]
    fn paths() {
        check("nothing", "nothing");
        check(
            "File \"/session/metadata/entry.py\", line 1",
            "File \"/home/me/worker/entry.py\", line 1",
        );
        check(
            "  File \"/session/metadata/entry.py\", line 1\n    open(\"/session/metadata/x\")\n  File \"/session/metadata/a.py\"",
            "  File \"/home/me/worker/entry.py\", line 1\n    open(\"/session/metadata/x\")\n  File \"/home/me/worker/a.py\"",
        );
        check("/session/metadata/a:1 /session/metadata", "/home/me/worker/a:1 /home/me/worker");
        check(
            "/session/metadata2/a /session/metadata-x",
            "/session/metadata2/a /session/metadata-x",
        );
    }

    /// Those of a lock are in no directory of the author's.
    #[test]
    fn packages() {
        let file = "File \"/session/metadata/python_modules/flask/app.py\", line 1";
        check(file, "File \"python_modules/flask/app.py\", line 1");
        check("/session/metadata/python_modules2/a", "/home/me/worker/python_modules2/a");
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir(folder.path().join(PACKAGES_DIRECTORY)).unwrap();
        let own =
            format!("File \"{}/python_modules/flask/app.py\", line 1", folder.path().display());
        assert_eq!(Author::of(folder.path()).text(file), own);
    }

    #[test]
    fn what_a_program_prints_is_its_own() {
        let author = Author::of(Path::new("/w"));
        let printed = |descriptor| {
            author.record(Record::Stream { descriptor, bytes: b"/session/metadata/a".to_vec() })
        };
        assert_eq!(
            printed(1),
            Record::Stream { descriptor: 1, bytes: b"/session/metadata/a".to_vec() }
        );
        assert_eq!(printed(2), Record::Stream { descriptor: 2, bytes: b"/w/a".to_vec() });
    }
}
