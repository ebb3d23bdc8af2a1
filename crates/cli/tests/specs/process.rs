//! The program, running: what it prints is collected, and compared when a step says so.

use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::case::Case;
use crate::releases;

/// Longer than anything here takes on a busy machine, so that a hanging case fails instead.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How often the program's output is looked at.
pub(crate) const GLANCE: Duration = Duration::from_millis(5);

/// What a server says first.
const LISTENING: &str = "listening on http://";

/// A program that runs; killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pub(crate) output: Printed,
    pub(crate) errors: Printed,
    /// Where it listens, if it does.
    pub(crate) address: String,
    /// Of Pyodide.
    pub(crate) release: &'static str,
    /// What stands for what in expectations.
    names: Vec<(String, &'static str)>,
}

/// What was printed to one stream and not compared yet.
#[derive(Clone, Debug)]
pub(crate) struct Printed {
    name: &'static str,
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl Process {
    /// Starts the program; a server listens when this returns.
    pub(crate) async fn start(case: &Case) -> Result<Self, String> {
        let script = &case.script;
        let mut command = Command::new(env!("CARGO_BIN_EXE_taipan"));
        command
            .args(releases::words(case.release))
            .args(case.words())
            .current_dir(case.directory())
            .kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (output, errors) = (Printed::new("output"), Printed::new("errors"));
        tokio::spawn(output.clone().collect(child.stdout.take().unwrap()));
        tokio::spawn(errors.clone().collect(child.stderr.take().unwrap()));
        let (mut stdin, input) = (child.stdin.take().unwrap(), script.input.clone());
        tokio::spawn(async move {
            // A program need not read its input.
            stdin.write_all(input.as_bytes()).await.ok();
        });
        let names = vec![
            (case.upstream.to_string(), "UPSTREAM_ADDRESS"),
            (case.directory().parent().unwrap().display().to_string(), "PLACE"),
            (releases::python(case.release), "PYTHON"),
        ];
        let (release, address) = (case.release, String::new());
        let mut process = Self { child, output, errors, address, release, names };
        if script.serves() && script.listens {
            process.address = process.listening().await?;
            process.names.push((process.address.clone(), "SERVER"));
        }
        Ok(process)
    }

    async fn listening(&mut self) -> Result<String, String> {
        let started = Instant::now();
        loop {
            let text = self.errors.text();
            if let Some((_, rest)) = text.split_once(LISTENING)
                && let Some((address, _)) = rest.split_once(',')
            {
                return Ok(address.to_owned());
            }
            let ended = self.child.try_wait().unwrap();
            if ended.is_some() || started.elapsed() > PATIENCE {
                return Err(format!("the server does not listen ({ended:?}):\n{text}"));
            }
            sleep(GLANCE).await;
        }
    }

    /// Compares what was printed since the last time, as soon as all has come. The
    /// server and the worker print from threads of their own, so the order of lines
    /// between them is not compared.
    pub(crate) async fn compare(&self, printed: &Printed, expect: &str) -> Result<(), String> {
        let started = Instant::now();
        let expect = &releases::level(expect, self.release);
        loop {
            let found = self.filter(&printed.text());
            if sorted(&found) == sorted(expect) {
                printed.clear();
                return Ok(());
            }
            if found.len() > expect.len() || started.elapsed() > PATIENCE {
                return Err(difference(printed.name, &found, expect));
            }
            sleep(GLANCE).await;
        }
    }

    /// Puts names in the place of what differs from run to run, or from release to release.
    pub(crate) fn filter(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (value, name) in &self.names {
            text = text.replace(value, name);
        }
        // On a machine with much to do the trials of one case wait for each other.
        let own = |line: &&str| !line.starts_with("waiting for another taipan that makes ");
        let text: String = text
            .split_inclusive('\n')
            .filter(own)
            .map(|line| without_size(&without_time(line)))
            .collect();
        releases::level(&text, self.release)
    }

    /// The number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Sends a signal.
    pub(crate) async fn signal(&self, name: &str) {
        let id = self.id().to_string();
        let done = Command::new("kill").args(["-s", name, &id]).status().await.unwrap();
        assert!(done.success());
    }

    /// Waits for the end: the exit code, or 128 and the number of the signal, as shells have it.
    pub(crate) async fn code(&mut self) -> Result<i32, String> {
        use std::os::unix::process::ExitStatusExt;
        let ended = timeout(PATIENCE, self.child.wait()).await;
        let status = ended.map_err(|_| "the program does not end")?.unwrap();
        Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap()))
    }
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines
}

/// The line, with its duration as `TIME`.
fn without_time(line: &str) -> String {
    let Some((end, begin)) = line.find("ms)").and_then(|end| Some((end, line[..end].rfind(" (")?)))
    else {
        return line.to_owned();
    };
    format!("{} (TIME){}", &line[..begin], &line[end + 3..])
}

/// What `doctor` says of a snapshot, without its size and where it came from.
fn without_size(line: &str) -> String {
    match line.starts_with("the snapshot has ") {
        true => "the snapshot has SIZE\n".to_owned(),
        false => line.to_owned(),
    }
}

impl Printed {
    fn new(name: &'static str) -> Self {
        Self { name, bytes: Arc::default() }
    }

    async fn collect(self, mut stream: impl AsyncRead + Unpin) {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            self.bytes.lock().unwrap().extend_from_slice(&buffer[..count]);
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }

    fn clear(&self) {
        self.bytes.lock().unwrap().clear();
    }
}

/// Both texts, one below the other.
pub(crate) fn difference(what: &str, found: &str, expect: &str) -> String {
    format!("{what}:\n{found}\n--- instead of:\n{expect}\n---")
}
