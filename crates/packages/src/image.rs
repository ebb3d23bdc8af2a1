//! The image of packages: made once, kept in the cache.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use taipan_bundle::{Bundle, map};
use taipan_pyodide::LayerBytes;
use taipan_pyodide::layer::{Entry, Layer, encode};
use taipan_runtime::{Guard, pyodide};
use taipan_store::{Cache, Digest, OnReadOnly, Progress, write_atomic};
use taipan_worker::{Packages, packages_path};

use crate::Error;
use crate::bytecode::compile;
use crate::source::Source;

/// The kind of entry of the cache.
pub const IMAGE_ENTRIES: &str = "package-image";

/// The file of an entry.
const LAYER: &str = "packages.layer";

/// Bump it when what an image holds changes in a way that its inputs do not show.
const FORMAT: &str = "1";

/// The image of the files `entries`, which are those of installed packages; made first when the cache does not have it.
/// A file that does not compile has no `.pyc`.
///
/// # Errors
///
/// The cache; paths that collide or cannot be; a fault of ours.
pub fn image(
    entries: Vec<Entry>,
    bundle: &Arc<Bundle>,
    cache: &Cache,
    guard: &Guard,
    progress: Progress<'_>,
) -> Result<Packages, Error> {
    let path = &packages_path();
    let source = Source { digest: digest(&entries), path, bundle, guard };
    get_or_make(source, cache, progress, |_| Ok(entries))
}

/// The image of `source`, which is made of what `entries` gives when the cache does not have it. That may use the folder
/// that it gets, and leaves nothing there.
pub(crate) fn get_or_make<E: From<Error> + From<taipan_store::Error>>(
    source: Source<'_>,
    cache: &Cache,
    progress: Progress<'_>,
    entries: impl FnOnce(&Path) -> Result<Vec<Entry>, E>,
) -> Result<Packages, E> {
    let Source { digest, path, bundle, .. } = source;
    let key = format!("{}{digest}", image_prefix(bundle.id.as_bytes()));
    let entry = cache.entry(IMAGE_ENTRIES, &key)?.called("the image of these packages");
    let held = entry.hold()?;
    let build = |staging: &Path| {
        let image = make(entries(staging)?, source, progress)?;
        Ok::<_, E>(write_atomic(&staging.join(LAYER), &image)?)
    };
    let files = entry.get_or_build(OnReadOnly::Apart, progress, build)?;
    let bytes = map(files.folder(), LAYER, &files.file(LAYER)?).map_err(Error::from)?;
    let layer = layer(bytes)?;
    let (digest, held) = (Digest::from_bytes(layer.digest()), Arc::new(held));
    Ok(Packages { path: path.to_owned(), digest, layer, entry, made_from: Vec::new(), held })
}

/// What the keys of entries begin with that are made with the bundle of this digest.
#[must_use]
pub fn image_prefix(bundle: &[u8; 32]) -> String {
    format!("{}-", Digest::from_bytes(*bundle).short())
}

/// The digest of files, in whichever order they were found.
fn digest(entries: &[Entry]) -> Digest {
    let mut sorted: Vec<_> = entries.iter().collect();
    sorted.sort_by(|one, other| one.path.cmp(&other.path));
    let mut hasher = Sha256::new_with_prefix(FORMAT);
    for Entry { path, contents } in sorted {
        let length = contents.as_ref().map(Vec::len);
        hasher.update(format!("\0{path}\0{length:?}\0"));
        hasher.update(contents.as_deref().unwrap_or_default());
    }
    Digest::from_bytes(hasher.finalize().into())
}

fn make(
    mut entries: Vec<Entry>,
    source: Source<'_>,
    progress: Progress<'_>,
) -> Result<Vec<u8>, Error> {
    let sources = layer(encode_files(&entries)?.into())?;
    let compiled = compile(source, &sources, progress)?;
    drop(sources);
    // A file may have the name of the directory for bytecode: then there is none.
    let files: BTreeSet<_> = entries.iter().map(|entry| entry.path.clone()).collect();
    let has_place =
        |path: &str| path.rsplit_once('/').is_none_or(|(place, _)| !files.contains(place));
    let compiled = compiled.into_iter().filter(|(path, _)| has_place(path));
    entries.extend(compiled.map(|(path, contents)| Entry::file(path, contents)));
    encode_files(&entries)
}

fn encode_files(entries: &[Entry]) -> Result<Vec<u8>, Error> {
    Ok(encode(entries).map_err(pyodide("making a file layer"))?)
}

fn layer(bytes: LayerBytes) -> Result<Arc<Layer<LayerBytes>>, Error> {
    Ok(Arc::new(Layer::decode(bytes).map_err(pyodide("opening a file layer"))?))
}
