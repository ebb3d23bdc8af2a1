//! Applications with real packages: each folder of `tests/projects/` is locked, installed and served by the real binary,
//! as a user does it. `case.rs` says what a folder holds.
//!
//! No lock is kept with the sources, since a lock names the addresses of an index. It is made once below `target`, and
//! again when it no longer fits the project.

#![expect(clippy::unwrap_used, reason = "a test fails where its preparation fails")]

mod case;
mod client;

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

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = projects().into_iter().map(|folder| {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        Trial::test(name, move || check(&folder).map_err(Failed::from))
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// The folders that have a case.
fn projects() -> Vec<PathBuf> {
    let items = fs_err::read_dir(PROJECTS).unwrap().map(|item| item.unwrap().path());
    let mut folders: Vec<_> = items.filter(|path| path.join("case.toml").is_file()).collect();
    folders.sort();
    folders
}

/// Locks and serves a project, and asks all that its case has.
fn check(folder: &Path) -> Result<(), String> {
    let case = case::read(folder)?;
    let place = prepare(folder, &case);
    lock(&place, &case)?;
    STARTS.iter().try_for_each(|isolation| {
        play(&place, &case, isolation).map_err(|fault| format!("--isolation {isolation}: {fault}"))
    })
}

/// The project in a folder below `target`, with the lock of the last time.
fn prepare(folder: &Path, case: &Case) -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("applications");
    let place = place.join(folder.file_name().unwrap());
    fs_err::create_dir_all(place.join("src")).unwrap();
    let copy = |from: PathBuf, to: &str| fs_err::copy(from, place.join(to)).map(drop).unwrap();
    copy(folder.join("pyproject.toml"), "pyproject.toml");
    copy(Path::new(PROJECTS).join("wrangler.jsonc"), "wrangler.jsonc");
    copy(folder.join("src/entry.py"), "src/entry.py");
    if let Some(adapter) = &case.adapter {
        copy(Path::new(PROJECTS).join(adapter), &format!("src/{adapter}"));
    }
    place
}

/// Sees to it that the lock fits the project.
fn lock(place: &Path, case: &Case) -> Result<(), String> {
    if taipan(place, case, &["lock", "--check"]).output().unwrap().status.success() {
        return Ok(());
    }
    let locked = taipan(place, case, &["lock"]).output().unwrap();
    let said = String::from_utf8_lossy(&locked.stderr);
    if locked.status.success() { Ok(()) } else { Err(format!("taipan lock:\n{said}")) }
}

/// Serves the project and asks all that the case has.
fn play(place: &Path, case: &Case, isolation: &str) -> Result<(), String> {
    let words = ["serve", "--port", "0", "--isolation", isolation];
    let server = Server::start(&mut taipan(place, case, &words))?;
    for ask in case.asks.iter().flat_map(|ask| [ask; TIMES]) {
        let answer = server.ask(ask)?;
        ask.compare(&answer).map_err(|fault| format!("{fault}\n{}", server.said()))?;
    }
    Ok(())
}

fn taipan(place: &Path, case: &Case, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_taipan"));
    command.args(words).current_dir(place);
    if let Some(version) = &case.pyodide {
        command.args(["--experimental", "--pyodide", version]);
    }
    command
}
