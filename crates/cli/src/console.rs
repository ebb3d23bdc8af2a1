//! Prints. Standard output has what the user asked for, and what the user's program writes; standard error has all
//! that Taipan says by itself.
//!
//! What Taipan says shows no password of an address, whoever has said it first.
//!
//! A server prints in the background ([`start_log`]), because its reader may be slow, or stop.

mod escape;
mod printer;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::{Display, Write as _};
use std::io::{IsTerminal, Write};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use anstream::ColorChoice;
use anstyle::{AnsiColor, Style};
use http::StatusCode;
use taipan_lock::without_passwords;
use taipan_server::{Event, Fault, Outcome, Summary};

use crate::failure::Failure;
use escape::{Colors, from_line, labelled, own_lines, within_line, worker_lines};
use printer::Printer;
pub(crate) use printer::Stream;

/// How long the end of the program waits for readers of what was not written yet.
const FLUSH_TIME_MAX: Duration = Duration::from_secs(1);

/// The log of a server. It is the process's, as the standard streams are.
static LOG: OnceLock<Log> = OnceLock::new();

#[derive(Debug)]
struct Log {
    printer: Printer,
    /// What becomes of a worker's colours, by stream.
    colors: [Colors; 2],
    /// Whether Taipan's own lines have colours, by stream.
    colored: [bool; 2],
    /// How many workers it is of.
    workers: usize,
}

/// From here on all is printed in the background. In `development` a worker's colours are shown at a terminal. With
/// several `workers` each line of one begins with its name.
pub(crate) fn start_log(development: bool, workers: usize) -> Result<(), Failure> {
    let start = |source| Failure::System { what: "start a thread", source };
    let printer = Printer::start().map_err(start)?;
    let colored = [Stream::Output, Stream::Errors].map(is_colored);
    let terminal = [std::io::stdout().is_terminal(), std::io::stderr().is_terminal()];
    let colors = [0, 1].map(|stream| match development && terminal[stream] && colored[stream] {
        true => Colors::Kept,
        false => Colors::Escaped,
    });
    // A second log would be the same.
    LOG.set(Log { printer, colors, colored, workers }).ok();
    std::panic::set_hook(Box::new(|panic| {
        let name = thread::current().name().unwrap_or("unnamed").to_owned();
        let mut text = format!("thread '{name}' {panic}");
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            // Writing to a string does not fail.
            write!(text, "\n{backtrace}").ok();
        }
        say_styled(from_line(&text));
    }));
    Ok(())
}

/// Waits a while until all is written.
pub(crate) fn finish() {
    if let Some(log) = LOG.get() {
        log.printer.flush(FLUSH_TIME_MAX);
    }
}

/// Prints what the worker of a name wrote: whole lines, without control characters. No line reads like one of Taipan's.
pub(crate) fn worker(name: Option<&str>, stream: Stream, text: &[u8]) {
    let colors = LOG.get().map_or(Colors::Escaped, |log| log.colors[stream as usize]);
    print(stream, named(name, worker_lines(text, colors)).into_bytes());
}

/// Prints bytes as they are.
pub(crate) fn print(stream: Stream, bytes: Vec<u8>) {
    if let Some(log) = LOG.get() {
        return log.printer.print(stream, bytes);
    }
    // An error of printing cannot be printed either.
    match stream {
        Stream::Output => {
            let mut output = std::io::stdout().lock();
            output.write_all(&bytes).and_then(|()| output.flush()).ok();
        }
        Stream::Errors => {
            std::io::stderr().lock().write_all(&bytes).ok();
        }
    }
}

/// Lines that are of a worker, if they are of one, as the log has them.
fn named(worker: Option<&str>, lines: String) -> String {
    named_among(LOG.get().map_or(1, |log| log.workers), worker, lines)
}

/// Lines of one of so many workers: with several, its name stands before each.
fn named_among(workers: usize, worker: Option<&str>, lines: String) -> String {
    match worker {
        Some(name) if workers > 1 => labelled(name, &lines),
        Some(_) | None => lines,
    }
}

fn is_colored(stream: Stream) -> bool {
    let choice = match (LOG.get(), stream) {
        (Some(log), _) => return log.colored[stream as usize],
        (None, Stream::Output) => anstream::AutoStream::choice(&std::io::stdout()),
        (None, Stream::Errors) => anstream::AutoStream::choice(&std::io::stderr()),
    };
    choice != ColorChoice::Never
}

/// Writes text that was asked for, for people: names in it may be anybody's, and no control character is.
pub(crate) fn write_text(text: &str) -> Result<(), Failure> {
    write(own_lines(text).as_bytes())
}

/// Writes what was asked for.
pub(crate) fn write(bytes: &[u8]) -> Result<(), Failure> {
    // A name of a file need not be text, and what is no text has no address.
    let text = std::str::from_utf8(bytes).map(without_passwords);
    let bytes = text.as_ref().map_or(bytes, |text| text.as_bytes());
    let mut output = anstream::stdout().lock();
    match output.write_all(bytes).and_then(|()| output.flush()) {
        // The reader has enough, as `| head` has.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => {
            written.map_err(|source| Failure::System { what: "write to standard output", source })
        }
    }
}

/// Says something by the way. Names in it may be anybody's.
pub(crate) fn say(text: impl Display) {
    say_styled(own_lines(&text.to_string()));
}

/// Says what may have our colours: what is others' in it is escaped before.
fn say_styled(text: impl Display) {
    let text = text.to_string();
    let line = format!("{}\n", without_passwords(&text));
    let line = match is_colored(Stream::Errors) {
        true => line,
        false => anstream::adapter::strip_str(&line).to_string(),
    };
    print(Stream::Errors, line.into_bytes());
}

/// Says what the user may want to mend.
pub(crate) fn warn(text: impl Display) {
    warn_of(None, text);
}

/// Says the same of the worker of a name.
pub(crate) fn warn_of(worker: Option<&str>, text: impl Display) {
    let style = color(AnsiColor::Yellow).bold();
    let text = format!("{style}warning{style:#}: {}", from_line(&text.to_string()));
    say_styled(named(worker, text));
}

/// Says what went wrong, in the first line of a report.
pub(crate) fn error(text: impl Display) {
    error_of(None, text);
}

fn error_of(worker: Option<&str>, text: impl Display) {
    let style = color(AnsiColor::Red).bold();
    let text = format!("{style}error{style:#}: {}", from_line(&text.to_string()));
    say_styled(named(worker, text));
}

/// Says why, below an error.
pub(crate) fn cause(text: impl Display) {
    say_styled(format_args!("  caused by: {}", from_line(&text.to_string())));
}

/// Says what to do, at the end of a report.
pub(crate) fn hint(text: impl Display) {
    let style = color(AnsiColor::Cyan).bold();
    say_styled(format_args!("\n{style}hint{style:#}: {}", own_lines(&text.to_string())));
}

/// Tells what happened in the server; with `quiet` only what is wrong.
pub(crate) fn tell(event: &Event<'_>, quiet: bool) {
    match event {
        Event::Done(summary) if !quiet => {
            say_styled(named(summary.backend.as_deref(), request_line(summary)));
        }
        Event::Faulted { backend, fault, .. } if is_ours(fault) => {
            let detail = fault.detail.as_deref().unwrap_or_default();
            self::fault(*backend, &fault.message, detail);
        }
        Event::NotAccepted { error } => warn(format_args!("a connection was not taken: {error}")),
        Event::Draining { connections: 1.. } if !quiet => {
            say("finishing requests in flight; press Ctrl+C again to stop at once");
        }
        // The rest is caused by clients, or another event reports it.
        _ => (),
    }
}

/// Whether the fault is Taipan's own; a worker logs its faults itself.
fn is_ours(fault: &Fault) -> bool {
    fault.status == StatusCode::INTERNAL_SERVER_ERROR && fault.message == "internal error"
}

/// Prints what went wrong in a request to the worker of a name: the traceback, which ends with the message.
pub(crate) fn fault(name: Option<&str>, message: &str, traceback: &str) {
    error_of(name, message);
    if !traceback.is_empty() && traceback != message {
        worker(name, Stream::Errors, traceback.trim_end().as_bytes());
    }
}

/// `GET /path 200 OK (12ms)`, the status in its colour.
fn request_line(summary: &Summary) -> String {
    let style = match (&summary.outcome, summary.status) {
        (Outcome::Broken(_), _) => color(AnsiColor::Red),
        (Outcome::Gone, _) | (_, None) => color(AnsiColor::Yellow),
        (Outcome::Complete, Some(status)) => status_style(status),
    };
    format!("{style}{}{style:#}", within_line(&summary.to_string()))
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

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    #[test]
    fn names_of_workers() {
        let summary = Summary {
            backend: Some("shop".into()),
            method: Method::GET,
            path: "/".to_owned(),
            status: Some(StatusCode::OK),
            duration: Duration::ZERO,
            body_bytes: 0,
            outcome: Outcome::Complete,
        };
        let line = |workers, worker| named_among(workers, worker, request_line(&summary));
        let name = summary.backend.as_deref();
        assert_eq!(line(1, name), "\u{1b}[32mGET / 200 OK (0ms)\u{1b}[0m");
        assert_eq!(line(2, name), "[shop] \u{1b}[32mGET / 200 OK (0ms)\u{1b}[0m");
        assert_eq!(line(2, None), line(1, None));
        assert_eq!(named_among(2, name, "one\ntwo\n".to_owned()), "[shop] one\n[shop] two\n");
    }
}
