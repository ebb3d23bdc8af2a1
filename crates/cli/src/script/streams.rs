//! Gives a script the standard streams of this process, up to its limit of output.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use taipan_pyodide::Streams;
use taipan_runtime::Log;
use tokio::io::{AsyncReadExt, Stdin};
use tokio::runtime::Handle;
use tokio::sync::Notify;

/// How much of its output a script has left; a clone is the same.
#[derive(Clone)]
pub(crate) struct Output(Arc<AtomicU64>);

/// What stands for no limit, and for one that was exceeded.
const UNLIMITED: u64 = u64::MAX;
const EXCEEDED: u64 = u64::MAX - 1;

impl Output {
    /// So many bytes; without them there is no limit.
    pub(crate) fn new(bytes: Option<u64>) -> Self {
        Self(Arc::new(AtomicU64::new(bytes.unwrap_or(UNLIMITED))))
    }

    /// How many of so many bytes may be written.
    fn take(&self, bytes: usize) -> usize {
        let count = |left: u64| match left {
            UNLIMITED => UNLIMITED,
            EXCEEDED => EXCEEDED,
            left => left.checked_sub(bytes as u64).unwrap_or(EXCEEDED),
        };
        let before =
            self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(count(left)));
        match before.unwrap_or(EXCEEDED) {
            UNLIMITED => bytes,
            EXCEEDED => 0,
            left => usize::try_from(left).map_or(bytes, |left| left.min(bytes)),
        }
    }

    pub(crate) fn is_exceeded(&self) -> bool {
        self.0.load(Ordering::Relaxed) == EXCEEDED
    }

    /// The part of the log for which there is room.
    pub(crate) fn counted(&self, log: Log) -> Log {
        let output = self.clone();
        log.filter(move |record| output.take(record.bytes()) == record.bytes())
    }
}

/// The standard streams of this process.
pub(crate) struct Terminal {
    pub(crate) output: Output,
    pub(crate) input: Stdin,
    pub(crate) runtime: Handle,
    /// Ends a read, so that Python looks for the signal.
    pub(crate) signalled: Arc<Notify>,
}

impl Streams for Terminal {
    fn write(&mut self, _owner: u32, descriptor: i32, bytes: &[u8]) -> io::Result<()> {
        let admitted = &bytes[..self.output.take(bytes.len())];
        if descriptor == 2 {
            io::stderr().lock().write_all(admitted)?;
        } else {
            let mut output = io::stdout().lock();
            output.write_all(admitted)?;
            output.flush()?;
        }
        match admitted.len() == bytes.len() {
            true => Ok(()),
            false => Err(ErrorKind::QuotaExceeded.into()),
        }
    }

    fn read(&mut self, maximum: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; maximum];
        let count = self.runtime.block_on(async {
            tokio::select! {
                // What is given up goes on by itself, and the next read has what came of it.
                count = self.input.read(&mut bytes) => count,
                () = self.signalled.notified() => Err(ErrorKind::Interrupted.into()),
            }
        })?;
        bytes.truncate(count);
        Ok(bytes)
    }

    fn is_terminal(&self, descriptor: i32) -> bool {
        match descriptor {
            0 => io::stdin().is_terminal(),
            1 => io::stdout().is_terminal(),
            _ => io::stderr().is_terminal(),
        }
    }
}
