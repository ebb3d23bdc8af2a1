//! The newest Node that npm offers, with the npm package `pyodide`: what CPU figures are compared with.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use taipan_release::NEWEST;

/// Kept between runs, beside what cargo builds.
const FOLDER: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/node");

/// An installed Node.
pub(crate) struct Node {
    folder: PathBuf,
    /// `v26.10.0`.
    pub(crate) version: String,
}

/// Installs Node and Pyodide with npm, unless they are there.
pub(crate) fn install() -> Result<Node> {
    let folder = PathBuf::from(FOLDER);
    if !executable(&folder).exists() {
        fs_err::create_dir_all(&folder)?;
        fs_err::write(folder.join("package.json"), "{\"private\": true}\n")?;
        let pyodide = format!("pyodide@{NEWEST}");
        let npm = Command::new("npm")
            .args(["install", "--no-fund", "--no-audit", "--loglevel=error", "node@latest", &pyodide])
            .current_dir(&folder)
            .status()
            .context("npm does not start: the comparison with Node needs it (Debian: apt-get install npm)")?;
        ensure!(npm.success(), "npm could not install node and {pyodide}: {npm}");
    }
    let version = Command::new(executable(&folder)).arg("--version").output()?;
    Ok(Node { version: String::from_utf8(version.stdout)?.trim().into(), folder })
}

impl Node {
    /// A command that runs the Python file `program`.
    pub(crate) fn run(&self, program: &Path) -> Command {
        let mut command = Command::new(executable(&self.folder));
        command.arg(format!("{}/node.mjs", crate::PROGRAMS)).arg(program).current_dir(&self.folder);
        command
    }
}

fn executable(folder: &Path) -> PathBuf {
    folder.join("node_modules/node/bin/node")
}
