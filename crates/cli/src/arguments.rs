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
    after_help = "Start with: taipan dev DIR, where DIR/entry.py has `async def on_fetch(request)`\nMore about a command: taipan dev --help"
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

    const PAGES: [&str; 2] = [
        include_str!("../../../docs/reference/cli.md"),
        include_str!("../../../docs/guide/packages.md"),
    ];

    /// The commands below `command` and their own options that no page names.
    fn undocumented(command: &clap::Command, path: &str) -> Vec<String> {
        let is_named = |text: &String| PAGES.iter().any(|page| page.contains(text));
        let mut found = Vec::new();
        for below in command.get_subcommands().filter(|it| !it.is_hide_set()) {
            let path = format!("{path} {}", below.get_name());
            let options =
                below.get_arguments().filter(|it| !it.is_hide_set() && !it.is_global_set());
            let options = options.filter_map(|it| Some(format!("--{}", it.get_long()?)));
            let words = [format!("`{path}")].into_iter().filter(|_| !below.has_subcommands());
            found.extend(words.chain(options).filter(|text| !is_named(text)));
            found.extend(undocumented(below, &path));
        }
        found
    }

    #[test]
    fn every_command_is_documented() {
        assert_eq!(undocumented(&Arguments::command(), "taipan"), Vec::<String>::new());
    }

    #[test]
    fn every_option_is_sound() {
        Arguments::command().debug_assert();
    }
}
