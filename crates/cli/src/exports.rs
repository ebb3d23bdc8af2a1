//! Writes a release, its bundle and perhaps a worker to one file, and reads it.

use std::env::consts;
use std::path::Path;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};
use taipan_bundle::{BUNDLE_ENTRIES, bundle_id, prepare};
use taipan_packages::IMAGE_ENTRIES;
use taipan_release::{Release, Source, fetch, release};
use taipan_runtime::processor;
use taipan_store::{Cache, Entry, Import, PUBLISHED_ENTRIES, Step};
use taipan_worker::{SNAPSHOT_ENTRIES, WEBASSEMBLY_ENTRIES};

use crate::console;
use crate::failure::Failure;
use crate::options::Options;
use crate::progress::Display;

/// The description of an export, which is part of it.
#[derive(Debug, Deserialize, Serialize)]
struct About {
    /// Of Pyodide.
    version: String,
    /// The bundle's id, which depends on all of the following and more.
    bundle: String,
    taipan: String,
    /// On which its code runs.
    processor: String,
    system: String,
    /// Further entries of the cache, as `kind/key`: those of a worker.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    others: Vec<String>,
}

impl About {
    fn new(release: &Release) -> Result<Self, Failure> {
        Ok(Self {
            version: release.version.into(),
            bundle: bundle_id(release)?.to_string(),
            taipan: env!("CARGO_PKG_VERSION").into(),
            processor: processor().into(),
            system: consts::OS.into(),
            others: Vec::new(),
        })
    }

    /// For people: who makes such a bundle.
    fn maker(&self) -> String {
        let Self { taipan, processor, system, bundle, .. } = self;
        format!(
            "Taipan {taipan} for {processor} {system}, bundle {}",
            &bundle[..bundle.len().min(16)]
        )
    }
}

fn bundle(release: &Release, cache: &Cache) -> Result<Entry, Failure> {
    Ok(cache.entry(BUNDLE_ENTRIES, &bundle_id(release)?.to_string())?)
}

/// Writes a release and its bundle, which is made first when it is not there.
pub(crate) fn export(options: &Options, version: &str, path: &Path) -> Result<ExitCode, Failure> {
    write(options, release(version)?, Vec::new(), path)?;
    if !options.quiet {
        console::say(format_args!("Pyodide {version} and its bundle are in {}", path.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a release, its bundle, and what else is in the cache of a worker.
pub(crate) fn write(
    options: &Options,
    release: &Release,
    others: Vec<Entry>,
    path: &Path,
) -> Result<(), Failure> {
    let cache = options.cache()?;
    let display = Display::new(options.quiet);
    let (sources, show) = (options.sources()?, |step: Step<'_>| display.show(step));
    // The bundle may be there, and the release that it was made of removed.
    fetch(release, &sources, &cache, &show)?;
    let _held = prepare(release, &sources, &cache, &show)?;
    drop(display);
    let names = others.iter().map(|entry| entry.name().to_owned()).collect();
    let about = About { others: names, ..About::new(release)? };
    let mut entries = vec![
        release.pyodide.entry(&cache)?,
        release.web_streams.entry(&cache)?,
        bundle(release, &cache)?,
    ];
    entries.extend(others);
    Ok(taipan_store::export(&entries, &serde_json::json!(about).to_string(), path)?)
}

/// The kinds of entries that a worker has for itself.
const OF_WORKERS: [&str; 4] =
    [SNAPSHOT_ENTRIES, WEBASSEMBLY_ENTRIES, IMAGE_ENTRIES, PUBLISHED_ENTRIES];

/// The entries of these names, of which an export says that it has them.
fn others(about: &About, cache: &Cache, path: &Path) -> Result<Vec<Entry>, Failure> {
    let entry = |name: &String| {
        let known = name.split_once('/').filter(|(kind, _)| OF_WORKERS.contains(kind));
        let (kind, key) = known.ok_or_else(|| Failure::Foreign {
            path: path.to_owned(),
            maker: format!("{}, with {name}", about.maker()),
            own: "one that has no such entry".to_owned(),
        })?;
        Ok(cache.entry(kind, key)?)
    };
    about.others.iter().map(entry).collect()
}

/// Puts an exported release and its bundle into the cache.
pub(crate) fn import(options: &Options, path: &Path) -> Result<ExitCode, Failure> {
    if !path.is_file() {
        return Err(Failure::NotFound { what: "the file", path: path.to_owned() });
    }
    let cache = options.cache()?;
    let import = Import::open(path, &cache)?;
    let about: About = serde_json::from_str(import.about())
        .map_err(|source| Failure::ForeignAbout { path: path.to_owned(), source })?;
    let release = release(&about.version)?;
    let own = About::new(release)?;
    if about.bundle != own.bundle {
        let (maker, own) = (about.maker(), own.maker());
        return Err(Failure::Foreign { path: path.to_owned(), maker, own });
    }
    let others = others(&about, &cache, path)?;
    let bundle = bundle(release, &cache)?;
    for entry in others.iter().chain([&bundle]) {
        import.check(entry)?;
    }
    let display = Display::new(options.quiet);
    // The release is compared with the release table, as from any other place.
    for package in [&release.pyodide, &release.web_streams] {
        let folder = Source::Folder(import.folder(&package.entry(&cache)?));
        taipan_store::fetch(package, &[folder], &cache, &|step| display.show(step))?;
    }
    for entry in others.iter().chain([&bundle]) {
        import.take(entry, &|step| display.show(step))?;
    }
    drop(display);
    if !options.quiet {
        let worker =
            if others.is_empty() { "its bundle are" } else { "its bundle and a worker are" };
        console::say(format_args!("Pyodide {} and {worker} in the cache", release.version));
    }
    Ok(ExitCode::SUCCESS)
}
