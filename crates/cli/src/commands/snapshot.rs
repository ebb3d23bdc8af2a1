//! `taipan snapshot`.

mod report;

use std::{path::Path, process::ExitCode, sync::Arc};

use taipan_snapshot::diff;
use taipan_worker::{Bundle, Created, Error, Owners, SnapshotFile, Standing};

use crate::{
    arguments::{CreateArguments, SnapshotAction},
    console,
    failure::Failure,
    options::{Command, configuration_name},
    prepare::{Means, Prepared, prepare},
    progress::{Counter, Display},
    project::{Project, Variables},
    workers,
};

/// The kinds of entry with snapshots, and the name of the file in each.
const ENTRIES: [(&str, &str); 2] =
    [("bundle", "baseline.snapshot"), ("snapshot", "worker.snapshot")];

/// Does what was asked for.
pub(crate) fn run(command: &Command, action: &SnapshotAction) -> Result<ExitCode, Failure> {
    match action {
        SnapshotAction::Create(arguments) => create(command, arguments),
        SnapshotAction::Inspect { which, json } => inspect(command, which, *json),
        SnapshotAction::Verify { which: Some(which) } => verify(command, which),
        SnapshotAction::Verify { which: None } => verify_all(command),
        SnapshotAction::Diff { before, after, json } => compare(command, before, after, *json),
    }
}

fn create(command: &Command, arguments: &CreateArguments) -> Result<ExitCode, Failure> {
    let config = arguments.config.clone().map(configuration_name).transpose()?;
    let Created { file, made, kept, .. } =
        find_or_make(command, &arguments.directory, config.as_deref())?;
    let path = match &arguments.output {
        None if !kept => {
            return Err(Failure::NotKept { cache: command.cache()?.root().to_owned() });
        }
        Some(path) => {
            file.copy(path)?;
            warn_of_place(path, &arguments.directory);
            path
        }
        None => &file.path,
    };
    let snapshot = file.snapshot();
    let text = format!("{}\n{} bytes\n{}\n", path.display(), snapshot.file_bytes, snapshot.digest);
    console::write(text.as_bytes())?;
    if !command.quiet {
        console::say(if made { "the snapshot is made" } else { "the snapshot was in the cache" });
    }
    Ok(ExitCode::SUCCESS)
}

/// Says it when a copy has become one of the worker's files.
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

fn inspect(command: &Command, which: &Path, json: bool) -> Result<ExitCode, Failure> {
    let file = open_or_make(command, which)?;
    let owners = owners(command, &file);
    let text = match owners {
        Ok((owners, baseline)) => report::inspection(&file, Some((&baseline, &owners)), json)?,
        Err(failure) => {
            // What the file itself tells is printed all the same.
            console::write(report::inspection(&file, None, json)?.as_bytes())?;
            return Err(failure);
        }
    };
    console::write(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn compare(
    command: &Command,
    before: &Path,
    after: &Path,
    json: bool,
) -> Result<ExitCode, Failure> {
    let before = open_or_make(command, before)?;
    let after = open_or_make(command, after)?;
    let pages = diff((before.snapshot(), before.bytes()), (after.snapshot(), after.bytes()));
    let pages = pages.map_err(|source| {
        let (path, source) = (after.path.clone(), Box::new(source));
        Failure::Snapshot(Error::Snapshot { path, source })
    })?;
    let owners = (owners(command, &before)?.0, owners(command, &after)?.0);
    let text = report::comparison((&before, &owners.0), (&after, &owners.1), &pages, json)?;
    console::write(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Whose the memory of a snapshot is, and that of its bundle's baseline.
fn owners(command: &Command, file: &SnapshotFile) -> Result<(Owners, Owners), Failure> {
    let bundle = Arc::new(bundle_of(command, file).map_err(Failure::Snapshot)?);
    let cache = command.cache()?;
    let baseline = Owners::of_baseline(&bundle, &cache).map_err(Failure::Snapshot)?;
    Ok((Owners::of(file, &bundle, &cache).map_err(Failure::Snapshot)?, baseline))
}

/// The bundle that a snapshot was taken from, if the cache has it.
pub(crate) fn bundle_of(command: &Command, file: &SnapshotFile) -> Result<Bundle, Error> {
    let digest = file.snapshot().provenance.bundle;
    let release = taipan_worker::release_of(&digest.0)?;
    let release = release.ok_or_else(|| Error::OtherBundle {
        path: file.path.clone(),
        bundle: digest.to_string(),
    })?;
    taipan_worker::find(
        release,
        &command
            .cache()
            .map_err(|failure| Error::NoBundle { bundle: format!("{digest} ({failure})") })?,
    )
}

fn verify(command: &Command, which: &Path) -> Result<ExitCode, Failure> {
    let file = if which.is_dir() {
        let settings = settings(command, read(which, None)?)?;
        let found = SnapshotFile::find(&settings).map_err(Failure::Snapshot)?;
        found.ok_or_else(|| Failure::NoSnapshot { directory: which.to_owned() })?
    } else {
        open(which)?
    };
    let standing = taipan_worker::standing(&file, &command.cache()?).map_err(Failure::Snapshot)?;
    console::write(line(&file.path.display().to_string(), &Ok(standing)).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Checks every snapshot of the cache.
fn verify_all(command: &Command) -> Result<ExitCode, Failure> {
    let cache = command.cache()?;
    let mut text = String::new();
    let mut count = 0;
    let mut entries = Vec::new();
    for (kind, name) in ENTRIES {
        entries.extend(cache.entries(kind)?.into_iter().map(|entry| (entry, name)));
    }
    let progress = (!command.quiet).then(|| Counter::new("checking snapshots", entries.len()));
    for (entry, name) in entries {
        let there = entry.verify();
        progress.iter().for_each(Counter::advance);
        // The bundles of earlier Taipans have no snapshot, or another inventory; what is missing, `verify` tells.
        if there.is_ok() && !entry.path().join(name).exists()
            || there.as_ref().is_err_and(taipan_store::Error::is_other_version)
        {
            continue;
        }
        let checked = there.map_err(Error::Store).and_then(|_there| {
            let file = SnapshotFile::open(&entry.path().join(name))?;
            taipan_worker::standing(&file, &cache)
        });
        count += usize::from(checked.is_err());
        text += &line(entry.name(), &checked);
    }
    drop(progress);
    console::write(text.as_bytes())?;
    if count > 0 { Err(Failure::Damaged { count }) } else { Ok(ExitCode::SUCCESS) }
}

/// How a snapshot is, with all causes.
fn line(name: &str, checked: &Result<Standing, Error>) -> String {
    match checked {
        Ok(Standing::Good) => format!("good     {name}\n"),
        Ok(Standing::NoBundle) => format!("unused   {name}: its bundle is not in the cache\n"),
        Err(error) => {
            let state = match error {
                Error::Store(error) => error.state(),
                _ => "damaged",
            };
            let mut text = format!("{state:8} {name}: {error}");
            let mut cause = std::error::Error::source(error);
            while let Some(error) = cause {
                text += &format!(": {error}");
                cause = error.source();
            }
            text + "\n"
        }
    }
}

/// The snapshot file at `which`, or the snapshot of the worker there.
fn open_or_make(command: &Command, which: &Path) -> Result<SnapshotFile, Failure> {
    if which.is_dir() { Ok(find_or_make(command, which, None)?.file) } else { open(which) }
}

fn open(path: &Path) -> Result<SnapshotFile, Failure> {
    if !path.is_file() {
        let what = "the worker's directory or snapshot file";
        return Err(Failure::NotFound { what, path: path.to_owned() });
    }
    SnapshotFile::open(path).map_err(Failure::Snapshot)
}

/// Makes the snapshot of the worker in `directory`, as `serve` would, or finds it in the cache.
fn find_or_make(
    command: &Command,
    directory: &Path,
    config: Option<&str>,
) -> Result<Created, Failure> {
    let settings = settings(command, read(directory, config)?)?;
    Ok(make(command.quiet, settings)??)
}

/// Makes the snapshot of a worker or finds it in the cache; the inner error is the worker's.
pub(crate) fn make(
    quiet: bool,
    settings: taipan_worker::Settings,
) -> Result<Result<Created, Error>, Failure> {
    let runtime = workers::runtime()?;
    let handle = runtime.handle().clone();
    let work = runtime.spawn_blocking(move || {
        let display = Display::new(quiet);
        taipan_worker::create(settings, &handle, &|step| display.show(step))
    });
    let outcome = runtime.block_on(work);
    // What the top level left under way ends with it.
    runtime.shutdown_background();
    outcome.map_err(|panic| Failure::Bug { what: panic.to_string() })
}

fn read(directory: &Path, config: Option<&str>) -> Result<Project, Failure> {
    let project = Project::read(directory, config, Variables::Configured)?;
    project.warnings.iter().for_each(console::warn);
    Ok(project)
}

/// What the snapshot of a worker is made from, as `serve` would.
pub(crate) fn settings(
    command: &Command,
    project: Project,
) -> Result<taipan_worker::Settings, Failure> {
    let Prepared { settings, warnings, .. } = prepared(command, project)?;
    warnings.iter().for_each(console::warn);
    Ok(settings)
}

/// As [`settings`], with all that is told of it.
pub(crate) fn prepared(command: &Command, project: Project) -> Result<Prepared, Failure> {
    prepare(Means::of(command, &workers::guard()?)?, project)
}
