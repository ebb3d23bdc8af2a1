//! uv for the tests: the version that Taipan pins, got by pip.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use anyhow::Context;

use crate::program::run;

/// Where the version is pinned, and how pip is run is said.
const OWNER: &str = include_str!("../../crates/lock/src/uv.rs");

/// A `PATH` with uv, which pip puts into `folder` when it is not there. Tests that want none have a `PATH` of their own.
pub(crate) fn path_with_uv(folder: &Path) -> anyhow::Result<OsString> {
    let version = constant("PINNED")?;
    let folder = folder.join(format!("uv-{version}"));
    if !folder.join("bin/uv").exists() {
        let mut pip = Command::new("python3");
        pip.args(["-c", constant("RUN_PIP")?, "install", "--quiet", "--no-deps", "--target"]);
        run("fetching uv with pip", pip.arg(&folder).arg(format!("uv=={version}")))?;
    }
    let path = crate::program::variable("PATH").unwrap_or_default();
    let folders = [folder.join("bin")].into_iter().chain(std::env::split_paths(&path));
    Ok(std::env::join_paths(folders)?)
}

/// The text of the constant `name`.
fn constant(name: &str) -> anyhow::Result<&'static str> {
    let (_, rest) = OWNER
        .split_once(&format!("{name}: &str = \""))
        .with_context(|| format!("crates/lock/src/uv.rs has no text `{name}`"))?;
    Ok(rest.split('"').next().unwrap_or_default())
}
