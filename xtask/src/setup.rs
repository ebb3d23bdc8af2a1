//! Sees what the machine lacks, and installs it where that is allowed.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use crate::program;
use crate::requirements::{BUILD, Evidence, Requirement, TEST, command_line};

/// Makes the machine ready to build.
pub(crate) fn build() -> anyhow::Result<()> {
    provide(BUILD.iter())
}

/// Makes the machine ready to build and test.
pub(crate) fn test() -> anyhow::Result<()> {
    provide(BUILD.iter().chain(TEST))
}

fn provide(requirements: impl Iterator<Item = &'static Requirement>) -> anyhow::Result<()> {
    let mut missing = Vec::new();
    for requirement in requirements {
        if !met(requirement)? {
            program::say(&format!("{} is missing: {}", requirement.name, requirement.reason));
            missing.push(requirement);
        }
    }
    if missing.is_empty() {
        program::say("all that is needed is installed");
        return Ok(());
    }
    let command_line = command_line(&missing);
    if !root() || !answers("apt-get", "--version", "apt") {
        bail!("install what is missing, on Debian as root with\n\n    {command_line}\n");
    }
    let mut shell = Command::new("sh");
    shell.args(["-c", &command_line]).env("DEBIAN_FRONTEND", "noninteractive");
    program::run(&format!("installing with `{command_line}`"), &mut shell)?;
    for requirement in missing {
        if !met(requirement)? {
            bail!("{} is still missing after {}", requirement.name, requirement.package);
        }
    }
    Ok(())
}

fn met(requirement: &Requirement) -> anyhow::Result<bool> {
    let (variable, names, argument, expect) = match requirement.evidence {
        Evidence::File(path) => {
            return Path::new(path).try_exists().with_context(|| format!("cannot look for {path}"));
        }
        Evidence::Program { variable, names, argument, expect } => {
            (variable, names, argument, expect)
        }
    };
    let named = variable.and_then(|variable| Some((variable, program::variable(variable)?)));
    if let Some((variable, program)) = named {
        if !answers(&program, argument, expect) {
            bail!("{variable} names {program}, which cannot be used as {}", requirement.name);
        }
        return Ok(true);
    }
    Ok(names.iter().any(|name| answers(name, argument, expect)))
}

/// Whether `program` can be started, succeeds and prints `expect`.
fn answers(program: &str, argument: &str, expect: &str) -> bool {
    Command::new(program).arg(argument).output().is_ok_and(|output| {
        output.status.success() && String::from_utf8_lossy(&output.stdout).contains(expect)
    })
}

/// Whether this process may install packages.
fn root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}
