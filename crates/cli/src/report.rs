//! Reports a failure. Nothing else prints an error that ends a command.

use std::process::ExitCode;

use taipan_lock::without_passwords;
use taipan_webapi::causes;

use crate::console::{self, Stream};
use crate::failure::Failure;

/// Prints what went wrong, why, and what to do; gives the exit code.
pub(crate) fn report(failure: &Failure) -> ExitCode {
    console::error(failure);
    causes(failure).for_each(console::cause);
    if !failure.traceback().is_empty() {
        console::worker(None, Stream::Errors, failure.traceback().as_bytes());
    }
    if let Some(remedy) = failure.hint() {
        console::hint(remedy);
    }
    ExitCode::from(failure.code())
}

/// Prints what clap says of the words that were typed: that they are wrong, or the help that they ask for.
pub(crate) fn refused(error: &clap::Error) -> ExitCode {
    let text = error.to_string();
    match without_passwords(&text) == text {
        // With its colours. An error of printing cannot be printed either.
        true => error.print().unwrap_or_default(),
        false => console::say(text.trim_end()),
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or_default())
}
