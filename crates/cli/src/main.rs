//! The taipan command: parse, call, report.

mod arguments;
mod commands;
mod console;
mod environment;
mod failure;
mod options;
mod prepare;
mod progress;
mod project;
mod selection;
mod serving;
mod signals;
mod size;
mod terminal;
mod watching;
mod workers;

use std::process::ExitCode;

use clap::Parser;

use crate::{
    arguments::{Arguments, BundleAction},
    commands::{bench, bundle, doctor, flags, gc, run as script, snapshot},
    environment::Environment,
    failure::Failure,
    options::{Action, Command},
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
        Action::Run(request) => script::run(command, request),
        Action::Bundle(BundleAction::List { json }) => bundle::list(command, *json),
        Action::Bundle(BundleAction::Build(which)) => bundle::build(command, which),
        Action::Bundle(BundleAction::Fetch(which)) => bundle::get(command, which),
        Action::Bundle(BundleAction::Export { release, output }) => {
            bundle::exports::export(command, command.choice.version(release.as_deref()), output)
        }
        Action::Bundle(BundleAction::Import { file }) => bundle::exports::import(command, file),
        Action::Bundle(BundleAction::Inspect { release }) => {
            bundle::inspect(command, command.choice.version(release.as_deref()))
        }
        Action::Bundle(BundleAction::Verify) => bundle::verify(command),
        Action::Bundle(BundleAction::Gc(arguments)) | Action::Gc(arguments) => {
            gc::collect(command, arguments)
        }
        Action::Bench(action) => bench::run(command, action),
        Action::Doctor(arguments) => doctor::run(command, arguments),
        Action::Snapshot(action) => snapshot::run(command, action),
        Action::Flags { json } => flags::list(*json, command.choice.experimental),
        Action::Completions(shell) => arguments::completions(*shell),
    }
}
