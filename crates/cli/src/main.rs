//! The taipan command: parse, call, report.

mod arguments;
mod commands;
mod console;
mod entries;
mod environment;
mod exports;
mod failure;
mod interpreter;
mod lacking;
mod lifetime;
mod locking;
mod means;
mod options;
mod packages;
mod prepare;
mod progress;
mod project;
mod report;
mod runtime;
mod script;
mod selection;
mod serving;
mod signals;
mod size;
mod snapshots;
mod sources;
mod suggested;
mod terminal;
mod unvendored;
mod watching;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::arguments::Arguments;
use crate::environment::Environment;
use crate::failure::Failure;
use crate::options::Options;
use crate::report::report;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return report::refused(&error),
    };
    arguments.options.color.apply();
    let code = run(arguments).unwrap_or_else(|failure| report(&failure));
    console::finish();
    code
}

fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let options = Options::new(arguments.options, &Environment::read())?;
    failure::end_on_lost_pages()?;
    arguments.command.run(&options, Arguments::command)
}
