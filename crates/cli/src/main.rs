//! The taipan command: parse, call, report.

mod arguments;
mod bench;
mod bundles;
mod command;
mod console;
mod doctor;
mod environment;
mod exports;
mod failure;
mod flags;
mod garbage;
mod prepare;
mod progress;
mod project;
mod scripts;
mod selection;
mod serving;
mod signals;
mod size;
mod snapshots;
mod terminal;
mod watching;
mod workers;

use std::process::ExitCode;

use clap::Parser;

use crate::{
    arguments::{Arguments, BundleAction},
    command::{Action, Command},
    environment::Environment,
    failure::Failure,
};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    arguments.color.apply();
    let outcome = Command::new(arguments, &Environment::read()).and_then(|command| run(&command));
    let code = outcome.unwrap_or_else(|failure| failure.report());
    console::finish();
    code
}

fn run(command: &Command) -> Result<ExitCode, Failure> {
    failure::end_on_lost_pages()?;
    match &command.action {
        Action::Serve(request) => serving::serve(command, request),
        Action::Dev(request) => serving::dev(command, request),
        Action::Run(script) => scripts::run(command, script),
        Action::Bundle(BundleAction::List { json }) => bundles::list(command, *json),
        Action::Bundle(BundleAction::Build(which)) => bundles::build(command, which),
        Action::Bundle(BundleAction::Fetch(which)) => bundles::get(command, which),
        Action::Bundle(BundleAction::Export { release, output }) => {
            exports::export(command, command.choice.version(release.as_deref()), output)
        }
        Action::Bundle(BundleAction::Import { file }) => exports::import(command, file),
        Action::Bundle(BundleAction::Inspect { release }) => {
            bundles::inspect(command, command.choice.version(release.as_deref()))
        }
        Action::Bundle(BundleAction::Verify) => bundles::verify(command),
        Action::Bundle(BundleAction::Gc(arguments)) | Action::Gc(arguments) => {
            garbage::collect(command, arguments)
        }
        Action::Bench(action) => bench::run(command, action),
        Action::Doctor(arguments) => doctor::run(command, arguments),
        Action::Snapshot(action) => snapshots::run(command, action),
        Action::Flags { json } => flags::list(*json, command.choice.experimental),
        Action::Completions(shell) => arguments::completions(*shell),
    }
}
