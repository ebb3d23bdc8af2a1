//! Several processes and one entry: each of these tests starts its own binary
//! again, which runs [`child`] only.

#![expect(clippy::print_stderr, reason = "how a child talks to its parent")]
#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use taipan_store::{Cache, Entry, Error, OnReadOnly, Step};

/// Tells a child where the cache is; an ordinary run of the tests has none.
const HOME: &str = "TAIPAN_STORE_TEST_HOME";

/// A process that builds the entry, or waits for it.
struct Builder {
    process: Child,
    said: BufReader<ChildStderr>,
}

impl Builder {
    fn start(home: &Path) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture"])
            .env(HOME, home)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(process.stderr.take().unwrap());
        Self { process, said }
    }

    #[track_caller]
    fn says(&mut self, expect: &str) {
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        assert_eq!(line.trim_end(), expect);
    }

    /// Lets it finish the build that it has begun.
    fn release(&mut self) {
        drop(self.process.stdin.take());
    }

    #[track_caller]
    fn ends_well(&mut self) {
        assert!(self.process.wait().unwrap().success());
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Builder {
    fn drop(&mut self) {
        // A test that fails leaves no process behind; one that ended cannot be killed.
        let _ended = self.process.kill();
        let _status = self.process.wait();
    }
}

fn entry(home: &Path) -> Entry {
    Cache::open(home).unwrap().entry("things", "one").unwrap()
}

/// Builds the entry in two halves, and waits between them for `pause` to end.
fn build(entry: &Entry, mut pause: impl Read) {
    let progress = |step: Step<'_>| eprintln!("{step:?}");
    let build = |staging: &Path| -> Result<(), Error> {
        assert_eq!(fs_err::read_dir(staging)?.count(), 0, "a dead build left something");
        fs_err::write(staging.join("first"), "first")?;
        eprintln!("building");
        pause.read_to_end(&mut Vec::new())?;
        Ok(fs_err::write(staging.join("second"), "second")?)
    };
    entry.get_or_build(OnReadOnly::Refuse, &progress, build).unwrap();
    eprintln!("there");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how the parent talks to its child")]
fn child() {
    if let Some(home) = std::env::var_os(HOME) {
        build(&entry(Path::new(&home)), std::io::stdin());
    }
}

#[test]
fn the_second_waits_and_finds_it() {
    let home = tempfile::tempdir().unwrap();
    let mut first = Builder::start(home.path());
    first.says("building");
    let mut second = Builder::start(home.path());
    second.says("Waiting { entry: \"things/one\" }");
    assert_eq!(entry(home.path()).open().unwrap(), None);
    first.release();
    first.says("there");
    second.says("there");
    first.ends_well();
    second.ends_well();
    assert!(entry(home.path()).verify().unwrap());
}

#[test]
fn killed_half_way() {
    let home = tempfile::tempdir().unwrap();
    let mut first = Builder::start(home.path());
    first.says("building");
    first.kill();
    assert!(home.path().join("staging/things/one/first").exists());
    assert_eq!(entry(home.path()).open().unwrap(), None);
    build(&entry(home.path()), std::io::empty());
    assert!(entry(home.path()).verify().unwrap());
}

#[test]
fn killed_while_another_waits() {
    let home = tempfile::tempdir().unwrap();
    let mut first = Builder::start(home.path());
    first.says("building");
    let mut second = Builder::start(home.path());
    second.says("Waiting { entry: \"things/one\" }");
    first.kill();
    second.says("building");
    second.release();
    second.says("there");
    second.ends_well();
    assert!(entry(home.path()).verify().unwrap());
}
