//! Workers with packages: what a start costs with one more side module, and what setting them up costs, beside uv alone.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::isolates::figure;
use crate::project::{DISTRIBUTION, Project, timed};
use crate::table::{Table, median};
use crate::{SAMPLES, TAIPAN};

/// Processes that each measure all starts.
const PROCESSES: usize = 3;

/// Runs of what is set up, each with a cache of its own.
const RUNS: usize = 3;

/// A worker of the benchmark, what is measured with it, and whether it needs the distribution.
type Subject = (&'static str, &'static str, bool);

const STARTS: [Subject; 4] = [
    ("fastapi", "FastAPI, pydantic, httpx: 1 side module", false),
    ("apsw", "apsw: 40 side modules", false),
    ("mypy", "mypy: 233 side modules", false),
    ("pandas", "numpy, pandas on 0.27.8", true),
];

const COMPILED: [Subject; 3] = [
    ("fastapi", "pydantic-core", false),
    ("numpy", "numpy", true),
    ("scipy", "scipy, numpy, openblas", true),
];

const BYTES_PER_MIB: f64 = 1024.0 * 1024.0;

/// All tables.
pub(crate) fn measure() -> Result<Vec<Table>> {
    Ok(vec![compiled()?, starts()?, set_up()?, interpreter()?])
}

/// How long it takes to answer without an isolate.
fn starts() -> Result<Table> {
    let mut table = Table::new(
        format!("packages: 300 starts, median of {PROCESSES} processes"),
        &["p50, ms", "p99, ms", "side state, ms", "idle, KiB", "served, KiB"],
    );
    row(&mut table, "hello", &Project::of(&Path::new(SAMPLES).join("hello"))?)?;
    for (name, told, apart) in available(&STARTS) {
        let project = Project::called(name, *apart)?;
        project.run(&["lock"])?;
        row(&mut table, told, &project)?;
    }
    Ok(table)
}

fn row(table: &mut Table, name: &str, project: &Project) -> Result<()> {
    let reports = (0..PROCESSES).map(|_| project.starts("300"));
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

/// Lock, installation and snapshot of the FastAPI project: first with uv's and Taipan's caches empty, then once more.
fn set_up() -> Result<Table> {
    const LINUX: [&str; 5] =
        ["--python-version", "3.14", "--python-platform", "linux", "--only-binary=:all:"];
    let names = [
        "taipan lock",
        "uv pip compile, Linux",
        "taipan sync",
        "uv pip install, Linux",
        "snapshot",
    ];
    let mut times = names.map(|_| [Vec::new(), Vec::new()]);
    for _ in 0..RUNS {
        let project = Project::called("fastapi", false)?.with_cache()?;
        // uv alone has a cache of its own: Taipan's fills the other.
        let alone = Project::called("fastapi", false)?.with_cache()?;
        let uv = |words: &[&str]| timed(alone.uv().args(words).args(LINUX));
        for turn in 0..2 {
            fs_err::remove_file(project.worker().join("pylock.toml")).ok();
            fs_err::remove_dir_all(alone.worker().join("installed")).ok();
            let figures = [
                project.run(&["lock"])?,
                uv(&["pip", "compile", "pyproject.toml", "-o", "requirements.txt", "--quiet"])?,
                project.run(&["sync"])?,
                uv(&["pip", "install", "--target=installed", "-r", "requirements.txt", "--quiet"])?,
                project.run(&["bench", "cold", "--runs", "1"])?,
            ];
            for (times, figure) in times.iter_mut().zip(figures) {
                times[turn].push(figure);
            }
        }
    }
    let title = format!("packages: setting up FastAPI, pydantic and httpx, median of {RUNS}, ms");
    let mut table = Table::new(title, &["cold", "warm"]);
    for (name, times) in names.into_iter().zip(times) {
        table.row(name, times.map(median));
    }
    Ok(table)
}

/// What the machine code of side modules takes: a first start, less one for which only the snapshot is made anew.
fn compiled() -> Result<Table> {
    let mut table = Table::new(
        "packages: side modules compiled on all processors",
        &["modules", "wasm, MiB", "code, MiB", "seconds"],
    );
    for (name, told, apart) in available(&COMPILED) {
        let project = Project::called(name, *apart)?.with_cache()?;
        project.run(&["lock"])?;
        project.run(&["sync"])?;
        let start = || project.run(&["bench", "cold", "--runs", "1"]);
        let all = start()?;
        fs_err::remove_dir_all(project.entries("snapshot"))?;
        let rest = start()?;
        let [mut modules, mut wasm, mut code] = [0.0; 3];
        for entry in fs_err::read_dir(project.entries("webassembly"))? {
            let entry = entry?.path();
            modules += 1.0;
            wasm += mebibytes(&entry.join("side.wasm"))?;
            code += mebibytes(&entry.join("module.code"))?;
        }
        table.row(*told, [modules, wasm, code, (all - rest) / 1000.0]);
    }
    Ok(table)
}

/// The length of a file.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn mebibytes(file: &Path) -> Result<f64> {
    Ok(fs_err::metadata(file)?.len() as f64 / BYTES_PER_MIB)
}

/// What a process of `taipan python` takes.
fn interpreter() -> Result<Table> {
    let run = || timed(Command::new(TAIPAN).args(["python", "-c", "pass"]));
    run()?;
    let times = (0..40).map(|_| run()).collect::<Result<Vec<_>>>()?;
    let mut table = Table::new("packages: `taipan python -c pass`, median of 40", &["ms"]);
    table.row("a process", [median(times)]);
    Ok(table)
}

/// Those that can be measured here.
fn available(subjects: &'static [Subject]) -> impl Iterator<Item = &'static Subject> {
    let distribution = std::env::var_os(DISTRIBUTION).is_some();
    subjects.iter().filter(move |(_, told, needs)| {
        if *needs && !distribution {
            eprintln!("{told}: not measured, {DISTRIBUTION} names no directory");
        }
        distribution || !needs
    })
}
