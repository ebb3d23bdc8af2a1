//! The packages of a project: where they come from, and their image.

use std::path::Path;
use std::sync::Arc;

use taipan_bundle::Bundle;
use taipan_manifest::PACKAGES_DIRECTORY;
use taipan_runtime::Guard;
use taipan_store::Cache;
use taipan_worker::{Packages, packages_of_project};

use crate::failure::Failure;
use crate::progress::Display;

/// The packages of the project in `directory`, made into an image if the cache has none; with them what is left out that
/// the author may miss. A project has none if it has no directory for them in itself.
pub(crate) fn of_project(
    directory: &Path,
    bundle: &Arc<Bundle>,
    cache: &Cache,
    guard: &Guard,
    quiet: bool,
) -> Result<(Option<Packages>, Vec<String>), Failure> {
    let place = directory.join(PACKAGES_DIRECTORY);
    let is_inside = fs_err::canonicalize(&place).is_ok_and(|place| place.starts_with(directory));
    if !is_inside || !place.is_dir() {
        return Ok((None, Vec::new()));
    }
    let (entries, left_out) = packages_of_project(directory, PACKAGES_DIRECTORY)?;
    let display = Display::new(quiet);
    let packages =
        taipan_packages::image(entries, bundle, cache, guard, &|step| display.show(step))?;
    Ok((Some(packages), left_out))
}
