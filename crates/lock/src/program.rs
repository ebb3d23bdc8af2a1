//! Runs a program of others: uv, or pip which fetches it. Nothing else of this crate starts one.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, PipeReader, PipeWriter, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, kill_process};

/// How much of what a program says is kept: its last lines say what happened.
const SAID_BYTES_MAX: usize = 64 * 1024;

/// How often it is asked whether a program may go on.
const GLANCE: Duration = Duration::from_millis(250);

/// How long it is waited, once a program is ended, for those that it has started: what they do is done to its files.
const LAST_ONES_MAX: Duration = Duration::from_secs(10);

/// A program, and what it is given. It has the environment of this process, and by that the user's settings.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    /// Where it works; none for where this process does.
    pub(crate) directory: Option<PathBuf>,
    /// Variables that it has besides.
    pub(crate) variables: Vec<(&'static str, OsString)>,
    /// What starts it, see [`Call::under`].
    starter: Vec<OsString>,
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// What it wrote to its standard output.
    pub(crate) output: Vec<u8>,
    /// The end of what it wrote to its standard error.
    pub(crate) said: String,
}

impl Call {
    /// A call of the program at `program`, or of one of the PATH.
    pub(crate) fn new(program: impl AsRef<Path>, arguments: &[&str]) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            arguments: arguments.iter().map(OsString::from).collect(),
            directory: None,
            variables: Vec::new(),
            starter: Vec::new(),
        }
    }

    /// Has a program start this one, which becomes it: these words, and then those of the call.
    pub(crate) fn under(mut self, starter: &[OsString]) -> Self {
        self.starter = starter.to_vec();
        self
    }

    fn command(&self) -> Command {
        let mut words = self.starter.iter().map(OsString::as_os_str);
        let Some(first) = words.next() else {
            let mut command = Command::new(&self.program);
            command.args(&self.arguments);
            return command;
        };
        let mut command = Command::new(first);
        command.args(words).arg(&self.program).args(&self.arguments);
        command
    }

    /// Runs it to its end. `line` gets each line of its standard error as it comes.
    pub(crate) fn run(&self, line: &dyn Fn(&str)) -> io::Result<Ended> {
        self.run_while(line, &|| true)
    }

    /// As [`Call::run`]; the program is ended when `goes_on`, which is asked now and then, says no. What it has started
    /// has ended then, too, if that ends with it.
    pub(crate) fn run_while(
        &self,
        line: &dyn Fn(&str),
        goes_on: &(dyn Fn() -> bool + Sync),
    ) -> io::Result<Ended> {
        let mut command = self.command();
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        let piped = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let (last, writer) = inherited_pipe()?;
        let mut child = piped.spawn()?;
        drop(writer);
        let (output, errors) = (child.stdout.take(), child.stderr.take());
        let reader = thread::spawn(move || {
            let mut read = Vec::new();
            output.map_or(Ok(0), |mut output| output.read_to_end(&mut read)).map(|_| read)
        });
        let process = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        // It is looked at for as long as it has its standard error, and waited for afterwards: until then no other
        // process gets its number.
        let said = thread::scope(|scope| {
            let (_ends, ended) = mpsc::channel::<()>();
            scope.spawn(move || {
                while ended.recv_timeout(GLANCE) == Err(RecvTimeoutError::Timeout) {
                    if let (Some(process), false) = (process, goes_on()) {
                        // It may have ended by itself.
                        kill_process(process, Signal::KILL).ok();
                        return;
                    }
                }
            });
            errors.map_or(Ok(String::new()), |errors| listen(BufReader::new(errors), line))
        });
        let status = child.wait()?;
        if status.signal().is_some() {
            wait_for_last(last);
        }
        let output = reader.join().map_err(|_| io::Error::other("the reader has panicked"))??;
        Ok(Ended { status, output, said: said? })
    }
}

/// A pipe that everything started from here on can write to until it ends, whoever has started it.
fn inherited_pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    fcntl_setfd(&writer, FdFlags::empty())?;
    Ok((reader, writer))
}

/// Waits until nobody can write to the pipe any more. One that serves others, as git's memory of passwords does, may stay.
fn wait_for_last(mut pipe: PipeReader) {
    let (ended, last) = mpsc::channel();
    thread::spawn(move || {
        // Nobody writes; and nobody may listen any more.
        let _ = ended.send(pipe.read(&mut [0]));
    });
    last.recv_timeout(LAST_ONES_MAX).ok();
}

/// Reads lines to the end, gives each to `line`, and keeps the last.
fn listen(mut errors: impl BufRead, line: &dyn Fn(&str)) -> io::Result<String> {
    let mut said = String::new();
    let mut bytes = Vec::new();
    while errors.read_until(b'\n', &mut bytes)? > 0 {
        let text = String::from_utf8_lossy(&bytes);
        line(text.trim_end());
        said.push_str(&text);
        if said.len() > SAID_BYTES_MAX {
            let start = said.ceil_char_boundary(said.len() - SAID_BYTES_MAX / 2);
            said.drain(..start);
        }
        bytes.clear();
    }
    Ok(said.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn output_and_errors() {
        let lines = RefCell::new(Vec::new());
        let call = Call::new("sh", &["-c", "echo out; echo one >&2; printf two >&2; exit 3"]);
        let ended = call.run(&|line| lines.borrow_mut().push(line.to_owned())).unwrap();
        assert_eq!(ended.status.code(), Some(3));
        assert_eq!(ended.output, b"out\n");
        assert_eq!(ended.said, "one\ntwo");
        assert_eq!(*lines.borrow(), ["one", "two"]);
    }

    #[test]
    fn ended_when_it_may_not_go_on() {
        let ended = Call::new("sleep", &["60"]).run_while(&|_| (), &|| false).unwrap();
        assert!(!ended.status.success());
    }

    /// What a program has started ends after it, and is waited for.
    #[test]
    fn the_last_one_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("mark");
        let code =
            format!("(exec >/dev/null 2>&1; sleep 1; echo > '{}') & kill -9 $$", mark.display());
        Call::new("sh", &["-c", &code]).run(&|_| ()).unwrap();
        assert!(mark.exists());
    }

    #[test]
    fn started_by_another() {
        let call = Call::new("echo", &["two"]).under(&["env".into(), "LC_ALL=C".into()]);
        assert_eq!(call.run(&|_| ()).unwrap().output, b"two\n");
    }

    #[test]
    fn much_is_cut_from_its_beginning() {
        let text = format!("first\n{}last", "é\n".repeat(SAID_BYTES_MAX));
        let said = listen(text.as_bytes(), &|_| ()).unwrap();
        assert!(said.len() <= SAID_BYTES_MAX && said.ends_with("last") && !said.contains("first"));
    }
}
