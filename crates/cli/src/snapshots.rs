//! Makes the snapshots of workers, as `serve` does, and finds the bundle that one was taken from.

use taipan_bundle::Bundle;
use taipan_runtime::SnapshotFile;
use taipan_worker::{Error, Made, Settings};

use crate::failure::Failure;
use crate::options::Options;
use crate::progress::Display;
use crate::runtime::runtime;

/// Makes the snapshot of a worker or finds it in the cache; the inner error is the worker's.
pub(crate) fn make(options: &Options, settings: Settings) -> Result<Result<Made, Error>, Failure> {
    let quiet = options.quiet;
    let runtime = runtime()?;
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

/// The bundle that a snapshot was taken from, if the cache has it.
pub(crate) fn bundle_of(options: &Options, file: &SnapshotFile) -> Result<Bundle, Error> {
    let digest = file.snapshot.provenance.bundle;
    let release = taipan_bundle::release_of(&digest.0)?;
    let release = release.ok_or_else(|| Error::OtherBundle {
        path: file.path.clone(),
        bundle: digest.to_string(),
    })?;
    let no_cache = |failure: Failure| taipan_bundle::Error::NoBundle {
        bundle: format!("{digest} ({failure})"),
    };
    Ok(taipan_bundle::find(release, &options.cache().map_err(no_cache)?)?)
}
