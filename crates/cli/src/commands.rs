//! The commands: a file each, with a line in [`Command`] and an arm in [`Command::run`].
//!
//! A file has all about its command: its arguments and examples, as clap reads and prints them, what it does, and its
//! tests. It uses the modules beside this one, which know no command.

mod add;
mod bench;
mod bundle;
mod completions;
mod dev;
mod doctor;
mod export;
mod flags;
mod gc;
mod lock;
mod packages;
mod python;
mod run;
mod serve;
mod snapshot;
mod sync;
mod tied;

use std::process::ExitCode;

use clap::Subcommand;

use crate::failure::Failure;
use crate::options::Options;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Dev(dev::Arguments),
    Serve(serve::Arguments),
    Run(run::Arguments),
    Python(python::Arguments),
    #[command(subcommand)]
    Bundle(bundle::Action),
    #[command(subcommand)]
    Snapshot(snapshot::Action),
    Lock(lock::Arguments),
    Add(add::Arguments),
    Remove(add::RemoveArguments),
    Sync(sync::Arguments),
    Packages(packages::Arguments),
    Export(export::Arguments),
    Gc(gc::Arguments),
    Doctor(doctor::Arguments),
    #[command(subcommand)]
    Bench(bench::Action),
    Flags(flags::Arguments),
    Completions(completions::Arguments),
    #[command(hide = true)]
    Tied(tied::Arguments),
}

impl Command {
    /// Does it. `grammar` is all that can be typed, which completions are made of.
    pub(crate) fn run(
        &self,
        options: &Options,
        grammar: fn() -> clap::Command,
    ) -> Result<ExitCode, Failure> {
        match self {
            Self::Dev(arguments) => dev::run(arguments, options),
            Self::Serve(arguments) => serve::run(arguments, options),
            Self::Run(arguments) => run::run(arguments, options),
            Self::Python(arguments) => python::run(arguments, options, grammar()),
            Self::Bundle(action) => bundle::run(action, options),
            Self::Snapshot(action) => snapshot::run(action, options),
            Self::Lock(arguments) => lock::run(arguments, options),
            Self::Add(arguments) => add::run(arguments, options),
            Self::Remove(arguments) => add::remove(arguments, options),
            Self::Sync(arguments) => sync::run(arguments, options),
            Self::Packages(arguments) => packages::run(arguments, options),
            Self::Export(arguments) => export::run(arguments, options),
            Self::Gc(arguments) => gc::run(arguments, options),
            Self::Doctor(arguments) => doctor::run(arguments, options),
            Self::Bench(action) => bench::run(action, options),
            Self::Flags(arguments) => flags::run(arguments, options),
            Self::Completions(arguments) => completions::run(arguments, grammar()),
            Self::Tied(arguments) => tied::run(arguments),
        }
    }
}
