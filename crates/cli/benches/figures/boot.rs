//! Starting without a snapshot: by phase, to the first answer, and what imports cost.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use taipan_bundle::Bundle;
use taipan_runtime::{Bindings, Guard, Log, Milestone, Record};
use taipan_store::Cache;
use taipan_worker::{Limits, Network, PoolSettings, Settings, Worker};
use tokio::runtime;

use crate::table::{Table, median};
use crate::{SAMPLES, program, server};

/// Runs of each measurement.
const RUNS: usize = 7;

/// What is measured, and the milestone at its end.
const PHASES: [(&str, Milestone); 5] = [
    ("make the isolate, with its engine", Milestone::Isolate),
    ("JavaScript platform", Milestone::Platform),
    ("glue and Py_Initialize", Milestone::Interpreter),
    ("end of the loader", Milestone::Python),
    ("import samples/hello and take its snapshot", Milestone::Program),
];

/// Measures the phases in this process, the rest from outside.
pub(crate) fn measure() -> Result<Vec<Table>> {
    Ok(vec![phases()?, processes()?])
}

fn phases() -> Result<Table> {
    let cache = cache()?;
    let release = taipan_release::release(taipan_release::NEWEST)?;
    // The bundle is made if it is not there, and in the system's cache from here on.
    let open =
        || taipan_bundle::prepare(release, &[taipan_release::Source::npm()], &cache, &|_| ());
    open()?;
    let runtime = runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(taipan_runtime::THREAD_STACK_BYTES)
        .build()?;
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        let begin = Instant::now();
        let bundle = Arc::new(open()?);
        let mut ends = vec![begin, Instant::now()];
        ends.extend(runtime.block_on(start(bundle))?);
        runs.push(ends);
    }
    let mut table = Table::new(format!("boot, by phase: median of {RUNS}"), &["ms"]);
    let names = [("check and map the bundle", 0)]
        .into_iter()
        .chain(PHASES.map(|(name, _)| name).into_iter().zip(1..));
    for (name, phase) in names {
        table.row(
            name,
            [median(runs.iter().map(|ends| milliseconds(ends[phase + 1] - ends[phase])))],
        );
    }
    let total = runs.iter().map(|ends| milliseconds(ends[PHASES.len() + 1] - ends[0]));
    table.row("total", [median(total)]);
    Ok(table)
}

/// Starts a worker: when it reached each milestone. The worker has stopped when this returns.
async fn start(bundle: Arc<Bundle>) -> Result<Vec<Instant>> {
    let reached = Arc::new(Mutex::new(Vec::new()));
    let listener = reached.clone();
    let log = Log::new(move |record| {
        if let Record::Reached(milestone) = record {
            listener
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((milestone, Instant::now()));
        }
    });
    // A cache of its own, so that the snapshot is made and the worker boots.
    let place = tempfile::tempdir()?;
    let minute = Duration::from_secs(60);
    let settings = Settings {
        modules: Arc::default(),
        bundle,
        cache: Cache::open(place.path())?,
        warmup: Vec::new(),
        flags: BTreeMap::new(),
        pool: PoolSettings::default(),
        guard: Guard::start()?,
        limits: Limits {
            memory_bytes: 1 << 30,
            startup_cpu: minute,
            cpu: minute,
            wall: minute,
            wait_until: minute,
            inside: taipan_webapi::limits::Limits::default(),
        },
        code: taipan_worker::from_directory(&Path::new(SAMPLES).join("hello"))?,
        packages: None,
        unvendored: None,
        main: "entry.py".into(),
        bindings: Bindings::default(),
        network: Network::new(taipan_webapi::fetch::Settings::default())?,
        log,
    };
    Worker::start(settings, Box::new(|_| ())).await?;
    let reached = reached.lock().unwrap_or_else(PoisonError::into_inner);
    let time =
        |wanted| reached.iter().find(|(milestone, _)| *milestone == wanted).map(|(_, time)| *time);
    PHASES
        .map(|(name, milestone)| time(milestone).with_context(|| format!("never reached: {name}")))
        .into_iter()
        .collect()
}

fn processes() -> Result<Table> {
    let mut table = Table::new(format!("processes: median of {RUNS}"), &["ms"]);
    let hello = Path::new(SAMPLES).join("hello");
    let mut answers = Vec::new();
    let mut scripts = Vec::new();
    let mut imports = Vec::new();
    for _ in 0..RUNS {
        answers.push(milliseconds(server::serve(&hello, &[])?.first_answer));
        let begin = Instant::now();
        let times = program::run(&mut program::taipan_run(&program::path("nothing.py")))?;
        scripts.push(milliseconds(begin.elapsed()));
        ensure!(times.is_empty(), "nothing.py measures something");
        imports.push(program::run(&mut program::taipan_run(&program::path("reimport.py")))?);
    }
    table.row("process start to first 200 of samples/hello", [median(answers)]);
    table.row("`taipan run` of a script that does nothing", [median(scripts)]);
    for index in 0..imports.first().map_or(0, Vec::len) {
        let name = format!("{} of 11 standard modules", imports[0][index].0);
        table.row(name, [median(imports.iter().map(|times| times[index].1))]);
    }
    Ok(table)
}

/// The cache of the command.
fn cache() -> Result<Cache> {
    let path = |name| std::env::var_os(name).map(Into::into);
    let surroundings = taipan_store::Surroundings {
        taipan_cache: path("TAIPAN_CACHE"),
        xdg_cache_home: path("XDG_CACHE_HOME"),
        home: path("HOME"),
    };
    Ok(Cache::open(&taipan_store::root(&surroundings)?)?)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
