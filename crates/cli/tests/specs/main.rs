//! The program as a user sees it: each folder of `tests/specs/` is a case, played
//! against the real binary over real sockets. `case.rs` says what a case may hold.

#![expect(clippy::unwrap_used, reason = "a test fails where its preparation fails")]

mod case;
mod http;
mod play;
mod process;
mod upstream;

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    sync::Arc,
};

use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;

/// The folder of all cases.
const SPECS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/specs");

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    if !arguments.list {
        make_bundle();
    }
    let runtime = Arc::new(Runtime::new().unwrap());
    let upstream = runtime.block_on(upstream::start());
    let trials = cases(Path::new(SPECS)).into_iter().map(|folder| {
        let name = folder.strip_prefix(SPECS).unwrap().display().to_string();
        let runtime = runtime.clone();
        Trial::test(name, move || {
            let case = case::read(&folder, upstream).map_err(Failed::from)?;
            runtime.block_on(play::play(&case)).map_err(Failed::from)
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// Sees to it that no case has to wait for the bundle.
fn make_bundle() {
    let mut build = Command::new(env!("CARGO_BIN_EXE_taipan"));
    let done = build.args(["bundle", "build"]).stdout(Stdio::null()).status().unwrap();
    assert!(done.success(), "the bundle is needed for all cases");
}

/// The folders below `folder` that are cases.
fn cases(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for item in fs_err::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.join("case.toml").is_file() {
            found.push(path);
        } else if path.is_dir() {
            found.extend(cases(&path));
        }
    }
    found.sort();
    found
}
