//! Streams that are slow, stuck, full or closed.

use std::sync::mpsc;

use super::*;

/// Longer than anything here takes, so that a hanging test fails instead.
const PATIENCE: Duration = Duration::from_secs(20);

/// Both streams in one text, as at a terminal.
#[derive(Clone, Default)]
struct Text(Arc<Mutex<Vec<u8>>>);

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Text {
    fn read(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn wait_for(&self, end: &str) {
        let since = Instant::now();
        while !self.read().ends_with(end) {
            assert!(since.elapsed() < PATIENCE, "{}", self.read());
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// A stream that takes nothing until it is told what a write gives.
struct Gate(mpsc::Receiver<io::Result<()>>, Text);

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Once the sender is gone, every write succeeds.
        self.0.recv().unwrap_or(Ok(()))?;
        self.1.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn gate() -> (mpsc::Sender<io::Result<()>>, Text, Gate) {
    let (sender, receiver) = mpsc::channel();
    let text = Text::default();
    (sender, text.clone(), Gate(receiver, text))
}

#[test]
fn order_between_streams() {
    let text = Text::default();
    let printer = Printer::over(text.clone(), text.clone()).unwrap();
    let mut expect = String::new();
    for number in 0..10_000 {
        let stream = if number % 3 == 0 { Stream::Output } else { Stream::Errors };
        printer.print(stream, format!("{number}\n").into_bytes());
        expect += &format!("{number}\n");
    }
    printer.flush(PATIENCE);
    assert_eq!(text.read(), expect);
}

#[test]
fn a_stuck_stream_stops_nothing_else() {
    let (open, output, gate) = gate();
    let errors = Text::default();
    let printer = Printer::over(gate, errors.clone()).unwrap();
    for _ in 0..100 {
        printer.print(Stream::Output, b"out\n".to_vec());
        printer.print(Stream::Errors, b"error\n".to_vec());
    }
    printer.print(Stream::Errors, b"last\n".to_vec());
    errors.wait_for("last\n");
    assert_eq!((output.read().as_str(), errors.read().len()), ("", 605));
    drop(open);
    printer.flush(PATIENCE);
    assert_eq!(output.read(), "out\n".repeat(100));
}

#[test]
fn lines_without_room_are_counted_and_told_of() {
    let (open, errors, gate) = gate();
    let printer = Printer::over(Text::default(), gate).unwrap();
    let line = format!("{}\n", "x".repeat(999));
    let all = 2 * QUEUE_BYTES_MAX / line.len();
    for _ in 0..all {
        printer.print(Stream::Errors, line.clone().into_bytes());
    }
    drop(open);
    errors.wait_for("was not read\n");
    printer.print(Stream::Errors, b"after\n".to_vec());
    printer.flush(PATIENCE);
    let text = errors.read();
    let kept = text.lines().take_while(|line| line.starts_with('x')).count();
    let rest: Vec<_> = text.lines().skip(kept).collect();
    let told =
        format!("warning: {} lines of the log were lost: standard error was not read", all - kept);
    assert_eq!(rest, [told.as_str(), "after"]);
    assert!(kept > all / 3, "{kept} of {all} lines");
}

#[test]
fn what_standard_output_lost_is_told_on_standard_error() {
    let (open, _output, gate) = gate();
    let errors = Text::default();
    let printer = Printer::over(gate, errors.clone()).unwrap();
    for _ in 0..3 {
        printer.print(Stream::Output, vec![b'\n'; QUEUE_BYTES_MAX / 2]);
        // The first of them is out of the queue, so that the second finds room.
        while printer.0.lock().queues[Stream::Output as usize].writing.is_none() {
            thread::sleep(Duration::from_millis(1));
        }
    }
    drop(open);
    let lost = QUEUE_BYTES_MAX / 2;
    errors.wait_for(&format!(
        "warning: {lost} lines of the log were lost: standard output was not read\n"
    ));
}

#[test]
fn a_closed_stream_is_forgotten() {
    let (say, output, gate) = gate();
    let errors = Text::default();
    let printer = Printer::over(gate, errors.clone()).unwrap();
    say.send(Err(io::ErrorKind::BrokenPipe.into())).unwrap();
    for _ in 0..3 {
        printer.print(Stream::Output, b"out\n".to_vec());
        printer.print(Stream::Errors, b"error\n".to_vec());
    }
    printer.flush(PATIENCE);
    assert_eq!((output.read().as_str(), errors.read().as_str()), ("", "error\nerror\nerror\n"));
}

#[test]
fn what_cannot_be_written_now_is_written_later() {
    let (say, output, gate) = gate();
    let printer = Printer::over(gate, Text::default()).unwrap();
    say.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
    say.send(Err(io::ErrorKind::WouldBlock.into())).unwrap();
    printer.print(Stream::Output, b"one\n".to_vec());
    drop(say);
    printer.flush(PATIENCE);
    assert_eq!(output.read(), "one\n");
}

/// The end of a log whose first stream takes nothing to the end.
#[track_caller]
fn check_end(stuck: Stream, gate: Gate, expect: &str) {
    let text = Text::default();
    let printer = match stuck {
        Stream::Output => Printer::over(gate, text.clone()),
        Stream::Errors => Printer::over(text.clone(), gate),
    };
    let printer = printer.unwrap();
    for _ in 0..3 {
        printer.print(stuck, b"lost\n".to_vec());
        printer.print(stuck.other(), b"kept\n".to_vec());
    }
    text.wait_for("kept\nkept\nkept\n");
    let since = Instant::now();
    printer.flush(Duration::from_millis(500));
    assert!(since.elapsed() < PATIENCE);
    text.wait_for("\n");
    assert_eq!(
        text.read(),
        format!("kept\nkept\nkept\nwarning: 3 lines of the log were lost: {expect}\n")
    );
}

#[test]
fn what_is_not_read_at_the_end_is_told_on_the_other_stream() {
    let (_open, _, stuck) = gate();
    check_end(Stream::Output, stuck, "standard output was not read");
    let (_open, _, stuck) = gate();
    check_end(Stream::Errors, stuck, "standard error was not read");
}

#[test]
fn what_a_full_disk_does_not_take_is_told_at_the_end() {
    for (stream, name) in [(Stream::Output, "output"), (Stream::Errors, "error")] {
        let (say, _, full) = gate();
        // As at a disk that stays full.
        for _ in 0..10_000 {
            say.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
        }
        check_end(stream, full, &format!("standard {name}: no storage space"));
    }
}
