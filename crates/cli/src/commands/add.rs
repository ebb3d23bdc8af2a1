//! `taipan add` and `taipan remove`: edit `pyproject.toml`, and lock.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueHint};
use taipan_lock::Upgrade;

use crate::failure::Failure;
use crate::locking::{Choices, Edit, edit};
use crate::options::Options;

/// Add packages to pyproject.toml, and lock
///
/// When no versions fit, pyproject.toml stays as it was.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Requirements: names, with versions, extras and markers as pip takes them; or directories and wheels
    #[arg(value_name = "NAME", required = true)]
    requirements: Vec<String>,

    /// Let a package stay behind by a major version, as there is nothing newer for the release
    #[arg(long, value_name = "NAME")]
    allow_downgrade: Vec<String>,

    #[command(flatten)]
    place: Place,
}

/// Remove packages from pyproject.toml, and lock
#[derive(Args, Debug)]
pub(crate) struct RemoveArguments {
    /// The packages
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,

    #[command(flatten)]
    place: Place,
}

/// Where the requirements stand.
#[derive(Args, Debug)]
struct Place {
    /// The dependency group, in place of the project's own dependencies
    #[arg(long, value_name = "NAME")]
    group: Option<String>,

    /// The worker's directory
    #[arg(long, value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    directory: PathBuf,

    /// The configuration file, relative to DIR
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  taipan add fastapi
  taipan add 'httpx>=0.28' 'jinja2[i18n]'
  taipan add --group dev pytest";

/// Adds, and locks.
pub(crate) fn run(arguments: &Arguments, options: &Options) -> Result<ExitCode, Failure> {
    let Arguments { requirements, allow_downgrade, place } = arguments;
    change("add", requirements, place, allow_downgrade.clone(), options)
}

/// Removes, and locks.
pub(crate) fn remove(arguments: &RemoveArguments, options: &Options) -> Result<ExitCode, Failure> {
    change("remove", &arguments.names, &arguments.place, Vec::new(), options)
}

fn change(
    verb: &'static str,
    words: &[String],
    place: &Place,
    allow_downgrade: Vec<String>,
    options: &Options,
) -> Result<ExitCode, Failure> {
    let Place { group, directory, config } = place;
    let change = Edit { verb, words, group: group.as_deref() };
    let choices = Choices { upgrade: Upgrade::Nothing, allow_downgrade };
    edit(options, directory, config.as_deref(), &change, &choices)?;
    Ok(ExitCode::SUCCESS)
}
