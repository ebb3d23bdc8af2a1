//! What a program has of the machine: descriptors, mappings, memory.

use std::path::PathBuf;

use tokio::time::{Instant, sleep};

use crate::case::Growth;
use crate::process::{GLANCE, PATIENCE, Process};

/// What a program has at a moment, as the kernel says (proc(5)).
#[derive(Debug)]
pub(crate) struct Usage {
    descriptors: usize,
    mappings: usize,
    resident_kb: usize,
}

/// What the program has now.
pub(crate) fn usage(process: &Process) -> Result<Usage, String> {
    let folder = PathBuf::from(format!("/proc/{}", process.id()));
    let text = |name| fs_err::read_to_string(folder.join(name)).map_err(|error| error.to_string());
    let status = text("status")?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let resident = resident.and_then(|value| value.trim().trim_end_matches(" kB").parse().ok());
    Ok(Usage {
        descriptors: fs_err::read_dir(folder.join("fd"))
            .map_err(|error| error.to_string())?
            .count(),
        mappings: text("maps")?.lines().count(),
        resident_kb: resident.ok_or("the kernel does not say how much memory is resident")?,
    })
}

/// Waits until the program has no more than it had plus `growth`: what is closed is closed a little later.
pub(crate) async fn compare(
    process: &Process,
    before: &Usage,
    growth: &Growth,
) -> Result<(), String> {
    let started = Instant::now();
    loop {
        let now = usage(process)?;
        let within = now.descriptors <= before.descriptors + growth.descriptors
            && now.mappings <= before.mappings + growth.mappings
            && now.resident_kb <= before.resident_kb + growth.resident_mb * 1024;
        if within {
            return Ok(());
        }
        if started.elapsed() > PATIENCE {
            return Err(format!("the program has {now:?}, and had {before:?}; {growth:?}"));
        }
        sleep(GLANCE).await;
    }
}
