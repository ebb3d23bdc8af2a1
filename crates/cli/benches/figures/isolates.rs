//! What `taipan bench` says of `samples/hello`: starts from a snapshot, and many isolates at a time.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::table::{Table, median};
use crate::{SAMPLES, TAIPAN};

/// Processes that each measure all starts.
const PROCESSES: usize = 5;

const KIB_PER_MIB: f64 = 1024.0;

/// How long it takes to answer without an isolate: the median process.
pub(crate) fn cold() -> Result<Vec<Table>> {
    let reports: Vec<_> = (0..PROCESSES)
        .map(|_| bench(&["cold", "--runs", "500"], &hello()))
        .collect::<Result<_>>()?;
    let figure = |pointer: &str| figure(&reports, pointer);
    let mut times = Table::new(
        format!("cold: 500 starts of samples/hello, median of {PROCESSES} processes"),
        &["p50", "p90", "p99"],
    );
    for (name, key) in [
        ("first byte, ms", "first_byte_ms"),
        ("instantiate, ms", "instantiate_ms"),
        ("map, ms", "map_ms"),
        ("side state, ms", "side_state_ms"),
        ("first call, ms", "first_call_ms"),
        ("page faults", "page_faults"),
    ] {
        let percentiles = ["p50", "p90", "p99"].map(|point| figure(&format!("/{key}/{point}")));
        times.row(name, percentiles.into_iter().collect::<Result<Vec<_>>>()?);
    }
    let mut memory = Table::new("cold: private memory of an isolate", &["KiB"]);
    memory.row("that waits", [figure("/idle_private_kib")?]);
    memory.row("after its first request", [figure("/served_private_kib")?]);
    Ok(vec![times, memory])
}

/// What many isolates take.
pub(crate) fn density() -> Result<Vec<Table>> {
    let report = [bench(&["density", "--workers", "10", "--isolates", "2000"], &hello())?];
    let mut table =
        Table::new("density: 2,000 isolates of ten workers in one process", &["MiB (PSS)"]);
    for (name, pointer) in [
        ("without isolates", "/pss_before_kib"),
        ("all resumed", "/pss_idle_kib"),
        ("all have answered", "/pss_served_kib"),
    ] {
        table.row(name, [figure(&report, pointer)? / KIB_PER_MIB]);
    }
    Ok(vec![table])
}

fn hello() -> PathBuf {
    Path::new(SAMPLES).join("hello")
}

/// Runs `taipan bench` on a worker; its report.
pub(crate) fn bench(arguments: &[&str], worker: &Path) -> Result<Value> {
    let output = Command::new(TAIPAN)
        .args(["--quiet", "bench"])
        .args(arguments)
        .arg("--json")
        .arg(worker)
        .output()
        .with_context(|| format!("starting {TAIPAN}"))?;
    ensure!(
        output.status.success(),
        "taipan bench failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}

pub(crate) fn figure(reports: &[Value], pointer: &str) -> Result<f64> {
    let figures = reports.iter().map(|report| report.pointer(pointer).and_then(Value::as_f64));
    let figures: Option<Vec<_>> = figures.collect();
    Ok(median(figures.with_context(|| format!("the report has no {pointer}"))?))
}
