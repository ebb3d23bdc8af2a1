//! `taipan export`: writes all that a worker starts from to one file.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueHint};

use crate::failure::Failure;
use crate::options::Options;
use crate::project::{Project, Variables};
use crate::runtime::guard;
use crate::snapshots::make;
use crate::{console, exports, prepare};

/// Write a worker to one file, for machines without a network: Pyodide, packages, compiled modules, snapshot
///
/// The snapshot holds what the worker's top level has read, secrets too. The worker's own files are not in it.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The worker's directory
    #[arg(value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    directory: PathBuf,

    /// The configuration file, relative to DIR
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,

    /// The file to write
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: PathBuf,
}

const EXAMPLES: &str = "\
Example: a machine without a network, of the same kind, with the same Taipan
  taipan export my-worker -o my-worker.taipan
  copy the file and the directory over, and there:
  taipan bundle import my-worker.taipan
  taipan serve --offline my-worker";

/// Makes what the cache does not have of a worker, and writes it.
pub(crate) fn run(arguments: &Arguments, options: &Options) -> Result<ExitCode, Failure> {
    let Arguments { directory, config, output } = arguments;
    let project = Project::read(directory, config.as_deref(), Variables::Configured)?;
    let prepared = prepare::prepare(options, &guard()?, project)?;
    let release = prepared.release;
    let made = make(options, prepared.settings)??;
    if !made.cached {
        return Err(Failure::NotKept { cache: options.cache()?.root().to_owned() });
    }
    exports::write(options, release, made.entries, output)?;
    if !options.quiet {
        console::say(format_args!(
            "what the worker starts from is in {file}: `taipan bundle import {file}` puts it into another cache; the \
             worker's own files are not in it",
            file = output.display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}
