//! A worker's project with packages: copied, locked, and set up in a cache of its own.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use taipan_release::NEWEST;
use tempfile::TempDir;

use crate::{PROGRAMS, TAIPAN};

/// Names the directory with the files of Pyodide 0.27.7: numpy, pandas and scipy for it are on no index.
pub(crate) const DISTRIBUTION: &str = "TAIPAN_BENCH_DISTRIBUTION";

/// The release that has those files. The bundle itself is made of what npm has.
const DISTRIBUTED: &str = "0.27.8";

/// A copy of a worker, since its lock is made beside its files.
pub(crate) struct Project {
    place: TempDir,
    /// Where Pyodide's packages are, if it needs them.
    source: Option<OsString>,
    /// Whether it has a cache of its own.
    has_cache: bool,
}

impl Project {
    /// One of the workers of this benchmark; `apart`, if it needs the distribution.
    pub(crate) fn called(name: &str, apart: bool) -> Result<Self> {
        let mut project = Self::of(&Path::new(PROGRAMS).join("workers").join(name))?;
        if apart {
            project.run(&["--pyodide", DISTRIBUTED, "bundle", "build"])?;
            project.source = std::env::var_os(DISTRIBUTION);
        }
        Ok(project)
    }

    /// A worker whose directory is `files`.
    pub(crate) fn of(files: &Path) -> Result<Self> {
        let place = tempfile::tempdir()?;
        let project = Self { place, source: None, has_cache: false };
        fs_err::create_dir(project.worker())?;
        copy(files, &project.worker())?;
        Ok(project)
    }

    /// With caches in which only bundles are, and the snapshot of `taipan python`.
    pub(crate) fn with_cache(mut self) -> Result<Self> {
        self.has_cache = true;
        let source = self.source.take();
        let release = if source.is_some() { DISTRIBUTED } else { NEWEST };
        self.run(&["--pyodide", release, "python", "-c", "pass"])?;
        self.source = source;
        Ok(self)
    }

    /// The worker's directory.
    pub(crate) fn worker(&self) -> PathBuf {
        self.place.path().join("worker")
    }

    /// Where its cache keeps one kind of entries.
    pub(crate) fn entries(&self, kind: &str) -> PathBuf {
        self.place.path().join("cache/entries").join(kind)
    }

    /// Runs `taipan` in the worker's directory; milliseconds.
    pub(crate) fn run(&self, words: &[&str]) -> Result<f64> {
        timed(self.taipan().args(words))
    }

    /// What `taipan bench cold` says of it.
    pub(crate) fn starts(&self, runs: &str) -> Result<Value> {
        let output = self.taipan().args(["bench", "cold", "--json", "--runs", runs]).output()?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "taipan bench failed:\n{errors}");
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// uv, in the worker's directory, without a Python that it would fetch.
    pub(crate) fn uv(&self) -> Command {
        let mut command = self.command("uv".as_ref());
        command.env("UV_PYTHON_DOWNLOADS", "never");
        command
    }

    fn taipan(&self) -> Command {
        let mut command = self.command(TAIPAN.as_ref());
        command.arg("--quiet");
        if let Some(source) = &self.source {
            command.arg("--source").arg(source);
        }
        command
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.worker());
        if self.has_cache {
            command.env("TAIPAN_CACHE", self.place.path().join("cache"));
            command.env("UV_CACHE_DIR", self.place.path().join("uv"));
        }
        command
    }
}

/// Runs a command to its end; milliseconds.
pub(crate) fn timed(command: &mut Command) -> Result<f64> {
    let begin = Instant::now();
    let output = command.output().with_context(|| format!("starting {command:?}"))?;
    let took = begin.elapsed();
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} ended with {}:\n{errors}", output.status);
    Ok(took.as_secs_f64() * 1000.0)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    for item in fs_err::read_dir(from)? {
        let item = item?;
        let target = to.join(item.file_name());
        if item.file_type()?.is_dir() {
            fs_err::create_dir(&target)?;
            copy(&item.path(), &target)?;
        } else {
            fs_err::copy(item.path(), target)?;
        }
    }
    Ok(())
}
