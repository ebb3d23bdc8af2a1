//! Installs what a lock says: uv puts the files into a folder of the cache, where they are checked and become an image.

use std::path::Path;
use std::sync::Arc;

use taipan_bundle::Bundle;
use taipan_lock::{Lock, Uv};
use taipan_runtime::Guard;
use taipan_store::{Cache, Digest, Progress, Step};
use taipan_worker::Packages;

use crate::Error;
use crate::check::{Expected, check};
use crate::exclude::leave_out;
use crate::image::{Source, get_or_make};
use crate::tree::{check_size, read_tree};

/// The folder of an entry into which uv installs. It is gone when the entry is published.
const TREE: &str = "tree";

/// A lock to install, with what installs it.
#[derive(Clone, Copy, Debug)]
pub struct Installation<'a> {
    /// The lock.
    pub lock: &'a Lock,
    /// Its file, which uv reads, and the text that was read of it.
    pub path: &'a Path,
    /// That text.
    pub text: &'a str,
    /// What of the packages is left out, see [`crate::leave_out`].
    pub exclude: &'a [String],
}

/// What installs a lock.
#[derive(Debug)]
pub struct Installer<P> {
    /// uv.
    pub uv: Uv,
    /// The program that is the release's own Python; what keeps it there.
    pub python: P,
    /// Further options of uv: indexes, `--offline`.
    pub options: Vec<String>,
}

/// The image of what a lock says; installed first when the cache does not have it. Only then `installer` is asked for.
///
/// # Errors
///
/// What uv says; what is not as the lock says; the cache; a fault of ours.
pub fn install<P: AsRef<Path>, E: From<Error> + From<taipan_store::Error>>(
    installation: Installation<'_>,
    installer: impl FnOnce() -> Result<Installer<P>, E>,
    bundle: &Arc<Bundle>,
    cache: &Cache,
    guard: &Guard,
    progress: Progress<'_>,
) -> Result<Packages, E> {
    // What is installed of a lock is not what is found in a directory, even if the digests were the same.
    let Installation { lock, exclude, .. } = installation;
    let digest = Digest::of(format!("lock {} {exclude:?}", lock.digest()).as_bytes());
    let source = Source { digest, bundle, guard };
    get_or_make(source, cache, progress, |staging| {
        let tree = staging.join(TREE);
        run_uv(installation, &installer()?, &tree, progress)?;
        let entries = read_tree(&tree)?;
        remove(&tree)?;
        Ok(leave_out(check(entries, &expected(lock))?, exclude))
    })
}

fn run_uv<P: AsRef<Path>>(
    installation: Installation<'_>,
    Installer { uv, python, options }: &Installer<P>,
    tree: &Path,
    progress: Progress<'_>,
) -> Result<(), Error> {
    let Installation { lock, path, text, .. } = installation;
    let count = lock.packages.len();
    let ending = if count == 1 { "" } else { "s" };
    let label = format!("installing {count} package{ending} with uv");
    progress(Step::Begin { label: &label, bytes_total: None });
    let words = ["pip", "install", "--preview-features", "pylock", "--no-build", "--no-deps"];
    let more = ["--no-compile-bytecode", "--no-progress", "--target"];
    let mut arguments: Vec<_> = words.into_iter().chain(more).map(Into::into).collect();
    arguments.push(tree.into());
    arguments.extend([
        "--python".into(),
        python.as_ref().into(),
        "--requirement".into(),
        path.into(),
    ]);
    arguments.extend(options.iter().map(Into::into));
    let directory = path.parent().unwrap_or(path);
    let goes_on = || size(tree).is_ok();
    uv.run_while("install the packages", directory, arguments, &|_| (), &goes_on).map_err(
        |error| {
            // It was ended for this.
            size(tree).err().unwrap_or_else(|| error.into())
        },
    )?;
    let now = fs_err::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    match now == text.as_bytes() {
        true => Ok(()),
        false => Err(Error::Changed { path: path.to_owned() }),
    }
}

/// Checks how much there is in a folder that another program fills.
fn size(folder: &Path) -> Result<(), Error> {
    let (mut files, mut bytes) = (0, 0);
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        // What is gone meanwhile, or not there yet, takes no room.
        let Ok(found) = fs_err::read_dir(folder) else { continue };
        for item in found.flatten() {
            let Ok(kind) = item.metadata() else { continue };
            if kind.is_dir() {
                folders.push(item.path());
            }
            files += 1;
            bytes += kind.len();
            check_size(files, bytes)?;
        }
    }
    Ok(())
}

fn remove(tree: &Path) -> Result<(), Error> {
    fs_err::remove_dir_all(tree).map_err(|source| Error::Read { path: tree.to_owned(), source })
}

/// The packages that a lock names.
fn expected(lock: &Lock) -> Vec<Expected> {
    let expected = |package: &taipan_lock::Package| Expected {
        name: package.name.clone(),
        version: package.version.clone(),
        may_be_absent: package.marker.is_some(),
    };
    lock.packages.iter().map(expected).collect()
}
