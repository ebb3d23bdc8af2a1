//! Holds what a server prints until it is written.
//!
//! The reader of a log may be slow, or stop, and a full pipe blocks its writer for good. So requests only put their
//! lines into a queue with a bound, and two threads write, one for each stream. Lines that find no room are counted,
//! and the count is printed when there is room again. Lines that are not written when the program ends, as when the
//! disk is full, are counted too, and that count is printed on the other stream.
//!
//! Lines come out in the order in which they were put in, also between the two streams, unless one of them is stuck.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::time::Instant;

/// Bytes that wait for one stream, some 80,000 lines of an access log.
const QUEUE_BYTES_MAX: usize = 4 << 20;

/// Bytes that are written at a time, if lines are not longer: a pipe takes so much whole or not at all (`PIPE_BUF`),
/// so that lines of processes that share one do not mix.
const BATCH_BYTES_MAX: usize = 4096;

/// How long a stream waits for lines of the other that were there first.
const TURN_TIME_MAX: Duration = Duration::from_millis(50);

/// How long a writer lets lines gather after it wrote some: under load it is woken a thousand times a second, not
/// for each line.
const GATHER_TIME: Duration = Duration::from_millis(1);

/// The pause before a stream that takes nothing at the moment is tried again: a full disk, or a pipe that another
/// process has made `O_NONBLOCK`. What is not written yet stays, so that no line is cut.
const AGAIN_PAUSE: Duration = Duration::from_millis(100);

/// How long the end of the program waits for the report of lost lines.
const NOTICE_TIME_MAX: Duration = Duration::from_millis(100);

/// What lines take in the queue beside their bytes, about.
const ENTRY_BYTES: usize = 48;

/// One of the two streams that are printed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Standard output.
    Output,
    /// Standard error.
    Errors,
}

/// The reader of a stream is gone.
struct Closed;

/// Takes lines, and has them written.
#[derive(Clone, Debug)]
pub(crate) struct Printer(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Something came, or a writer is done with something.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    queues: [Queue; 2],
    /// The number of the next lines.
    next: u64,
    /// The writers let no more lines gather: the program ends.
    ending: bool,
}

#[derive(Debug, Default)]
struct Queue {
    lines: VecDeque<(u64, Vec<u8>)>,
    bytes: usize,
    /// The number of what is being written.
    writing: Option<u64>,
    /// Lines of it that are not written whole yet.
    writing_lines: u64,
    /// Why the stream takes nothing, when that is no slow reader: a full disk.
    refused: Option<String>,
    /// What is being written takes so long that the other stream does not wait for it.
    stuck: bool,
    /// Lines that found no room, and are not reported yet.
    dropped: u64,
    /// The reader is gone.
    closed: bool,
    /// The writer waits to be told that something came.
    idle: bool,
}

impl Printer {
    /// Starts the writers.
    pub(crate) fn start() -> io::Result<Self> {
        let output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let errors = File::from(io::stderr().as_fd().try_clone_to_owned()?);
        Self::over(output, errors)
    }

    fn over(
        output: impl Write + Send + 'static,
        errors: impl Write + Send + 'static,
    ) -> io::Result<Self> {
        let printer = Self(Arc::default());
        let (first, second) = (printer.0.clone(), printer.0.clone());
        let name = |name: &str| thread::Builder::new().name(name.to_owned());
        name("print-output").spawn(move || first.write(Stream::Output, output))?;
        name("print-errors").spawn(move || second.write(Stream::Errors, errors))?;
        Ok(printer)
    }

    /// Puts whole lines at the end of what waits; never blocks.
    pub(crate) fn print(&self, stream: Stream, lines: Vec<u8>) {
        let mut state = self.0.lock();
        let queue = &mut state.queues[stream as usize];
        if queue.closed {
            return;
        }
        // After a gap, lines are taken again only once the gap is reported.
        if queue.dropped > 0 || queue.bytes + lines.len() + ENTRY_BYTES > QUEUE_BYTES_MAX {
            queue.dropped += count(&lines);
            return;
        }
        state.push(stream, lines);
        self.0.wake(&state);
    }

    /// Waits until all is written, or the time is over: a stream that is not done then is given up, and it is said on
    /// the other how much was lost.
    pub(crate) fn flush(&self, time_max: Duration) {
        self.0.wait_until_written(time_max);
        self.0.lock().give_up();
        self.0.wait_until_written(NOTICE_TIME_MAX);
    }
}

impl State {
    fn push(&mut self, stream: Stream, lines: Vec<u8>) {
        let number = self.next;
        self.next += 1;
        let queue = &mut self.queues[stream as usize];
        queue.bytes += lines.len() + ENTRY_BYTES;
        queue.lines.push_back((number, lines));
    }

    fn is_written(&self) -> bool {
        self.queues.iter().all(|queue| queue.closed || queue.is_written())
    }

    /// Closes each stream that has lines left, and puts the report of them at the end of the other.
    fn give_up(&mut self) {
        let mut notices = Vec::new();
        for stream in [Stream::Output, Stream::Errors] {
            let queue = &mut self.queues[stream as usize];
            let lost = queue.lost();
            if !queue.closed && lost > 0 {
                notices.push((stream.other(), notice(stream, lost, queue.refused.as_deref())));
                *queue = Queue { closed: true, ..Queue::default() };
            }
        }
        for (stream, notice) in notices {
            if !self.queues[stream as usize].closed {
                self.push(stream, notice.into_bytes());
            }
        }
    }

    /// Whether the first lines of `stream` may be written, and up to which number.
    fn turn(&self, stream: Stream) -> Option<u64> {
        let other = &self.queues[stream.other() as usize];
        let (first, _) = self.queues[stream as usize].lines.front()?;
        let bound = match other.writing.or(other.lines.front().map(|(number, _)| *number)) {
            Some(number) if !other.stuck && !other.closed => number,
            _ => u64::MAX,
        };
        (*first < bound).then_some(bound)
    }

    /// Takes lines with numbers below `bound`, as many as are written at a time.
    fn take(&mut self, stream: Stream, bound: u64) -> Vec<u8> {
        let queue = &mut self.queues[stream as usize];
        let mut batch = Vec::new();
        while let Some((number, lines)) = queue.lines.front()
            && *number < bound
            && (batch.is_empty() || batch.len() + lines.len() <= BATCH_BYTES_MAX)
        {
            queue.writing.get_or_insert(*number);
            if let Some((_, lines)) = queue.lines.pop_front() {
                queue.bytes -= lines.len() + ENTRY_BYTES;
                batch.extend_from_slice(&lines);
            }
        }
        queue.writing_lines = count(&batch);
        self.tell_dropped();
        batch
    }

    /// Reports dropped lines once half of the room is free, so that one gap is not reported many times.
    fn tell_dropped(&mut self) {
        for stream in [Stream::Output, Stream::Errors] {
            let room = |queue: &Queue| queue.bytes <= QUEUE_BYTES_MAX / 2;
            let queue = &self.queues[stream as usize];
            let errors = &self.queues[Stream::Errors as usize];
            let told =
                errors.closed || room(errors) && (stream == Stream::Errors || errors.dropped == 0);
            if queue.dropped > 0 && room(queue) && told {
                let queue = &mut self.queues[stream as usize];
                let dropped = std::mem::take(&mut queue.dropped);
                let notice = notice(stream, dropped, queue.refused.take().as_deref());
                if !self.queues[Stream::Errors as usize].closed {
                    self.push(Stream::Errors, notice.into_bytes());
                }
            }
        }
    }
}

impl Queue {
    fn is_written(&self) -> bool {
        self.lines.is_empty() && self.writing.is_none()
    }

    /// Lines that are lost if nothing more is written.
    fn lost(&self) -> u64 {
        let waiting: u64 = self.lines.iter().map(|(_, lines)| count(lines)).sum();
        self.dropped + self.writing_lines + waiting
    }
}

/// What is said in place of lines that were not written.
fn notice(stream: Stream, dropped: u64, refused: Option<&str>) -> String {
    let (lines, were) = if dropped == 1 { ("line", "was") } else { ("lines", "were") };
    let stream = match stream {
        Stream::Output => "standard output",
        Stream::Errors => "standard error",
    };
    let why = match refused {
        Some(error) => format!(": {error}"),
        None => " was not read".to_owned(),
    };
    format!("warning: {dropped} {lines} of the log {were} lost: {stream}{why}\n")
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, time_max: Duration) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, time_max).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Wakes the writers, if one that has lines waits for that: to wake one that has none takes as long as a line.
    fn wake(&self, state: &State) {
        if state.queues.iter().any(|queue| queue.idle && !queue.lines.is_empty()) {
            self.changed.notify_all();
        }
    }

    /// Writes what comes for `stream`, until the process ends or the reader is gone.
    fn write(&self, stream: Stream, mut file: impl Write) {
        loop {
            let batch = self.next(stream);
            let closed = self.write_all(stream, &mut file, &batch).is_err();
            let mut state = self.lock();
            let queue = &mut state.queues[stream as usize];
            (queue.writing, queue.writing_lines, queue.stuck) = (None, 0, false);
            if queue.dropped == 0 {
                queue.refused = None;
            }
            if closed {
                *queue = Queue { closed, ..Queue::default() };
            }
            let gather = queue.lines.is_empty() && !state.ending;
            state.tell_dropped();
            // The other stream waits for its turn, or the program for the end.
            let heard = state.ending || state.queues.iter().any(|queue| !queue.lines.is_empty());
            drop(state);
            if heard {
                self.changed.notify_all();
            }
            if closed {
                return;
            }
            if gather {
                thread::sleep(GATHER_TIME);
            }
        }
    }

    /// Writes all of `bytes`; an error says that the reader is gone.
    fn write_all(
        &self,
        stream: Stream,
        file: &mut impl Write,
        mut bytes: &[u8],
    ) -> Result<(), Closed> {
        use io::ErrorKind::{BrokenPipe, Interrupted, WouldBlock};
        while !bytes.is_empty() {
            match file.write(bytes) {
                Ok(written @ 1..) => bytes = &bytes[written..],
                Err(error) if error.kind() == Interrupted => (),
                Err(error) if error.kind() == BrokenPipe => return Err(Closed),
                refused => {
                    let error = refused.err().filter(|error| error.kind() != WouldBlock);
                    let mut state = self.lock();
                    let queue = &mut state.queues[stream as usize];
                    queue.writing_lines = count(bytes);
                    queue.refused = error.map(|error| error.to_string());
                    drop(state);
                    thread::sleep(AGAIN_PAUSE);
                }
            }
        }
        Ok(())
    }

    /// Waits until all is written, or the time is over.
    fn wait_until_written(&self, time_max: Duration) {
        let until = Instant::now() + time_max;
        let mut state = self.lock();
        state.ending = true;
        self.changed.notify_all();
        while !state.is_written() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.wait(state, left);
        }
    }

    /// Waits for the next lines of `stream`.
    fn next(&self, stream: Stream) -> Vec<u8> {
        let mut state = self.lock();
        loop {
            if let Some(bound) = state.turn(stream) {
                return state.take(stream, bound);
            }
            if state.queues[stream as usize].lines.is_empty() {
                state.queues[stream as usize].idle = true;
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.queues[stream as usize].idle = false;
            } else {
                state = self.wait_for_turn(stream, state);
            }
        }
    }

    /// Waits for the other stream; it is stuck if it is still at the same lines when the time is over.
    fn wait_for_turn<'a>(
        &self,
        stream: Stream,
        state: MutexGuard<'a, State>,
    ) -> MutexGuard<'a, State> {
        let other = stream.other() as usize;
        let before = state.queues[other].writing;
        let since = Instant::now();
        let mut state = self.wait(state, TURN_TIME_MAX);
        let still = before.is_some() && state.queues[other].writing == before;
        if still && since.elapsed() >= TURN_TIME_MAX {
            state.queues[other].stuck = true;
        }
        state
    }
}

impl Stream {
    fn other(self) -> Self {
        match self {
            Self::Output => Self::Errors,
            Self::Errors => Self::Output,
        }
    }
}

fn count(lines: &[u8]) -> u64 {
    lines.iter().filter(|byte| **byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests;
