//! `taipan snapshot`: makes, shows, checks and compares snapshots.

mod report;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand, ValueHint};
use taipan_runtime::SnapshotFile;
use taipan_snapshot::diff;
use taipan_webapi::with_causes;
use taipan_worker::{Check, Error, Made, Owners, copy, snapshot_of};

use crate::entries::WITH_SNAPSHOT;
use crate::failure::Failure;
use crate::options::Options;
use crate::progress::Counter;
use crate::{console, prepare, snapshots};

/// Look at the snapshots that workers start from
///
/// A snapshot is a worker at rest, after its top level has run. `serve` and
/// `dev` make it when it is missing; it holds what the top level read, so only
/// you can read it.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    Create(CreateArguments),
    /// Show what a snapshot was made from, and what its bytes belong to
    Inspect {
        /// The worker's directory, or a snapshot file
        #[arg(value_name = "DIR|FILE", default_value = ".")]
        which: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Check a snapshot, or all that are in the cache
    Verify {
        /// The worker's directory, or a snapshot file; all of the cache without it
        #[arg(value_name = "DIR|FILE")]
        which: Option<PathBuf>,
    },
    /// Show what grew from one snapshot to another
    #[command(after_help = DIFF_EXAMPLES)]
    Diff {
        /// The earlier: a worker's directory, or a snapshot file
        #[arg(value_name = "A")]
        before: PathBuf,
        /// The later
        #[arg(value_name = "B")]
        after: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Make the snapshot of a worker, or find it in the cache
#[derive(Args, Debug)]
#[command(after_help = CREATE_EXAMPLES)]
pub(crate) struct CreateArguments {
    /// The worker's directory
    #[arg(value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    directory: PathBuf,

    /// Write a copy to this file, which only you can read
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: Option<PathBuf>,

    /// The configuration file, relative to DIR
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
}

const CREATE_EXAMPLES: &str = "\
Examples:
  taipan snapshot create samples/hello
  taipan snapshot create my-worker -o before.snapshot";

const DIFF_EXAMPLES: &str = "\
Example: what does a change cost?
  taipan snapshot create my-worker -o before.snapshot
  edit my-worker/entry.py
  taipan snapshot diff before.snapshot my-worker";

/// Does what was asked for.
pub(crate) fn run(action: &Action, options: &Options) -> Result<ExitCode, Failure> {
    match action {
        Action::Create(arguments) => create(options, arguments),
        Action::Inspect { which, json } => inspect(options, which, *json),
        Action::Verify { which: Some(which) } => verify(options, which),
        Action::Verify { which: None } => verify_all(options),
        Action::Diff { before, after, json } => compare(options, before, after, *json),
    }
}

fn create(options: &Options, arguments: &CreateArguments) -> Result<ExitCode, Failure> {
    let CreateArguments { directory, output, config } = arguments;
    let Made { file, made, cached, .. } = find_or_make(options, directory, config.as_deref())?;
    let path = match output {
        None if !cached => {
            return Err(Failure::NotKept { cache: options.cache()?.root().to_owned() });
        }
        Some(path) => {
            copy(&file, path)?;
            warn_of_place(path, directory);
            path
        }
        None => &file.path,
    };
    let snapshot = &file.snapshot;
    let text = format!("{}\n{} bytes\n{}\n", path.display(), snapshot.file_bytes, snapshot.digest);
    console::write(text.as_bytes())?;
    if !options.quiet {
        console::say(if made { "the snapshot is made" } else { "the snapshot was in the cache" });
    }
    Ok(ExitCode::SUCCESS)
}

/// Warns when a copy has become one of the worker's files.
fn warn_of_place(copy: &Path, directory: &Path) {
    let real = |path: &Path| fs_err::canonicalize(path).ok();
    if let (Some(copy), Some(directory)) = (real(copy), real(directory))
        && copy.starts_with(&directory)
    {
        console::warn(format_args!(
            "{} is in the worker's directory, so it is part of the worker from now on",
            copy.display()
        ));
    }
}

fn inspect(options: &Options, which: &Path, json: bool) -> Result<ExitCode, Failure> {
    let file = open_or_make(options, which)?;
    let owners = owners(options, &file);
    let text = match owners {
        Ok((owners, baseline)) => report::inspection(&file, Some((&baseline, &owners)), json)?,
        Err(failure) => {
            // What the file itself tells is printed nevertheless.
            console::write(report::inspection(&file, None, json)?.as_bytes())?;
            return Err(failure);
        }
    };
    console::write(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn compare(
    options: &Options,
    before: &Path,
    after: &Path,
    json: bool,
) -> Result<ExitCode, Failure> {
    let before = open_or_make(options, before)?;
    let after = open_or_make(options, after)?;
    let pages = diff((&before.snapshot, &before.bytes), (&after.snapshot, &after.bytes));
    let pages = pages.map_err(|source| {
        let (path, source) = (after.path.clone(), Box::new(source));
        Failure::Snapshot(taipan_runtime::Error::Snapshot { path, source }.into())
    })?;
    let owners = (owners(options, &before)?.0, owners(options, &after)?.0);
    let text = report::comparison((&before, &owners.0), (&after, &owners.1), &pages, json)?;
    console::write(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// The owners of a snapshot's memory, and those of its bundle's baseline.
fn owners(options: &Options, file: &SnapshotFile) -> Result<(Owners, Owners), Failure> {
    let bundle = Arc::new(snapshots::bundle_of(options, file).map_err(Failure::Snapshot)?);
    let cache = options.cache()?;
    let baseline = Owners::of_baseline(&bundle, &cache).map_err(Failure::Snapshot)?;
    Ok((Owners::of(file, &bundle, &cache).map_err(Failure::Snapshot)?, baseline))
}

fn verify(options: &Options, which: &Path) -> Result<ExitCode, Failure> {
    let file = if which.is_dir() {
        let settings = prepare::settings(options, which, None)?;
        let found = snapshot_of(&settings).map_err(Failure::Snapshot)?;
        found.ok_or_else(|| Failure::NoSnapshot { directory: which.to_owned() })?
    } else {
        open(which)?
    };
    let standing =
        taipan_worker::check_bundle(&file, &options.cache()?).map_err(Failure::Snapshot)?;
    console::write(line(&file.path.display().to_string(), &Ok(standing)).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Checks every snapshot of the cache.
fn verify_all(options: &Options) -> Result<ExitCode, Failure> {
    let cache = options.cache()?;
    let mut text = String::new();
    let mut count = 0;
    let mut entries = Vec::new();
    for (kind, name) in WITH_SNAPSHOT {
        entries.extend(cache.entries(kind)?.into_iter().map(|entry| (entry, name)));
    }
    let progress = (!options.quiet).then(|| Counter::new("checking snapshots", entries.len()));
    for (entry, name) in entries {
        let there = entry.verify();
        progress.iter().for_each(Counter::advance);
        // The bundles of earlier Taipans have no snapshot, or another inventory; `verify` tells what is missing.
        if there.is_ok() && !entry.path().join(name).exists()
            || there.as_ref().is_err_and(taipan_store::Error::is_other_version)
        {
            continue;
        }
        let checked = there.map_err(Error::Store).and_then(|_there| {
            let file = SnapshotFile::open(&entry.path().join(name))?;
            taipan_worker::check_bundle(&file, &cache)
        });
        count += usize::from(checked.is_err());
        text += &line(entry.name(), &checked);
    }
    drop(progress);
    console::write(text.as_bytes())?;
    if count > 0 { Err(Failure::Damaged { count }) } else { Ok(ExitCode::SUCCESS) }
}

/// The line about a snapshot: its state, and all causes of an error.
fn line(name: &str, checked: &Result<Check, Error>) -> String {
    match checked {
        Ok(Check::Good) => format!("good     {name}\n"),
        Ok(Check::NoBundle) => format!("unused   {name}: its bundle is not in the cache\n"),
        Err(error) => {
            let state = match error {
                Error::Store(error) => error.state(),
                _ => "damaged",
            };
            format!("{state:8} {name}: {}\n", with_causes(error))
        }
    }
}

/// The snapshot file at `which`, or the snapshot of the worker there.
fn open_or_make(options: &Options, which: &Path) -> Result<SnapshotFile, Failure> {
    if which.is_dir() { Ok(find_or_make(options, which, None)?.file) } else { open(which) }
}

fn open(path: &Path) -> Result<SnapshotFile, Failure> {
    if !path.is_file() {
        let what = "the worker's directory or snapshot file";
        return Err(Failure::NotFound { what, path: path.to_owned() });
    }
    SnapshotFile::open(path).map_err(|error| Failure::Snapshot(error.into()))
}

/// Makes the snapshot of the worker in `directory`, as `serve` would, or finds it in the cache.
fn find_or_make(
    options: &Options,
    directory: &Path,
    config: Option<&Path>,
) -> Result<Made, Failure> {
    let settings = prepare::settings(options, directory, config)?;
    Ok(snapshots::make(options, settings)??)
}
