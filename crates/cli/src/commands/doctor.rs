//! `taipan doctor`: tells what spoils or weakens the snapshot of a worker.

#![expect(clippy::disallowed_methods, reason = "how long a snapshot takes to make is told")]

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Args, ValueHint};
use serde_json::json;
use taipan_lock::Held;
use taipan_runtime::{Log, Record, SnapshotFile};
use taipan_webapi::with_causes;
use taipan_worker::{Error, Made};

use crate::failure::{FINDINGS, Failure};
use crate::options::Options;
use crate::prepare::prepare_quietly;
use crate::project::{Project, Variables};
use crate::runtime::guard;
use crate::{console, locking, snapshots};

/// Tell what spoils or weakens the snapshot of a worker
///
/// That is: random values that every isolate would share, what a snapshot
/// cannot keep, why the worker does not start, what in its configuration has no
/// effect; each with what to do. The exit code is 1 when there is something to mend.
/// It also tells which packages the lock holds back, which is nothing to mend: it was allowed.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The worker's directory
    #[arg(value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    directory: PathBuf,

    /// The configuration file, relative to DIR
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Something to mend.
#[derive(Debug)]
struct Finding {
    kind: Kind,
    /// What, where, and what to do.
    text: String,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// A part of the configuration that has no effect.
    Configuration,
    /// A warning from when the snapshot was made, mostly about entropy that is in it.
    Warning,
    /// Objects of both languages that hold each other, so that they are never freed.
    Cycle,
    /// What a snapshot cannot keep, so that the worker does not start.
    Unsaved,
    /// Another fault of the worker, so that it does not start.
    Fault,
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Configuration => "configuration",
            Self::Warning => "warning",
            Self::Cycle => "cycle",
            Self::Unsaved => "unsaved",
            Self::Fault => "fault",
        })
    }
}

/// Examines a worker as `serve` would start it.
pub(crate) fn run(arguments: &Arguments, options: &Options) -> Result<ExitCode, Failure> {
    let Arguments { directory, config, json } = arguments;
    let (project, warnings) =
        Project::read_quietly(directory, config.as_deref(), Variables::Configured)?;
    let mut findings = all(Kind::Configuration, warnings.iter().map(ToString::to_string));
    let held = locking::remembered(&project)?;
    let (prepared, warnings) = prepare_quietly(options, &guard()?, project)?;
    findings.extend(all(Kind::Configuration, warnings));
    let mut settings = prepared.settings;
    // What the worker prints is no finding; its warnings come with the snapshot.
    settings.log = Log::new(|_| ());
    let begin = Instant::now();
    let created = match snapshots::make(options, settings)? {
        Ok(created) => Some(created),
        Err(error) => {
            findings.extend(faults(error)?);
            None
        }
    };
    let took = begin.elapsed();
    if let Some(Made { log, file, .. }) = &created {
        let warnings = log.iter().filter_map(|record| match record {
            Record::Warning { text } => Some(text.clone()),
            _ => None,
        });
        findings.extend(all(Kind::Warning, warnings));
        findings.extend(all(Kind::Cycle, cycles(options, file)?));
    }
    match json {
        true => console::write(json_report(&findings, &held, created.as_ref(), took).as_bytes())?,
        false => console::write_text(&text_report(&findings, &held, created.as_ref(), took))?,
    }
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) })
}

fn all(kind: Kind, texts: impl IntoIterator<Item = String>) -> Vec<Finding> {
    texts.into_iter().map(|text| Finding { kind, text }).collect()
}

/// The remedies for a cycle.
const BREAK_A_CYCLE: &str = "only `destroy()` of the proxy frees them: call it when you need them no more, use \
    `create_once_callable` for what is called once, or have Python hold its own object by `weakref`";

/// The cycles through both languages that exist after the top level and the warm-up requests.
fn cycles(options: &Options, file: &SnapshotFile) -> Result<Vec<String>, Failure> {
    let bundle = Arc::new(snapshots::bundle_of(options, file).map_err(Failure::Snapshot)?);
    let cycles = taipan_worker::cycles(file, &bundle, &options.cache()?);
    let cycles = cycles.map_err(Failure::Snapshot)?;
    Ok(cycles
        .iter()
        .map(|cycle| format!("Python's {cycle}, which holds the first: {BREAK_A_CYCLE}"))
        .collect())
}

/// Why a worker does not start, if that is its own doing.
fn faults(error: Error) -> Result<Vec<Finding>, Failure> {
    if let Error::Runtime(taipan_runtime::Error::Unsaved { messages }) = error {
        return Ok(all(Kind::Unsaved, messages));
    }
    let failure = Failure::from(error);
    if !failure.is_workers() {
        return Err(failure);
    }
    let mut text = with_causes(&failure);
    if let Some(remedy) = failure.hint() {
        text += &format!("; {remedy}");
    }
    if !failure.traceback().is_empty() {
        text += &format!("\n{}", failure.traceback());
    }
    Ok(all(Kind::Fault, [text]))
}

fn text_report(
    findings: &[Finding],
    held: &[Held],
    created: Option<&Made>,
    took: Duration,
) -> String {
    let mut text = String::new();
    for held in held {
        let taken = held.taken.as_ref().map_or("none".to_owned(), ToString::to_string);
        let Held { name, kind, elsewhere, required_by, .. } = held;
        let (kind, by) = (kind.name(), required_by.join(", "));
        let (reason, remedy) = (held.reason(), held.remedy());
        text += &format!(
            "package: {name} is {kind}: {taken}, elsewhere {elsewhere} (required by {by}): {reason}; {remedy}\n"
        );
    }
    for Finding { kind, text: found } in findings {
        text += &format!("{kind}: {found}\n");
    }
    if !text.is_empty() {
        text += "\n";
    }
    text += &match created {
        Some(Made { file, made, .. }) => {
            let bytes = file.snapshot.file_bytes;
            let origin = match made {
                true => format!("made in {} ms", took.as_millis()),
                false => "found in the cache".to_owned(),
            };
            format!("the snapshot has {bytes} bytes, {origin}\n")
        }
        None => "there is no snapshot\n".to_owned(),
    };
    text + &match findings.len() {
        0 => "nothing to mend\n".to_owned(),
        1 => "1 thing to mend\n".to_owned(),
        count => format!("{count} things to mend\n"),
    }
}

fn json_report(
    findings: &[Finding],
    held: &[Held],
    created: Option<&Made>,
    took: Duration,
) -> String {
    let finding =
        |Finding { kind, text }: &Finding| json!({"kind": kind.to_string(), "text": text});
    let snapshot = created.map(|Made { file, made, .. }| {
        json!({
            "path": file.path,
            "bytes": file.snapshot.file_bytes,
            "digest": file.snapshot.digest.to_string(),
            "made_ms": made.then(|| took.as_secs_f64() * 1000.0),
        })
    });
    let package = |held: &Held| {
        json!({
            "name": held.name,
            "kind": held.kind.name(),
            "taken": held.taken.as_ref().map(ToString::to_string),
            "elsewhere": held.elsewhere.to_string(),
            "required_by": held.required_by,
            "reason": held.reason(),
            "remedy": held.remedy(),
        })
    };
    let findings: Vec<_> = findings.iter().map(finding).collect();
    let packages: Vec<_> = held.iter().map(package).collect();
    format!("{:#}\n", json!({"findings": findings, "packages": packages, "snapshot": snapshot}))
}
