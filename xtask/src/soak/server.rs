//! A server under load, and what the system says that it holds.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::{fmt, thread};

use anyhow::Context;
use fs_err as fs;

/// What a server says before its address.
const LISTENING: &str = "listening on http://127.0.0.1:";

/// Mappings that may come and go: of threads, and of isolates that wait.
const MAPPINGS_SLACK: usize = 64;

/// Memory that may stay, in MiB: what allocators keep.
const MEMORY_SLACK_MIB: usize = 48;

/// A server that runs; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) name: &'static str,
    pub(crate) port: u16,
}

/// What a process holds of the system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holdings {
    descriptors: usize,
    mappings: usize,
    memory_mib: usize,
}

impl fmt::Display for Holdings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { descriptors, mappings, memory_mib } = self;
        write!(formatter, "{descriptors} descriptors, {mappings} mappings, {memory_mib} MiB")
    }
}

impl Holdings {
    /// In what it is more than `before` was.
    pub(crate) fn excess(&self, before: &Self) -> Option<String> {
        let over = self.descriptors > before.descriptors
            || self.mappings > before.mappings + MAPPINGS_SLACK
            || self.memory_mib > before.memory_mib + MEMORY_SLACK_MIB;
        over.then(|| format!("{self}; it was {before}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Serves `worker`; it listens when this returns.
    pub(crate) fn start(
        taipan: &Path,
        worker: &Path,
        isolation: &'static str,
    ) -> anyhow::Result<Self> {
        let mut child = Command::new(taipan)
            .args(["serve", "--port", "0", "--isolation", isolation])
            .arg(worker)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", taipan.display()))?;
        let errors = child.stderr.take().context("standard error is a pipe")?;
        let mut lines = BufReader::new(errors).lines();
        let mut said = String::new();
        let port = loop {
            let line = lines.next().with_context(|| format!("the server ended:\n{said}"))??;
            if let Some(rest) = line.strip_prefix(LISTENING) {
                let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                break digits.parse().with_context(|| line.clone())?;
            }
            said += &(line + "\n");
        };
        // A full pipe would block the server.
        thread::spawn(move || lines.for_each(drop));
        Ok(Self { child, name: isolation, port })
    }

    /// What it holds now; an error when it has ended.
    pub(crate) fn holdings(&self) -> anyhow::Result<Holdings> {
        let directory = format!("/proc/{}", self.child.id());
        let read = |name: &str| {
            fs::read_to_string(format!("{directory}/{name}"))
                .with_context(|| format!("the server ({}) has ended", self.name))
        };
        let status = read("status")?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        // A process that is dead and not yet reaped has no memory.
        let resident = resident.with_context(|| format!("the server ({}) has ended", self.name))?;
        let kib: usize = resident.trim().trim_end_matches(" kB").parse().context("VmRSS")?;
        Ok(Holdings {
            descriptors: fs::read_dir(format!("{directory}/fd"))?.count(),
            mappings: read("maps")?.lines().count(),
            memory_mib: kib / 1024,
        })
    }
}
