//! Reports a failure. Nothing else prints an error that ends a command.

use std::process::ExitCode;

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
