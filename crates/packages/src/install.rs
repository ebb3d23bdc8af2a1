//! Installs what a lock says: uv puts the files into a folder of the cache, where they are checked and become an image.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

use taipan_bundle::Bundle;
use taipan_lock::{Builder, Lock, MakePython, Size, Unpacking, Uv, build_locked, left_out};
use taipan_pyodide::layer::Entry;
use taipan_runtime::Guard;
use taipan_store::{Cache, Digest, Progress, Step, write_atomic};
use taipan_worker::{Packages, packages_path};

use crate::Error;
use crate::abi::{check_python, minor_of};
use crate::check::{Expected, check};
use crate::exclude::leave_out;
use crate::image::get_or_make;
use crate::source::Source;
use crate::tree::{check_size, read_tree};
use crate::unvendored::{Published, unpack};

/// The folder of an entry into which uv installs. It is gone when the entry is published.
const TREE: &str = "tree";

/// What uv installs: wheels alone.
const WHEELS_LOCK: &str = "pylock.toml";

/// The folder of packages in which shared libraries are looked for, as in workerd.
const LIBRARIES: &str = "lib";

/// A lock to install.
#[derive(Clone, Copy, Debug)]
pub struct Installation<'a> {
    /// The lock.
    pub lock: &'a Lock,
    /// The folder that it is in.
    pub directory: &'a Path,
    /// What of the packages is left out, see [`crate::leave_out`].
    pub exclude: &'a [String],
    /// Shared libraries that the packages need, as they are published with the release.
    pub libraries: &'a [Published],
}

/// What installs a lock.
#[expect(missing_debug_implementations, reason = "a function has nothing to show")]
pub struct Installer<'a, P> {
    /// uv.
    pub uv: Uv,
    /// The program that is the release's own Python; what keeps it there.
    pub python: P,
    /// Makes the Python of a build.
    pub python_of_a_build: MakePython<'a>,
    /// Further options of uv: indexes, `--offline`.
    pub options: Vec<String>,
}

/// The image of what a lock says; installed first when the cache does not have it. Only then `installer` is asked for.
///
/// # Errors
///
/// What uv says; what is not as the lock says; the cache; a fault of ours.
pub fn install<'a, P: AsRef<Path>, E: From<Error> + From<taipan_store::Error>>(
    installation: Installation<'_>,
    installer: impl FnOnce() -> Result<Installer<'a, P>, E>,
    library: impl Fn(&Published) -> Result<Vec<u8>, E>,
    bundle: &Arc<Bundle>,
    cache: &Cache,
    guard: &Guard,
    progress: Progress<'_>,
) -> Result<Packages, E> {
    // What is installed of a lock is not what is found in a directory, even if the digests were the same.
    let Installation { lock, directory, exclude, libraries } = installation;
    let digest = lock.digest_in(directory).map_err(Error::from)?;
    let mut made_of = format!("lock {digest} {exclude:?}");
    libraries.iter().for_each(|library| made_of += &format!(" {}", library.sha256));
    let digest = Digest::of(made_of.as_bytes());
    let source = Source { digest, path: &packages_path(), bundle, guard };
    get_or_make(source, cache, progress, |staging| {
        let installer = installer()?;
        let tree = staging.join(TREE);
        // What cannot be had is known before anything is installed.
        let libraries = libraries.iter().map(|it| in_folder(it, &library(it)?));
        let libraries = libraries.collect::<Result<Vec<_>, E>>()?.concat();
        let entries = match lock.packages.as_slice() {
            // uv reads no lock without packages.
            [] => Vec::new(),
            _ => {
                run_uv(installation, &installer, staging, cache, progress)?;
                let entries = read_tree(&tree)?;
                remove(&tree)?;
                entries
            }
        };
        let entries = check(entries, &expected(lock))?;
        check_python(&entries, minor_of(&bundle.python.1))?;
        let mut entries = leave_out(entries, exclude);
        let is_there = |library: &Entry| entries.iter().any(|entry| entry.path == library.path);
        if let Some(twice) = libraries.iter().find(|library| is_there(library)) {
            let (file, problem) =
                (twice.path.clone(), "is a library of the release and of a package");
            return Err(Error::File { file, problem }.into());
        }
        entries.extend(libraries);
        Ok(entries)
    })
}

/// The files of a library, in the folder in which libraries are looked for.
fn in_folder<E: From<Error>>(library: &Published, archive: &[u8]) -> Result<Vec<Entry>, E> {
    let place = |entry: Entry| Entry { path: format!("{LIBRARIES}/{}", entry.path), ..entry };
    Ok(unpack(&library.name, archive)?.into_iter().map(place).collect())
}

/// Has uv install wheels into the folder, and what is built from source as the wheel that it becomes.
fn run_uv<P: AsRef<Path>>(
    installation: Installation<'_>,
    installer: &Installer<'_, P>,
    folder: &Path,
    cache: &Cache,
    progress: Progress<'_>,
) -> Result<(), Error> {
    let Installation { lock, directory, .. } = installation;
    let Installer { uv, python, python_of_a_build, options } = installer;
    let builder = Builder { uv, python: *python_of_a_build, cache, progress };
    let built = build_locked(builder, lock, directory, options)?;
    let (path, tree) = (folder.join(WHEELS_LOCK), folder.join(TREE));
    write_atomic(&path, lock.of_wheels(directory, &built).as_bytes())?;
    let count = lock.packages.len();
    let ending = if count == 1 { "" } else { "s" };
    let label = format!("installing {count} package{ending} with uv");
    progress(Step::Begin { label: &label, bytes_total: None });
    let words = ["pip", "install", "--preview-features", "pylock", "--no-build", "--no-deps"];
    let more = ["--no-compile-bytecode", "--no-progress", "--target"];
    let mut arguments: Vec<_> = words.into_iter().chain(more).map(Into::into).collect();
    arguments.extend([
        tree.clone().into(),
        "--python".into(),
        python.as_ref().into(),
        "--requirement".into(),
        path.clone().into(),
    ]);
    arguments.extend(options.iter().map(Into::into));
    let unpacking = Unpacking::begin(uv, directory)?;
    let check = || check_size(Size::of(&tree)).and_then(|()| check_size(unpacking.size()));
    let outside = RefCell::new(None);
    let line = |line: &str| {
        if let Some(file) = left_out(line) {
            outside.borrow_mut().get_or_insert(file.to_owned());
        }
    };
    let goes_on = || check().is_ok();
    let outcome = uv.run_while("install the packages", directory, arguments, &line, &goes_on);
    if let Err(error) = outcome {
        // It may have been ended for this.
        let too_much = check();
        too_much.inspect_err(|_| unpacking.remove_largest())?;
        return Err(error.into());
    }
    if let Some(file) = outside.into_inner() {
        // uv keeps what it has unpacked, and says what it left out only then.
        let names = lock.packages.iter().map(|package| package.name.clone().into());
        let forget = ["cache", "clean"].into_iter().map(Into::into).chain(names).collect();
        uv.run("forget the packages", directory, forget, &|_| ())?;
        return Err(Error::Outside { file });
    }
    fs_err::remove_file(&path).map_err(|source| Error::Read { path, source })
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
