//! Everything that set-up and CI do.
//!
//! `cargo xtask NAME`; run it without a name to see them. What happens in CI
//! happens here too, so that it can be repeated on any machine.

#![expect(clippy::print_stderr, reason = "xtask talks to people; standard output is its programs'")]

mod checks;
mod fuzz;
mod program;
mod requirements;
mod setup;
mod soak;
mod uv;

use std::process::ExitCode;

use anyhow::{Context, bail};

const USAGE: &str = "\
usage: cargo xtask COMMAND

  setup [--test]    install what is missing to build Taipan (and to test it)
  dev DIR [ARGS]    setup, build, and `taipan dev DIR ARGS`
  test              setup, format, lints, build, every test
  ci                test, and the documentation builds without a warning
  soak [--minutes N]
                    servers under hostile traffic, with what they hold watched
  fuzz [--runs N] [TARGET …]
                    each fuzz target, or those named, with 1,000,000 inputs
  fuzz --keep [TARGET …]
                    chooses the inputs of fuzz/corpus again
  deny              licences, advisories and duplicates of what we depend on";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            error.chain().skip(1).for_each(|cause| eprintln!("  caused by: {cause}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> anyhow::Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("xtask lies in the workspace's folder")?;
    match words.as_slice() {
        ["setup"] => setup::build(),
        ["setup", "--test"] => setup::test(),
        ["dev", arguments @ ..] if !arguments.is_empty() => checks::dev(root, arguments),
        ["test"] => checks::test(root),
        ["ci"] => checks::ci(root),
        ["soak", arguments @ ..] => checks::soak(root, arguments),
        ["fuzz", arguments @ ..] => fuzz::fuzz(root, arguments),
        ["deny"] => checks::deny(root),
        [] | ["help" | "--help" | "-h"] => {
            eprintln!("{USAGE}");
            Ok(())
        }
        _ => bail!("`{}` is not a command\n\n{USAGE}", words.join(" ")),
    }
}
