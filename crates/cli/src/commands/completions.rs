//! `taipan completions`: prints the script with which a shell completes what is typed.

use std::process::ExitCode;

use clap::Args;
use clap_complete::{Shell, generate};

use crate::console;
use crate::failure::Failure;

/// Print the completion script for a shell
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The shell
    shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  taipan completions bash > ~/.local/share/bash-completion/completions/taipan
  taipan completions zsh > ~/.zfunc/_taipan
  taipan completions fish > ~/.config/fish/completions/taipan.fish";

/// Prints the script for what `grammar` takes.
pub(crate) fn run(arguments: &Arguments, mut grammar: clap::Command) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    generate(arguments.shell, &mut grammar, "taipan", &mut script);
    console::write(&script)?;
    Ok(ExitCode::SUCCESS)
}
