//! The standard streams of isolates.

use std::collections::BTreeMap;
use std::io;

use taipan_pyodide::Streams;
use taipan_webapi::limits::Allowances;

use crate::log::{Log, Record};

/// Streams that take everything and have nothing to read.
#[derive(Debug)]
pub struct Mute;

impl Streams for Mute {
    fn write(&mut self, _owner: u32, _descriptor: i32, _bytes: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn read(&mut self, _maximum: usize) -> io::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn is_terminal(&self, _descriptor: i32) -> bool {
        false
    }
}

/// The longest line that is kept until its end comes, in bytes.
const LINE_BYTES_MAX: usize = 64 << 10;

/// Streams that go to the log; there is nothing to read.
#[derive(Debug)]
pub struct ToLog {
    log: Log,
    allowances: Allowances,
    /// What has no end of its line yet, by descriptor; `None` where each piece goes out as it comes.
    lines: Option<BTreeMap<i32, Vec<u8>>>,
}

impl ToLog {
    /// Of an isolate that is alone.
    #[must_use]
    pub fn new(log: Log, allowances: Allowances) -> Self {
        Self { log, allowances, lines: None }
    }

    /// Of one among others: whole lines go out, so that lines of different isolates do not mix. A line that has no end
    /// when the isolate ends gets one.
    #[must_use]
    pub fn by_lines(log: Log, allowances: Allowances) -> Self {
        Self { log, allowances, lines: Some(BTreeMap::new()) }
    }

    fn put(&mut self, descriptor: i32, bytes: &[u8]) {
        let Some(lines) = &mut self.lines else {
            return self.log.write(Record::Stream { descriptor, bytes: bytes.to_vec() });
        };
        let line = lines.entry(descriptor).or_default();
        // What is kept has no end of a line: only what is new is looked at.
        let end = bytes.iter().rposition(|byte| *byte == b'\n');
        let end = end.map_or(0, |last| line.len() + last + 1);
        line.extend_from_slice(bytes);
        let end = if line.len() - end > LINE_BYTES_MAX { line.len() } else { end };
        let rest = line.split_off(end);
        let bytes = std::mem::replace(line, rest);
        if !bytes.is_empty() {
            self.log.write(Record::Stream { descriptor, bytes });
        }
    }
}

impl Drop for ToLog {
    fn drop(&mut self) {
        for (descriptor, mut bytes) in self.lines.take().into_iter().flatten() {
            if !bytes.is_empty() {
                bytes.push(b'\n');
                self.log.write(Record::Stream { descriptor, bytes });
            }
        }
    }
}

impl Streams for ToLog {
    fn write(&mut self, owner: u32, descriptor: i32, bytes: &[u8]) -> io::Result<()> {
        let admitted = self.allowances.log(owner, bytes.len());
        if admitted.bytes > 0 {
            self.put(descriptor, &bytes[..admitted.bytes]);
        }
        if let Some(text) = admitted.notice {
            self.log.write(Record::Warning { text });
        }
        Ok(())
    }

    fn read(&mut self, _maximum: usize) -> io::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn is_terminal(&self, _descriptor: i32) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorded::SavedRecord;

    #[test]
    fn lines_of_several_isolates_do_not_mix() {
        let log = Log::new(|_| ());
        let (log, recorded) = log.recorded();
        let [mut one, mut other] =
            [(); 2].map(|()| ToLog::by_lines(log.clone(), Allowances::default()));
        for text in ["first", "\nsec", "ond"] {
            one.write(0, 1, text.as_bytes()).unwrap();
            other.write(0, 1, b"x").unwrap();
        }
        one.write(0, 2, b"error\n").unwrap();
        drop((one, other));
        let said = recorded.take().into_iter().map(|record| match record {
            SavedRecord::Stream { descriptor, bytes } => {
                (descriptor, String::from_utf8(bytes).unwrap())
            }
            other => panic!("{other:?}"),
        });
        let expect = [(1, "first\n"), (2, "error\n"), (1, "second\n"), (1, "xxx\n")];
        assert_eq!(said.collect::<Vec<_>>(), expect.map(|(of, text)| (of, text.to_owned())));
    }
}
