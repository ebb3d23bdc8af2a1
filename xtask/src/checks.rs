//! What is built and checked, and in which order.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::program::{become_program, run, say};
use crate::uv::path_with_uv;
use crate::{setup, soak};

/// What is built for tests, and for all that runs beside them: what differs in it would be compiled once more.
const BUILD: [&str; 4] = ["build", "--workspace", "--bins", "--tests"];

/// Serves the worker in a folder with a `taipan` built from this tree.
pub(crate) fn dev(root: &Path, arguments: &[&str]) -> anyhow::Result<()> {
    setup::build()?;
    run("building taipan", &mut cargo(root, &["build", "--package", "taipan"]))?;
    become_program(Command::new(taipan()?).arg("dev").args(arguments))
}

/// Every test there is. The runner's summary is the last thing printed.
pub(crate) fn test(root: &Path) -> anyhow::Result<()> {
    before_tests(root)?;
    tests(root)
}

/// Every test, and the documentation.
pub(crate) fn ci(root: &Path) -> anyhow::Result<()> {
    before_tests(root)?;
    let mut documentation = cargo(root, &["doc", "--workspace", "--no-deps"]);
    documentation.env("RUSTDOCFLAGS", "--deny warnings");
    run("building the documentation", &mut documentation)?;
    tests(root)
}

/// Servers under load, for minutes. Not part of `ci`: it takes as long as it is told to.
pub(crate) fn soak(root: &Path, arguments: &[&str]) -> anyhow::Result<()> {
    setup::build()?;
    run("building taipan and the tests", &mut cargo(root, &BUILD))?;
    soak::soak(root, &taipan()?, arguments)
}

/// What we depend on, by `deny.toml`. Not part of `ci`: it reads a list of
/// advisories that changes from day to day.
pub(crate) fn deny(root: &Path) -> anyhow::Result<()> {
    let is_there =
        cargo(root, &["deny", "--version"]).output().is_ok_and(|output| output.status.success());
    ensure!(is_there, "cargo-deny is not there: cargo install cargo-deny --locked");
    run("checking what we depend on", &mut cargo(root, &["deny", "check"]))
}

fn before_tests(root: &Path) -> anyhow::Result<()> {
    setup::test()?;
    run("checking the format", &mut cargo(root, &["fmt", "--all", "--check"]))?;
    let mut lints = cargo(root, &["clippy", "--workspace", "--all-targets"]);
    // The fuzz targets are looked at like all else, but not built.
    lints.args(["--features", "taipan-fuzz/fuzzing", "--", "--deny", "warnings"]);
    run("checking the lints", &mut lints)?;
    run("building taipan and the tests", &mut cargo(root, &BUILD))?;
    let mut bundles = Command::new(taipan()?);
    run("preparing the bundles, which the tests share", bundles.args(["bundle", "build", "--all"]))
}

fn tests(root: &Path) -> anyhow::Result<()> {
    let nextest = Command::new("cargo").args(["nextest", "--version"]).output();
    if !nextest.is_ok_and(|output| output.status.success()) {
        say("no cargo-nextest here, so `cargo test` it is");
        return last("running the tests", &mut cargo(root, &["test", "--workspace"]));
    }
    let examples = ["test", "--workspace", "--doc", "--quiet"];
    run("running the documentation's examples", &mut cargo(root, &examples))?;
    let mut all = cargo(root, &["nextest", "run", "--workspace"]);
    // The cases of `tests/specs` on every release of Pyodide, not on the newest alone.
    all.env("PATH", path_with_uv(taipan()?.parent().unwrap_or(root))?);
    last("running the tests", all.env("TAIPAN_TEST_PYODIDE", "all"))
}

/// Ends this process with the command's own output and exit code.
fn last(what: &str, command: &mut Command) -> anyhow::Result<()> {
    say(what);
    become_program(command)
}

fn cargo(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    // Cargo sets it for this program. A build script that looks at it would run again, and what depends on it be
    // compiled again, each time that Cargo is called directly.
    command.current_dir(root).args(arguments).env_remove("CARGO_MANIFEST_DIR");
    command
}

/// The `taipan` of the profile and target folder that this program is from.
fn taipan() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("cannot find the target folder")?;
    Ok(own.with_file_name("taipan"))
}
