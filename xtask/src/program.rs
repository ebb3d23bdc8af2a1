//! Runs programs, and tells people which and for how long.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, bail};

/// Prints one line of progress.
pub(crate) fn say(line: &str) {
    eprintln!("xtask: {line}");
}

/// Runs `command` to its end, which has to be a good one.
#[expect(clippy::disallowed_methods, reason = "only tells how long it took")]
pub(crate) fn run(what: &str, command: &mut Command) -> anyhow::Result<()> {
    say(what);
    let begin = Instant::now();
    let name = command.get_program().to_owned();
    let status = command.status().with_context(|| format!("cannot start {}", name.display()))?;
    if !status.success() {
        bail!("{what}: {} ended with {status}", name.display());
    }
    say(&format!("{what}: done in {:.1} s", begin.elapsed().as_secs_f32()));
    Ok(())
}

/// Becomes `command`; returns only what kept it from that.
pub(crate) fn become_program(command: &mut Command) -> anyhow::Result<()> {
    let error = command.exec();
    Err(error).with_context(|| format!("cannot start {}", command.get_program().display()))
}

/// The environment variable `name`, if it is set to some text.
#[expect(clippy::disallowed_methods, reason = "xtask has the environment for its settings")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
