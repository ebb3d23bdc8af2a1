//! What is printed when all is well. Standard output is for what was asked for
//! and for what the user's program writes; all that Taipan says by itself goes
//! to standard error.

use std::{fmt::Display, io::Write};

use anstyle::{AnsiColor, Style};
use http::StatusCode;
use taipan_server::{Event, Fault, Outcome, Summary};

use crate::failure::Failure;

/// Writes what was asked for.
pub(crate) fn write(bytes: &[u8]) -> Result<(), Failure> {
    let mut output = anstream::stdout().lock();
    match output.write_all(bytes).and_then(|()| output.flush()) {
        // Whoever reads has enough, as `| head` has.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => {
            written.map_err(|source| Failure::System { what: "write to standard output", source })
        }
    }
}

/// Says something in passing.
pub(crate) fn say(text: impl Display) {
    anstream::eprintln!("{text}");
}

/// Says what the user may want to mend.
pub(crate) fn warn(text: impl Display) {
    let style = color(AnsiColor::Yellow).bold();
    anstream::eprintln!("{style}warning{style:#}: {text}");
}

/// Tells what happened in the server; with `quiet` only what is wrong.
pub(crate) fn tell(event: &Event<'_>, quiet: bool) {
    match event {
        Event::Done(summary) if !quiet => say(request_line(summary)),
        Event::Faulted { fault, .. } if is_ours(fault) => fault_lines(fault),
        Event::NotAccepted { error } => warn(format_args!("a connection was not taken: {error}")),
        Event::Draining { connections: 1.. } if !quiet => {
            say("finishing requests in flight; press Ctrl+C again to stop at once");
        }
        // What is left is the clients' doing, or is told by another event.
        _ => (),
    }
}

/// Whether nobody else tells of the fault: a worker logs its own.
fn is_ours(fault: &Fault) -> bool {
    fault.status == StatusCode::INTERNAL_SERVER_ERROR && fault.message == "internal error"
}

fn fault_lines(fault: &Fault) {
    let detail = fault.detail.as_deref().unwrap_or_default();
    self::fault(&fault.message, detail);
}

/// Tells what went wrong in a request: the traceback, whose last line is the message.
pub(crate) fn fault(message: &str, traceback: &str) {
    let style = color(AnsiColor::Red).bold();
    anstream::eprintln!("{style}error{style:#}: {message}");
    if !traceback.is_empty() && traceback != message {
        anstream::eprintln!("{}", traceback.trim_end());
    }
}

/// `GET /path 200 OK (12ms)`, the status in its colour.
fn request_line(summary: &Summary) -> String {
    let style = match (&summary.outcome, summary.status) {
        (Outcome::Broken(_), _) => color(AnsiColor::Red),
        (Outcome::Gone, _) | (_, None) => color(AnsiColor::Yellow),
        (Outcome::Complete, Some(status)) => status_style(status),
    };
    format!("{style}{summary}{style:#}")
}

fn status_style(status: StatusCode) -> Style {
    match status.as_u16() {
        500.. => color(AnsiColor::Red),
        400.. => color(AnsiColor::Yellow),
        300.. => color(AnsiColor::Cyan),
        _ => color(AnsiColor::Green),
    }
}

fn color(color: AnsiColor) -> Style {
    Style::new().fg_color(Some(color.into()))
}
