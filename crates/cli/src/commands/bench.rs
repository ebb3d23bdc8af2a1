//! `taipan bench`: measures a worker in this process, without HTTP.

#![expect(clippy::disallowed_methods, reason = "time is what is measured here")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::{Subcommand, ValueHint};
use serde_json::{Value, json};
use taipan_runtime::{Binding, Incoming, Log, Record, ResumeTimes};
use taipan_worker::{Isolation, PoolSettings, Settings, Worker};

use crate::failure::Failure;
use crate::options::Options;
use crate::runtime::runtime;
use crate::{console, prepare};

/// Measure how fast a worker starts, and how much memory it takes
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Measure the time from a request for which there is no isolate to its answer
    Cold {
        /// The worker's directory
        #[arg(value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
        directory: PathBuf,
        /// How many requests
        #[arg(long, value_name = "COUNT", default_value_t = 500)]
        runs: usize,
        /// Print JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Measure the memory of many isolates in one process; each answers a request
    Density {
        /// The worker's directory
        #[arg(value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
        directory: PathBuf,
        /// How many workers: the same files, each with a snapshot of its own
        #[arg(long, value_name = "COUNT", default_value_t = 10)]
        workers: usize,
        /// How many isolates, of all workers together
        #[arg(long, value_name = "COUNT", default_value_t = 2000)]
        isolates: usize,
        /// Print JSON instead of a table
        #[arg(long)]
        json: bool,
    },
}

/// Isolates over which the private memory of one is averaged.
const AVERAGED: usize = 32;

/// How long the process rests between measurements, so that an isolate that is dropped is gone.
const PAUSE: Duration = Duration::from_millis(2);

const KIB_PER_MIB: f64 = 1024.0;

/// Measures.
pub(crate) fn run(action: &Action, options: &Options) -> Result<ExitCode, Failure> {
    let (Action::Cold { directory, json, .. } | Action::Density { directory, json, .. }) = action;
    let settings = prepare::settings(options, directory, None)?;
    let report = runtime()?.block_on(async {
        match *action {
            Action::Cold { runs, .. } => cold(&settings, runs.max(1)).await,
            Action::Density { workers, isolates, .. } => {
                density(&settings, workers.max(1), isolates).await
            }
        }
    })?;
    let text = if *json { format!("{}\n", report.json) } else { report.table };
    console::write(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// What came out.
struct Report {
    table: String,
    json: Value,
}

/// The times of the last resume, from the log of a worker.
type Last = Arc<Mutex<Option<ResumeTimes>>>;

/// Starts the worker as `serve` does, with another pool. Each but the first has one more variable, and so a snapshot of
/// its own.
async fn start(
    settings: &Settings,
    pool: PoolSettings,
    number: usize,
) -> Result<(Worker, Last), Failure> {
    let last = Last::default();
    let listener = last.clone();
    let log = Log::new(move |record| {
        if let Record::Resumed(times) = record {
            *listener.lock().unwrap_or_else(PoisonError::into_inner) = Some(times);
        }
    });
    let mut settings = Settings { pool, log, ..settings.clone() };
    if number > 0 {
        // The names of bindings are in the snapshot, their values are not.
        let name = format!("TAIPAN_BENCH_WORKER_{number}");
        settings.bindings = settings.bindings.with(&name, Binding::Value(true.into()));
    }
    Ok((Worker::start(settings, Box::new(|_| ())).await?, last))
}

fn request() -> Incoming {
    Incoming {
        method: "GET".into(),
        url: "http://localhost/".into(),
        headers: "host: localhost\r\n".into(),
    }
}

/// One request for which there was no isolate, in milliseconds.
struct Start {
    total: f64,
    resume: ResumeTimes,
    faults: f64,
}

async fn cold(settings: &Settings, runs: usize) -> Result<Report, Failure> {
    let alone = PoolSettings {
        isolation: Isolation::Fresh,
        isolates_max: 1,
        reserve: 0,
        ..PoolSettings::default()
    };
    let (worker, last) = start(settings, alone, 0).await?;
    let mut starts = Vec::new();
    for _ in 0..runs {
        tokio::time::sleep(PAUSE).await;
        let faults = page_faults()?;
        let begin = Instant::now();
        let answer = worker.fetch(request(), None).await;
        let total = begin.elapsed().as_secs_f64() * 1000.0;
        answer.map_err(failed)?;
        let faults = page_faults()? - faults;
        let resume = last.lock().unwrap_or_else(PoisonError::into_inner).take();
        starts.push(Start { total, resume: resume.ok_or_else(not_resumed)?, faults });
    }
    drop(worker);
    let (idle, served) = private_memory(settings).await?;
    Ok(cold_report(&starts, idle, served))
}

fn not_resumed() -> Failure {
    Failure::Bug { what: "a request was answered without an isolate".into() }
}

fn failed(fault: taipan_webapi::Fault) -> Failure {
    Failure::Program { message: fault.message, traceback: fault.detail }
}

/// The private memory of an isolate in KiB: while it waits, and after it has answered a request.
async fn private_memory(settings: &Settings) -> Result<(f64, f64), Failure> {
    let pool = PoolSettings { isolates_max: AVERAGED, ..PoolSettings::default() };
    let (worker, _) = start(settings, pool, 0).await?;
    #[expect(clippy::cast_precision_loss, reason = "a small constant")]
    let count = AVERAGED as f64;
    let before = rollup("Private_Dirty:")?;
    worker.warm(AVERAGED).await;
    let idle = rollup("Private_Dirty:")?;
    worker.fetch_from_all(&request()).await.map_err(failed)?;
    let served = rollup("Private_Dirty:")?;
    Ok(((idle - before) / count, (served - before) / count))
}

fn cold_report(starts: &[Start], idle: f64, served: f64) -> Report {
    let part = |name: &str, of: fn(&Start) -> f64| {
        let mut values: Vec<f64> = starts.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        let at = |percent: usize| values[(values.len() * percent / 100).min(values.len() - 1)];
        (name.to_owned(), [at(50), at(90), at(99)])
    };
    let parts = [
        part("first_byte", |start| start.total),
        part("instantiate", |start| start.resume.instantiate),
        part("map", |start| start.resume.map),
        part("side_state", |start| start.resume.side_state),
        part("first_call", |start| {
            let ResumeTimes { instantiate, map, side_state } = start.resume;
            start.total - instantiate - map - side_state
        }),
    ];
    let faults = part("page_faults", |start| start.faults);
    let mut table =
        format!("{} requests, each for an isolate that was not there\n\n", starts.len());
    table += "                           p50      p90      p99\n";
    for (name, [p50, p90, p99]) in &parts {
        let name = format!("{}, ms", name.replace('_', " "));
        table += &format!("{name:<22} {p50:>7.3}  {p90:>7.3}  {p99:>7.3}\n");
    }
    let [p50, p90, p99] = faults.1;
    table += &format!("{:<22} {p50:>7.0}  {p90:>7.0}  {p99:>7.0}\n\n", "page faults");
    table += &format!("private memory of an isolate that waits:      {idle:>7.0} KiB\n");
    table += &format!("private memory after its first request:       {served:>7.0} KiB\n");
    let percentiles = |[p50, p90, p99]: [f64; 3]| json!({"p50": p50, "p90": p90, "p99": p99});
    let mut report = serde_json::Map::new();
    for (name, values) in parts {
        report.insert(format!("{name}_ms"), percentiles(values));
    }
    report.insert(faults.0, percentiles(faults.1));
    report.insert("runs".into(), starts.len().into());
    report.insert("idle_private_kib".into(), json!(idle.round()));
    report.insert("served_private_kib".into(), json!(served.round()));
    Report { table, json: report.into() }
}

async fn density(settings: &Settings, workers: usize, isolates: usize) -> Result<Report, Failure> {
    let each = isolates.div_ceil(workers);
    let pool = PoolSettings { isolates_max: each, requests_max: each, ..PoolSettings::default() };
    let before = rollup("Pss:")?;
    let mut started = Vec::new();
    for number in 1..=workers {
        let (worker, _) = start(settings, pool.clone(), number).await?;
        worker.warm(each).await;
        started.push(worker);
    }
    let idle = rollup("Pss:")?;
    let mut answers = 0;
    for worker in &started {
        answers += worker.fetch_from_all(&request()).await.map_err(failed)?.len();
    }
    let served = rollup("Pss:")?;
    let mib = |kib: f64| kib / KIB_PER_MIB;
    let table = format!(
        "{answers} isolates of {workers} workers; each has answered a request\n\n\
         proportional memory (PSS) of the process, MiB\n  \
         without isolates              {:>8.0}\n  \
         all resumed                   {:>8.0}\n  \
         all have answered             {:>8.0}\n",
        mib(before),
        mib(idle),
        mib(served)
    );
    let json = json!({
        "isolates": answers, "workers": workers, "pss_before_kib": before,
        "pss_idle_kib": idle, "pss_served_kib": served,
    });
    Ok(Report { table, json })
}

/// A line of `/proc/self/smaps_rollup`, in KiB.
fn rollup(name: &str) -> Result<f64, Failure> {
    let text = fs_err::read_to_string("/proc/self/smaps_rollup").map_err(unreadable)?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    let number = line.trim().trim_end_matches("kB").trim().parse();
    number.map_err(|_| Failure::Bug { what: format!("smaps_rollup has no number for {name}") })
}

/// The page faults of this process that needed no disk (proc(5), /proc/pid/stat, field 10).
fn page_faults() -> Result<f64, Failure> {
    let text = fs_err::read_to_string("/proc/self/stat").map_err(unreadable)?;
    let fields = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let number = fields.split_whitespace().nth(7).and_then(|field| field.parse().ok());
    number.ok_or_else(|| Failure::Bug { what: "/proc/self/stat has no page faults".into() })
}

fn unreadable(source: std::io::Error) -> Failure {
    Failure::System { what: "read what the kernel says of this process", source }
}
