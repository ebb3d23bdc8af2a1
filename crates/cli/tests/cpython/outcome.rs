//! What became of the tests of a module: the driver, run by the real binary.

use std::io::{Read, Seek};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use serde::Deserialize;

use crate::FOLDER;

/// Where Debian's `libpython3.11-testsuite` has the package `test`.
const TESTS: &str = "/usr/lib/python3.11/test";

/// Many times what a module takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often to look whether it has ended. Counted, since nothing here may read
/// the clock.
const INTERVAL: Duration = Duration::from_millis(20);

/// What the driver prints last, and what it said on the way.
#[derive(Debug, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) run: usize,
    pub(crate) failed: Vec<String>,
    #[serde(skip)]
    said: String,
}

/// Runs the tests of `module` that `names` select.
pub(crate) fn of(module: &str, names: &[String]) -> Result<Outcome, String> {
    let mut printed = tempfile::tempfile().unwrap();
    let mut said = tempfile::tempfile().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_taipan"));
    command.args(["run", "--mount", &format!("{TESTS}:/session/cpython/test")]);
    command.arg(format!("{FOLDER}/driver.py")).arg(format!("test.{module}")).args(names);
    command.stdin(Stdio::null());
    command.stdout(printed.try_clone().unwrap()).stderr(said.try_clone().unwrap());
    let status = wait(&mut command.spawn().unwrap());
    let said = text(&mut said);
    let Some(status) = status else {
        return Err(format!("{} did not end in {PATIENCE:?}", last_test(&said)));
    };
    let printed = text(&mut printed);
    let last = printed.trim_end().lines().last().unwrap_or_default();
    match serde_json::from_str(last) {
        Ok(outcome) if status.success() => Ok(Outcome { said, ..outcome }),
        _ => Err(format!("{} ended the interpreter ({status})\n{said}", last_test(&said))),
    }
}

/// Waits for its end, or ends it.
fn wait(child: &mut Child) -> Option<ExitStatus> {
    for _ in 0..PATIENCE.as_millis() / INTERVAL.as_millis() {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        thread::sleep(INTERVAL);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

fn text(file: &mut std::fs::File) -> String {
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The test that was announced last.
fn last_test(said: &str) -> &str {
    let mut announced = said.lines().filter_map(|line| line.strip_prefix("# "));
    announced.next_back().unwrap_or("the import of the module")
}

impl Outcome {
    /// What was said of a test that failed.
    pub(crate) fn traceback(&self, test: &str) -> &str {
        let start = format!("FAIL {test}\n");
        let Some((_, rest)) = self.said.split_once(&start) else { return "" };
        rest.find("\n# ").map_or(rest, |end| &rest[..end])
    }
}
