//! Prints what workers and scripts say: a worker's output in whole lines.

use std::sync::{Mutex, PoisonError};

use taipan_runtime::{Log, Record};

use crate::console::{self, Stream};

/// The longest line that is waited for; a longer one is cut there.
const LINE_BYTES_MAX: usize = 64 << 10;

/// Lines that have begun and not ended.
#[derive(Debug, Default)]
struct Begun {
    output: Vec<u8>,
    errors: Vec<u8>,
}

/// The streams of a worker.
#[derive(Debug)]
struct Streams {
    /// The worker's name.
    worker: String,
    begun: Mutex<Begun>,
}

/// Prints what the worker of this name says.
pub(crate) fn log(worker: String) -> Log {
    let streams = Streams { worker, begun: Mutex::default() };
    Log::new(move |record| {
        let worker = Some(&*streams.worker);
        // What a panic left behind is at worst the half of a line.
        let mut begun = streams.begun.lock().unwrap_or_else(PoisonError::into_inner);
        for (stream, bytes) in begun.take(&record) {
            console::worker(worker, stream, &bytes);
        }
        tell(worker, record);
    })
}

/// Prints what a script says beside its standard streams, as it is.
pub(crate) fn script_log() -> Log {
    Log::new(|record| {
        for (stream, bytes) in Begun::default().take(&record) {
            console::print(stream, bytes);
        }
        tell(None, record);
    })
}

fn tell(worker: Option<&str>, record: Record) {
    match record {
        Record::Fault { message, traceback } => console::fault(worker, &message, &traceback),
        Record::Ended { reason } => console::warn_of(
            worker,
            format_args!("the isolate has ended, a new one takes its place: {reason}"),
        ),
        Record::Warning { text } => console::warn_of(worker, text),
        Record::Console { .. }
        | Record::Stream { .. }
        | Record::Reached(_)
        | Record::Resumed(_) => (),
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        let begun = self.begun.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (stream, bytes) in begun.last_words() {
            console::worker(Some(&self.worker), stream, &bytes);
        }
    }
}

impl Begun {
    /// What of the streams is to be printed now that `record` has come.
    fn take(&mut self, record: &Record) -> Vec<(Stream, Vec<u8>)> {
        match record {
            Record::Stream { descriptor: 2, bytes } => {
                lines(Stream::Errors, &mut self.errors, bytes)
            }
            Record::Stream { bytes, .. } => lines(Stream::Output, &mut self.output, bytes),
            Record::Console { level, text } => {
                let stream = match level.as_str() {
                    "warn" | "error" => Stream::Errors,
                    _ => Stream::Output,
                };
                vec![(stream, format!("{text}\n").into_bytes())]
            }
            Record::Reached(_) | Record::Resumed(_) => Vec::new(),
            // What comes next is about what the program did: its last words go before.
            Record::Fault { .. } | Record::Warning { .. } | Record::Ended { .. } => {
                self.last_words()
            }
        }
    }

    /// All that has begun, as lines.
    fn last_words(&mut self) -> Vec<(Stream, Vec<u8>)> {
        [(Stream::Output, &mut self.output), (Stream::Errors, &mut self.errors)]
            .into_iter()
            .filter(|(_, begun)| !begun.is_empty())
            .map(|(stream, begun)| {
                begun.push(b'\n');
                (stream, std::mem::take(begun))
            })
            .collect()
    }
}

/// The whole lines of what has begun and `bytes`; the rest has begun.
fn lines(stream: Stream, begun: &mut Vec<u8>, bytes: &[u8]) -> Vec<(Stream, Vec<u8>)> {
    begun.extend_from_slice(bytes);
    let end = match begun.iter().rposition(|byte| *byte == b'\n') {
        Some(newline) => newline + 1,
        None if begun.len() > LINE_BYTES_MAX => begun.len(),
        None => return Vec::new(),
    };
    vec![(stream, begun.drain(..end).collect())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(records: &[Record], expect: &[(Stream, &str)]) {
        let mut begun = Begun::default();
        let printed: Vec<_> = records.iter().flat_map(|record| begun.take(record)).collect();
        let expect: Vec<_> =
            expect.iter().map(|(stream, text)| (*stream, text.as_bytes().to_vec())).collect();
        assert_eq!(printed, expect);
    }

    fn wrote(descriptor: i32, text: &str) -> Record {
        Record::Stream { descriptor, bytes: text.into() }
    }

    #[test]
    fn whole_lines() {
        check(&[wrote(1, "a"), wrote(1, "b\nc")], &[(Stream::Output, "ab\n")]);
        check(
            &[wrote(1, "a"), wrote(2, "b\n"), wrote(1, "\n")],
            &[(Stream::Errors, "b\n"), (Stream::Output, "a\n")],
        );
    }

    #[test]
    fn last_words() {
        let reason = String::new();
        check(&[wrote(1, "a"), Record::Ended { reason }], &[(Stream::Output, "a\n")]);
    }

    #[test]
    fn levels() {
        let say = |level: &str| Record::Console { level: level.into(), text: "x".into() };
        check(&[say("log"), say("warn")], &[(Stream::Output, "x\n"), (Stream::Errors, "x\n")]);
    }
}
