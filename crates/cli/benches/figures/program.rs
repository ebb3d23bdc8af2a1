//! Python programs that print figures, and the commands that run them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{PROGRAMS, TAIPAN};

/// What a program printed: names and milliseconds.
pub(crate) type Times = Vec<(String, f64)>;

/// Where the program `name` is.
pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(PROGRAMS).join(name)
}

/// A command that runs the Python file `program` in Taipan.
pub(crate) fn taipan_run(program: &Path) -> Command {
    let mut command = Command::new(TAIPAN);
    command.args(["--quiet", "run"]).arg(program);
    command
}

/// Runs a program to its end; what it printed.
pub(crate) fn run(command: &mut Command) -> Result<Times> {
    let output = command.output().with_context(|| format!("starting {command:?}"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} ended with {}: {errors}", output.status);
    let times = serde_json::from_slice(&output.stdout);
    times
        .with_context(|| format!("{command:?} printed {}", String::from_utf8_lossy(&output.stdout)))
}
