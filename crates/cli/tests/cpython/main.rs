//! CPython's own tests, in the sandbox: each file of `tests/cpython/expected/` names
//! a test module and says which of its tests fail, and why. One that fails unlisted
//! is an error, one that is listed and passes another.

#![expect(clippy::unwrap_used, reason = "a test fails where its preparation fails")]

mod expected;
mod outcome;

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use libtest_mimic::{Arguments, Failed, Trial};

use crate::expected::Expected;

/// The driver and the expectations.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/cpython");

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    if !arguments.list {
        make_bundle();
    }
    let trials = modules().into_iter().map(|module| {
        let name = module.clone();
        Trial::test(name, move || check(&module).map_err(Failed::from))
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// Sees to it that no test has to wait for the bundle.
fn make_bundle() {
    let mut build = Command::new(env!("CARGO_BIN_EXE_taipan"));
    let done = build.args(["bundle", "build"]).stdout(Stdio::null()).status().unwrap();
    assert!(done.success(), "the bundle is needed for all tests");
}

/// The test modules that have a file of expectations, without their `test.`.
fn modules() -> Vec<String> {
    let files = fs_err::read_dir(Path::new(FOLDER).join("expected")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut modules: Vec<_> =
        names.filter_map(|name| Some(name.strip_suffix(".toml")?.to_owned())).collect();
    modules.sort();
    modules
}

/// Runs a module and compares what became of its tests with what was expected.
fn check(module: &str) -> Result<(), String> {
    let path = Path::new(FOLDER).join("expected").join(format!("{module}.toml"));
    let expected: Expected = expected::read(&path)?;
    let left_out: Vec<_> = expected.left_out().map(|test| format!("!{test}")).collect();
    let outcome = outcome::of(module, &left_out)?;
    let mut faults = expected.compare(&outcome);
    for test in expected.fatal() {
        if outcome::of(module, &[test.to_owned()]).is_ok() {
            faults.push(format!("{test} is listed to end the interpreter, but does not"));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}
