//! `taipan add` and `taipan remove`: edit `pyproject.toml`, and lock.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueHint};

use crate::failure::Failure;
use crate::interpreter::quoted;
use crate::locking::{Choices, Edit, edit, package_name};
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
    #[arg(long, value_name = "NAME", value_parser = package_name)]
    allow_downgrade: Vec<String>,

    /// Let a package be built from its source distribution, in the sandbox; pyproject.toml remembers it
    #[arg(long, value_name = "NAME", value_parser = package_name)]
    allow_build: Vec<String>,

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
  taipan add jinja2 --allow-build markupsafe
  taipan add --group dev pytest";

/// Adds, and locks.
pub(crate) fn run(arguments: &Arguments, options: &Options) -> Result<ExitCode, Failure> {
    let Arguments { requirements, allow_downgrade, allow_build, place } = arguments;
    let choices = Choices {
        allow_downgrade: allow_downgrade.clone(),
        allow_build: allow_build.clone(),
        ..Choices::default()
    };
    change("add", requirements, place, choices, options)
}

/// Removes, and locks.
pub(crate) fn remove(arguments: &RemoveArguments, options: &Options) -> Result<ExitCode, Failure> {
    change("remove", &arguments.names, &arguments.place, Choices::default(), options)
}

fn change(
    verb: &'static str,
    words: &[String],
    place: &Place,
    choices: Choices,
    options: &Options,
) -> Result<ExitCode, Failure> {
    let Place { group, directory, config } = place;
    let change = Edit { verb, words, group: group.as_deref() };
    let typed: String = words.iter().map(|word| format!(" {}", quoted(word))).collect();
    let choices = Choices { command: format!("taipan {verb}{typed}"), edited: true, ..choices };
    edit(options, directory, config.as_deref(), &change, &choices)?;
    Ok(ExitCode::SUCCESS)
}
