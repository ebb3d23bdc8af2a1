//! `taipan tied`: becomes another program, which ends with the process that has asked for it. See `lifetime.rs`.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::process::ExitCode;

use clap::Args;
use taipan_lock::NOT_THERE;

use crate::console;
use crate::failure::Failure;
use crate::lifetime::become_tied;

/// Become another program, which ends when the process PID ends
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The process that has started this one
    #[arg(long, value_name = "PID")]
    parent: i32,

    /// The program, and its arguments
    #[arg(
        value_name = "WORD",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    words: Vec<OsString>,
}

/// Comes back only with what keeps the program from being run.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let Arguments { parent, words } = arguments;
    let (program, words) =
        words.split_first().ok_or_else(|| Failure::Usage { reason: "no program".to_owned() })?;
    let error = become_tied(*parent, program, words);
    if error.kind() != ErrorKind::NotFound {
        return Err(Failure::System { what: "start a program", source: error });
    }
    console::warn(format_args!("{}: {error}", program.display()));
    Ok(u8::try_from(NOT_THERE).map_or(ExitCode::FAILURE, ExitCode::from))
}
