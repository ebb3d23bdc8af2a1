//! Applications with real packages: each folder of `tests/projects/` is locked, installed and served by the real binary,
//! as a user does it. `case.rs` says what a folder holds.
//!
//! No lock is kept with the sources, since a lock names the addresses of an index. It is made once below `target`, and
//! again when it no longer fits the project.

#![expect(clippy::unwrap_used, reason = "a test fails where its preparation fails")]

mod case;
mod client;
mod picture;
mod wheels;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};

use crate::case::Case;
use crate::client::Server;

/// The folder of all projects.
const PROJECTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/projects");

/// How each project is served: the second time it starts from the snapshot of the first.
const STARTS: [&str; 3] = ["reuse", "reuse", "fresh"];

/// How often each request is asked: the second answer comes from an isolate that has answered already, or from a new one.
const TIMES: usize = 2;

/// The answers so far, by request.
type Answers = BTreeMap<String, Vec<String>>;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = folders().into_iter().flat_map(|folder| {
        projects(&folder).into_iter().map(|project| {
            Trial::test(project.name(), move || project.check().map_err(Failed::from))
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// The folders that have a case.
fn folders() -> Vec<PathBuf> {
    let items = fs_err::read_dir(PROJECTS).unwrap().map(|item| item.unwrap().path());
    let mut folders: Vec<_> = items.filter(|path| path.join("case.toml").is_file()).collect();
    folders.sort();
    folders
}

/// The project in `folder`, on each of its releases.
fn projects(folder: &Path) -> Vec<Project> {
    let case = case::read(folder).unwrap();
    let releases = if case.releases.is_empty() {
        vec![None]
    } else {
        case.releases.iter().cloned().map(Some).collect()
    };
    let project = |release| Project { folder: folder.to_owned(), case: case.clone(), release };
    releases.into_iter().map(project).collect()
}

/// A project on a release of Pyodide, or else on the one that its configuration selects.
struct Project {
    folder: PathBuf,
    case: Case,
    release: Option<String>,
}

impl Project {
    fn name(&self) -> String {
        let name = self.folder.file_name().unwrap().to_string_lossy();
        match &self.release {
            Some(release) => format!("{name} ({release})"),
            None => name.into_owned(),
        }
    }

    /// Locks and serves it, and asks all that its case has. One whose wheels nobody has here is left out.
    fn check(&self) -> Result<(), String> {
        if let Some(package) = &self.case.wheels_of
            && !wheels::fetch(package)?
        {
            return Ok(());
        }
        let place = self.prepare();
        self.lock(&place)?;
        let mut answers = Answers::new();
        STARTS.iter().try_for_each(|isolation| {
            self.play(&place, isolation, &mut answers)
                .map_err(|fault| format!("--isolation {isolation}: {fault}"))
        })
    }

    /// It in a folder below `target`, with the lock of the last time.
    fn prepare(&self) -> PathBuf {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("applications").join(self.name());
        fs_err::create_dir_all(place.join("src")).unwrap();
        let copy = |from: PathBuf, to: &str| fs_err::copy(from, place.join(to)).map(drop).unwrap();
        copy(self.folder.join("pyproject.toml"), "pyproject.toml");
        copy(Path::new(PROJECTS).join("wrangler.jsonc"), "wrangler.jsonc");
        copy(self.folder.join("src/entry.py"), "src/entry.py");
        place
    }

    /// Sees to it that the lock fits.
    fn lock(&self, place: &Path) -> Result<(), String> {
        let mut lock = self.taipan(place, &["lock"]);
        if let Some(package) = &self.case.wheels_of {
            lock.env("UV_FIND_LINKS", wheels::folder(package));
        }
        if self.taipan(place, &["lock", "--check"]).output().unwrap().status.success() {
            return Ok(());
        }
        run(&mut lock)
    }

    /// Serves it and asks all that the case has.
    fn play(&self, place: &Path, isolation: &str, answers: &mut Answers) -> Result<(), String> {
        let words = ["serve", "--port", "0", "--isolation", isolation];
        let server = Server::start(&mut self.taipan(place, &words))?;
        for ask in self.case.asks.iter().flat_map(|ask| [ask; TIMES]) {
            let answer = server.ask(ask)?;
            let earlier = answers.entry(ask.request.clone()).or_default();
            ask.compare(&answer, earlier).map_err(|fault| format!("{fault}\n{}", server.said()))?;
            earlier.push(answer.text());
        }
        let said = server.said();
        let warnings: Vec<_> = said.lines().filter(|line| line.starts_with("warning: ")).collect();
        let expected = &self.case.warns;
        // A start from a snapshot that is there already says nothing of it.
        let fits = warnings.is_empty()
            || warnings.len() == expected.len()
                && warnings.iter().zip(expected).all(|(line, part)| line.contains(part));
        if fits { Ok(()) } else { Err(said) }
    }

    fn taipan(&self, place: &Path, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_taipan"));
        command.args(words).current_dir(place);
        if let Some(version) = &self.release {
            command.args(["--experimental", "--pyodide", version]);
        }
        if let Some(package) = &self.case.wheels_of {
            command.arg("--source").arg(wheels::folder(package)).args(["--source", "npm"]);
        }
        command
    }
}

/// Runs a program to its end; what it said, if it fails.
fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("{command:?}:\n{said}")) }
}
