//! Lets no process outlive the one that it works for, however that ends: nobody else would end it.
//!
//! A program of others, as uv, is started by `taipan tied`, which has the system end it with this process. What that
//! program starts, as the Python of a build, looks now and then whose child it is.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;
use std::time::Duration;

use rustix::process::{
    Pid, Signal, getpid, getppid, kill_process, set_parent_process_death_signal,
};

use crate::failure::Failure;

/// How often it is looked whose child this process is.
const GLANCE: Duration = Duration::from_millis(50);

/// The words that start a program that ends with this process; the program's own come after them.
pub(crate) fn starter() -> Result<Vec<OsString>, Failure> {
    let taipan = std::env::current_exe()
        .map_err(|source| Failure::System { what: "tell where this program is", source })?;
    let own = getpid().as_raw_nonzero().to_string();
    let words = ["tied", "--parent", &own, "--"].map(OsString::from);
    Ok([taipan.into()].into_iter().chain(words).collect())
}

/// Becomes the program of these words, which the system ends when the thread ends that has started this process (prctl(2),
/// `PR_SET_PDEATHSIG`); only the error of it comes back.
pub(crate) fn become_tied(parent: i32, program: &OsString, words: &[OsString]) -> std::io::Error {
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return error.into();
    }
    // It may have ended before that.
    if !is_parent(parent) {
        end();
    }
    Command::new(program).args(words).exec()
}

/// Ends this process when `parent`, which has started it, has ended. The system tells of threads, and those of uv come and
/// go.
pub(crate) fn end_with(parent: i32) {
    thread::spawn(move || {
        while is_parent(parent) {
            thread::sleep(GLANCE);
        }
        end();
    });
}

fn is_parent(process: i32) -> bool {
    getppid().map(Pid::as_raw_pid) == Some(process)
}

/// At once: what is in flight is for nobody.
fn end() {
    kill_process(getpid(), Signal::KILL).ok();
}
