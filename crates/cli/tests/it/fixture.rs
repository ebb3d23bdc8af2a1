//! Runs the real binary in a directory of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

/// Longer than anything here takes, the making of a bundle on a busy machine too, so that a hanging test fails instead.
const PATIENCE: Duration = Duration::from_secs(300);

/// How often it is looked whether a server has ended.
const GLANCE: Duration = Duration::from_millis(5);

/// A directory with files, and beside it an empty cache.
pub(crate) struct Place {
    root: TempDir,
}

impl Place {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let place = Self { root: tempfile::tempdir().unwrap() };
        fs_err::create_dir(place.path()).unwrap();
        for (name, text) in files {
            place.write(name, text);
        }
        place
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = fs_err::File::create(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.root.path().canonicalize().unwrap().join("worker")
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_taipan"));
        command.args(words).current_dir(self.path()).env_remove("CLICOLOR_FORCE");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs to the end with an empty cache: the exit code, then what was printed,
    /// with this place's path as `PLACE`.
    pub(crate) fn run(&self, words: &[&str]) -> String {
        let cache = self.root.path().join("cache");
        let output = self.command(words).env("TAIPAN_CACHE", cache).output().unwrap();
        let code = output.status.code().unwrap();
        let printed = [output.stdout, output.stderr].concat();
        let root = self.root.path().canonicalize().unwrap();
        let text = String::from_utf8(printed).unwrap();
        format!("{code}\n{text}").replace(root.to_str().unwrap(), "PLACE")
    }

    /// Starts a server with the cache that all tests share, and waits until it
    /// listens.
    pub(crate) fn serve(&self, words: &[&str]) -> Serving {
        Serving::start(&mut self.command(words))
    }

    /// The same; nothing that it prints after that is read.
    pub(crate) fn serve_unread(&self, words: &[&str]) -> Serving {
        let mut child = self.command(words).spawn().unwrap();
        let mut errors = child.stderr.take().unwrap();
        let address = address(&until_listening(&mut errors));
        let (_, lines) = mpsc::channel();
        let before = String::new();
        Serving { child, lines, unread: Some(errors), before, address }
    }
}

/// The answer of the server at `address` to a GET request, without its head's date.
pub(crate) fn get(address: &str, path: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\n{headers}\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let lines = answer.lines().filter(|line| !line.starts_with("date: "));
    lines.map(|line| format!("{line}\n")).collect()
}

/// What is printed up to the line that says where a server listens.
fn until_listening(mut errors: impl Read) -> String {
    let mut text = Vec::new();
    loop {
        let mut byte = [0];
        errors.read_exact(&mut byte).unwrap();
        text.push(byte[0]);
        if byte == *b"\n" && text.windows(13).any(|part| part == b"listening on ") {
            return String::from_utf8(text).unwrap();
        }
    }
}

fn address(printed: &str) -> String {
    let rest = printed.split("listening on http://").nth(1).unwrap();
    rest.split(',').next().unwrap().to_owned()
}

/// A server that runs; killed when dropped.
pub(crate) struct Serving {
    child: Child,
    /// Standard error, when it is not read.
    unread: Option<ChildStderr>,
    lines: mpsc::Receiver<String>,
    /// What it said before it listened.
    pub(crate) before: String,
    pub(crate) address: String,
}

impl Serving {
    /// Starts a server, and waits until it listens.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in errors.lines() {
                // A test that has seen enough listens no more.
                let _ = sender.send(line.unwrap());
            }
        });
        let (before, address) = (String::new(), String::new());
        let mut serving = Self { child, lines, unread: None, before, address };
        let line = loop {
            let line = serving.line_with("");
            if line.contains("listening on ") {
                break line;
            }
            serving.before += &(line + "\n");
        };
        serving.address = self::address(&line);
        serving
    }

    /// The next line on standard error that contains `part`; its time is cut.
    pub(crate) fn line_with(&self, part: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap();
            if line.contains(part) {
                let time = line.rfind(" (").filter(|_| line.contains("ms)"));
                return line[..time.unwrap_or(line.len())].to_owned();
            }
        }
    }

    /// What it has said since, if anything.
    pub(crate) fn lines_so_far(&self) -> Vec<String> {
        self.lines.try_iter().collect()
    }

    /// All that it says until it ends.
    pub(crate) fn rest(&self) -> String {
        self.lines.iter().map(|line| line + "\n").collect()
    }

    /// What comes of a GET request, if anything does.
    pub(crate) fn get_anything(&self, path: &str) -> String {
        let mut answer = String::new();
        // A process that ends, which it may have done before this comes, resets its connections.
        let _ = TcpStream::connect(&self.address).and_then(|mut stream| {
            stream.set_read_timeout(Some(PATIENCE))?;
            write!(stream, "GET {path} HTTP/1.0\r\n\r\n")?;
            stream.read_to_string(&mut answer)
        });
        answer
    }

    /// The answer to a GET request, without its head's date.
    pub(crate) fn get(&self, path: &str, headers: &str) -> String {
        get(&self.address, path, headers)
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let done = Command::new("kill").args(["-s", name, &id]).status().unwrap();
        assert!(done.success());
    }

    /// Closes the pipes that it prints to.
    pub(crate) fn close(&mut self) {
        self.unread = None;
        self.child.stdout = None;
    }

    /// Waits for the end: the exit code.
    pub(crate) fn code(mut self) -> i32 {
        for _ in 0..PATIENCE.as_millis() / GLANCE.as_millis() {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap();
            }
            thread::sleep(GLANCE);
        }
        panic!("the server does not end");
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
