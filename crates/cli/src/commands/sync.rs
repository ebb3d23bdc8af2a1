//! `taipan sync`: installs the packages of a worker.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueHint};
use taipan_packages::{Listed, list};

use crate::console;
use crate::failure::Failure;
use crate::locking::{Groups, Locking};
use crate::options::Options;
use crate::prepare;
use crate::size::size;

/// Install the packages of a worker into the cache, as its lock says
///
/// They become one image: checked, compiled to bytecode, and shared by all workers with the same packages. `dev`, `serve`
/// and other commands do so by themselves; this does it before, as for a cache that is only read later.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The worker's directory: with pylock.toml, or with packages in python_modules
    #[arg(value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    directory: PathBuf,

    /// The configuration file, relative to DIR
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  taipan sync               the packages of the worker in this directory
  taipan sync my-worker";

/// Installs the packages, and says what is there then.
pub(crate) fn run(arguments: &Arguments, options: &Options) -> Result<ExitCode, Failure> {
    let Arguments { directory, config } = arguments;
    let settings = prepare::settings(options, directory, config.as_deref())?;
    let text = match &settings.packages {
        None => {
            let groups = Groups::default();
            Locking::open(options, directory, config.as_deref(), groups)?.check_is_there()?;
            "the worker has no packages\n".to_owned()
        }
        Some(packages) => {
            let listed = list(&packages.layer);
            let bytes = listed.iter().map(|Listed { bytes, .. }| bytes).sum();
            let count = listed.iter().filter(|package| !package.name.is_empty()).count();
            let ending = if count == 1 { "" } else { "s" };
            format!("{count} package{ending} ({}), image {}\n", size(bytes), packages.digest)
        }
    };
    console::write(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
