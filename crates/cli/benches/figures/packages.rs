//! Starts of workers with packages: what one more side module costs.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::isolates::{bench, figure};
use crate::table::Table;
use crate::{PROGRAMS, SAMPLES, TAIPAN};

/// Processes that each measure all starts.
const PROCESSES: usize = 3;

/// The workers, and what is measured with each.
const WORKERS: [(&str, &str); 3] = [
    ("fastapi", "FastAPI, pydantic, httpx: 1 side module"),
    ("apsw", "apsw: 40 side modules"),
    ("mypy", "mypy: 233 side modules"),
];

/// How long it takes to answer without an isolate, with packages from the index.
pub(crate) fn measure() -> Result<Vec<Table>> {
    let mut table = Table::new(
        format!("packages: 300 starts, median of {PROCESSES} processes"),
        &["p50, ms", "p99, ms", "side state, ms", "idle, KiB", "served, KiB"],
    );
    row(&mut table, "hello", &Path::new(SAMPLES).join("hello"))?;
    for (name, told) in WORKERS {
        let place = tempfile::tempdir()?;
        copy(&Path::new(PROGRAMS).join("workers").join(name), place.path())?;
        let status = Command::new(TAIPAN).arg("lock").arg(place.path()).status();
        ensure!(status.context("starting taipan lock")?.success(), "taipan lock failed");
        row(&mut table, told, place.path())?;
    }
    Ok(vec![table])
}

fn row(table: &mut Table, name: &str, worker: &Path) -> Result<()> {
    let reports = (0..PROCESSES).map(|_| bench(&["cold", "--runs", "300"], worker));
    let reports = reports.collect::<Result<Vec<_>>>()?;
    let pointers = [
        "/first_byte_ms/p50",
        "/first_byte_ms/p99",
        "/side_state_ms/p50",
        "/idle_private_kib",
        "/served_private_kib",
    ];
    let figures = pointers.map(|pointer| figure(&reports, pointer));
    table.row(name, figures.into_iter().collect::<Result<Vec<_>>>()?);
    Ok(())
}

/// Copies a worker's files, since its lock is made beside them.
fn copy(from: &Path, to: &Path) -> Result<()> {
    for item in fs_err::read_dir(from)? {
        let item = item?;
        let target = to.join(item.file_name());
        if item.file_type()?.is_dir() {
            fs_err::create_dir(&target)?;
            copy(&item.path(), &target)?;
        } else {
            fs_err::copy(item.path(), target)?;
        }
    }
    Ok(())
}
