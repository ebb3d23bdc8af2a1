//! What a worker says, on the terminal: whole lines, as it wrote them.

use std::{
    io::Write,
    sync::{Mutex, PoisonError},
};

use taipan_worker::{Log, Record};

use crate::console;

/// The longest line that is waited for; more is printed without its end.
const LINE_BYTES_MAX: usize = 64 << 10;

/// Where a line goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Output,
    Errors,
}

/// The beginnings of lines whose ends have not come.
#[derive(Debug, Default)]
struct Begun {
    output: Vec<u8>,
    errors: Vec<u8>,
}

/// Prints what a worker says.
pub(crate) fn log() -> Log {
    let begun = Mutex::new(Begun::default());
    Log::new(move |record| {
        // What a panic left behind is at worst the half of a line.
        let mut begun = begun.lock().unwrap_or_else(PoisonError::into_inner);
        for (target, bytes) in begun.take(&record) {
            print(target, &bytes);
        }
        match record {
            Record::Fault { message, traceback } => console::fault(&message, &traceback),
            Record::Ended { reason } => {
                console::warn(format_args!(
                    "the isolate has ended, a new one takes its place: {reason}"
                ));
            }
            Record::Warning { text } => console::warn(text),
            Record::Console { .. }
            | Record::Stream { .. }
            | Record::Reached(_)
            | Record::Resumed(_) => (),
        }
    })
}

impl Begun {
    /// What of the streams is to be printed now that `record` has come.
    fn take(&mut self, record: &Record) -> Vec<(Target, Vec<u8>)> {
        match record {
            Record::Stream { descriptor: 2, bytes } => {
                lines(Target::Errors, &mut self.errors, bytes)
            }
            Record::Stream { bytes, .. } => lines(Target::Output, &mut self.output, bytes),
            Record::Console { level, text } => {
                let target = match level.as_str() {
                    "warn" | "error" => Target::Errors,
                    _ => Target::Output,
                };
                vec![(target, format!("{text}\n").into_bytes())]
            }
            Record::Reached(_) | Record::Resumed(_) => Vec::new(),
            // What comes next is about what the program did: its last words go before.
            Record::Fault { .. } | Record::Warning { .. } | Record::Ended { .. } => {
                [(Target::Output, &mut self.output), (Target::Errors, &mut self.errors)]
                    .into_iter()
                    .filter(|(_, begun)| !begun.is_empty())
                    .map(|(target, begun)| {
                        begun.push(b'\n');
                        (target, std::mem::take(begun))
                    })
                    .collect()
            }
        }
    }
}

/// The whole lines of what has begun and `bytes`; the rest has begun.
fn lines(target: Target, begun: &mut Vec<u8>, bytes: &[u8]) -> Vec<(Target, Vec<u8>)> {
    begun.extend_from_slice(bytes);
    let end = match begun.iter().rposition(|byte| *byte == b'\n') {
        Some(newline) => newline + 1,
        None if begun.len() > LINE_BYTES_MAX => begun.len(),
        None => return Vec::new(),
    };
    vec![(target, begun.drain(..end).collect())]
}

fn print(target: Target, bytes: &[u8]) {
    // A server goes on when nobody reads what its worker says.
    match target {
        Target::Output => {
            let mut output = std::io::stdout().lock();
            output.write_all(bytes).and_then(|()| output.flush()).ok();
        }
        Target::Errors => {
            std::io::stderr().lock().write_all(bytes).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(records: &[Record], expect: &[(Target, &str)]) {
        let mut begun = Begun::default();
        let printed: Vec<_> = records.iter().flat_map(|record| begun.take(record)).collect();
        let expect: Vec<_> =
            expect.iter().map(|(target, text)| (*target, text.as_bytes().to_vec())).collect();
        assert_eq!(printed, expect);
    }

    fn wrote(descriptor: i32, text: &str) -> Record {
        Record::Stream { descriptor, bytes: text.into() }
    }

    #[test]
    fn whole_lines() {
        check(&[wrote(1, "a"), wrote(1, "b\nc")], &[(Target::Output, "ab\n")]);
        check(
            &[wrote(1, "a"), wrote(2, "b\n"), wrote(1, "\n")],
            &[(Target::Errors, "b\n"), (Target::Output, "a\n")],
        );
    }

    #[test]
    fn last_words() {
        let reason = String::new();
        check(&[wrote(1, "a"), Record::Ended { reason }], &[(Target::Output, "a\n")]);
    }

    #[test]
    fn levels() {
        let say = |level: &str| Record::Console { level: level.into(), text: "x".into() };
        check(&[say("log"), say("warn")], &[(Target::Output, "x\n"), (Target::Errors, "x\n")]);
    }
}
