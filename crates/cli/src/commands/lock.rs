//! `taipan lock`: chooses the versions of a worker's packages, and writes them down.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueHint};
use taipan_lock::Upgrade;

use crate::failure::Failure;
use crate::locking::{Choices, Groups, Locking, lock, package_name};
use crate::options::Options;

/// Choose the versions of the worker's packages, and write them to pylock.toml
///
/// What pyproject.toml asks for is resolved by uv, for the release that the
/// worker runs on. The versions of an existing lock are kept where they fit.
/// What is held back, because there is no wheel for the release, is told.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The worker's directory
    #[arg(value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    directory: PathBuf,

    /// The configuration file, relative to DIR
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,

    /// Take the newest versions that fit: of a package, or of all without a name
    ///
    /// A directory goes before it.
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = ALL, value_parser = upgraded)]
    upgrade: Vec<String>,

    /// A dependency group of pyproject.toml to lock as well; without it those of the existing lock
    #[arg(long, value_name = "NAME")]
    group: Vec<String>,

    /// A dependency group of the existing lock that is locked no more
    #[arg(long, value_name = "NAME", conflicts_with = "group")]
    no_group: Vec<String>,

    /// Let a package stay behind by a major version, as there is nothing newer for the release
    #[arg(long, value_name = "NAME", value_parser = package_name)]
    allow_downgrade: Vec<String>,

    /// Let a package be built from its source distribution, in the sandbox; pyproject.toml remembers it
    #[arg(long, value_name = "NAME", value_parser = package_name)]
    allow_build: Vec<String>,

    /// Write nothing; fail when the lock does not have what pyproject.toml asks for
    #[arg(long, conflicts_with_all = ["upgrade", "allow_downgrade", "allow_build"])]
    check: bool,
}

/// What `--upgrade` means without a name; no package is called so.
const ALL: &str = "*";

/// Reads what is to be upgraded. An empty text is most likely a variable that is not set, and not all packages.
fn upgraded(text: &str) -> Result<String, &'static str> {
    let is_all = text == ALL;
    let name = if is_all { Ok(ALL.to_owned()) } else { package_name(text) };
    name.map_err(|_| {
        "it is a package's name, of letters, digits, `-`, `_` and `.`, without a version; `--upgrade` alone is for all \
         packages"
    })
}

const EXAMPLES: &str = "\
Examples:
  taipan lock
  taipan lock --upgrade
  taipan lock --upgrade httpx --group dev
  taipan lock --allow-build markupsafe
  taipan lock --check";

/// Locks, or checks the lock.
pub(crate) fn run(arguments: &Arguments, options: &Options) -> Result<ExitCode, Failure> {
    let Arguments {
        directory,
        config,
        upgrade,
        group,
        no_group,
        allow_downgrade,
        allow_build,
        check,
    } = arguments;
    let (config, groups) = (config.as_deref(), Groups { named: group, without: no_group });
    if *check {
        Locking::open(options, directory, config, groups)?.check()?;
        return Ok(ExitCode::SUCCESS);
    }
    let upgrade = match upgrade.as_slice() {
        [] => Upgrade::Nothing,
        names if names.iter().any(|name| name == ALL) => Upgrade::Everything,
        names => Upgrade::Packages(names.to_vec()),
    };
    let (allow_downgrade, allow_build) = (allow_downgrade.clone(), allow_build.clone());
    let choices = Choices { upgrade, allow_downgrade, allow_build, ..Choices::default() };
    lock(options, directory, config, groups, &choices)?;
    Ok(ExitCode::SUCCESS)
}
