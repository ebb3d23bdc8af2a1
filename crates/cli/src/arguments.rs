//! What is typed, as clap reads it: a command, and the options that every command has.

use clap::Parser;

use crate::commands::Command;
use crate::options::OptionArguments;

/// Run Python Workers: small Python programs that answer HTTP requests.
///
/// Taipan runs them on Pyodide, which is Python compiled to WebAssembly, in a
/// sandbox: a worker sees nothing of this machine but what it is given.
#[derive(Debug, Parser)]
#[command(
    name = "taipan",
    version,
    propagate_version = true,
    after_help = "Start with: taipan dev samples/hello\nMore about a command: taipan dev --help"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) options: OptionArguments,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_option_is_sound() {
        Arguments::command().debug_assert();
    }
}
