//! Builds wheels of packages that have only a source distribution, inside the sandbox.
//!
//! uv drives the build backend (PEP 517), and the Python that it is given is the release's own: a backend is code of
//! whoever published the package, and runs nowhere else. It sees the folder of its build and nothing of this machine.
//! There is no compiler, so only packages come out of it that need none.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

use taipan_store::{Cache, OnReadOnly, Progress, Step, write_atomic, write_program};

use crate::Error;
use crate::built::{Built, block};
use crate::lock::{LOCK_FILE, Lock, Package, Source};
use crate::request::{Request, own_options, run};
use crate::uv::Uv;

/// The kind of the cache's entries that hold a wheel that was built.
pub const BUILT_ENTRIES: &str = "built";

/// Build backends, all of Python alone, and what extends them.
const BACKENDS: &str = "setuptools\nsetuptools-scm\nwheel\nhatchling\nhatch-vcs\nflit-core\npoetry-core\npdm-backend\n";

/// Folders in that of an entry while it is built: uv's cache, where the source is; the backends; what runs before them.
const CACHE: &str = ".cache";
const BACKENDS_FOLDER: &str = ".backends";
const DRIVER_FOLDER: &str = ".driver";

/// Runs before a backend: `PEP 517` has it run in the folder of the source, and a wheel without native code is one for
/// every platform, whatever the project's `setup.py` would have compiled.
const PRELUDE: &str = include_str!("../python/build.py");

/// What the Python of a build sees of this machine.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Folders that it reads.
    pub read: [PathBuf; 2],
    /// The folder that it writes into.
    pub write: PathBuf,
}

/// Makes a program that is the release's Python, in the sandbox; or says why not.
pub type MakePython<'a> = &'a dyn Fn(&Seen) -> Result<PathBuf, String>;

/// Builds what of the packages in `allow-build` has no wheel for the release; from the cache what was built before.
///
/// # Errors
///
/// [`Error::Build`] with what the backend said, [`Error::NotPure`] when the wheel has native code.
pub fn build(
    uv: &Uv,
    request: &Request<'_>,
    python: MakePython<'_>,
    cache: &Cache,
    progress: Progress<'_>,
) -> Result<Vec<Built>, Error> {
    let wanted = request.wanted;
    if wanted.allow_build.is_empty() {
        return Ok(Vec::new());
    }
    let line = |name: &String| {
        let direct = wanted.requirements.iter().find(|requirement| requirement.name == *name);
        direct.map_or_else(|| name.clone(), |requirement| requirement.text.clone()) + "\n"
    };
    let list: String = wanted.allow_build.iter().map(line).collect();
    let sources = resolved(uv, request, &list, &["--no-build-isolation", "--no-deps"])?;
    let sources_lock = Lock::parse("uv's list of source distributions", &sources)?;
    let to_build: Vec<_> =
        sources_lock.packages.iter().filter(|package| is_source(package)).collect();
    if to_build.is_empty() {
        return Ok(Vec::new());
    }
    let backends = resolved(uv, request, BACKENDS, &["--only-binary", ":all:"])?;
    let backends_digest = Lock::parse("uv's list of backends", &backends)?.digest().short();
    let mut built = Vec::new();
    for package in to_build {
        let one = Lock { packages: vec![package.clone()], ..sources_lock.clone() };
        let key = format!("{}-{backends_digest}-{}", one.digest(), request.target.platform);
        let files = cache.entry(BUILT_ENTRIES, &key)?.get_or_build(
            OnReadOnly::Apart,
            progress,
            |folder| {
                let label = format!("building {} in the sandbox", package.name);
                progress(Step::Begin { label: &label, bytes_total: None });
                build_one(uv, python, folder, package, &block(&sources, &package.name), &backends)
            },
        )?;
        let sdist = block(&sources, &package.name);
        let sdist = sdist.lines().find(|line| line.starts_with("sdist = ")).unwrap_or_default();
        built.push(Built { name: package.name.clone(), sdist: sdist.to_owned(), files });
    }
    Ok(built)
}

/// A lock of a list of requirements. No build backend runs for it on this machine: the Python is the sandbox's.
fn resolved(uv: &Uv, request: &Request<'_>, list: &str, options: &[&str]) -> Result<String, Error> {
    let mut file = tempfile::Builder::new().prefix("taipan-").suffix(".txt").tempfile()?;
    file.write_all(list.as_bytes())?;
    let mut arguments: Vec<OsString> = ["pip", "compile"].map(OsString::from).to_vec();
    arguments.push(file.path().into());
    arguments.extend(own_options(request));
    arguments.extend(options.iter().chain(&["--quiet", "--format", LOCK_FILE]).map(OsString::from));
    Ok(String::from_utf8_lossy(&run(uv, request, arguments)?.0).into_owned())
}

fn build_one(
    uv: &Uv,
    python: MakePython<'_>,
    folder: &Path,
    package: &Package,
    source: &str,
    backends: &str,
) -> Result<(), Error> {
    let head = "lock-version = \"1.0\"\ncreated-by = \"taipan\"\n\n";
    let source_lock = folder.join("pylock.source.toml");
    let backends_lock = folder.join("pylock.backends.toml");
    write_atomic(&source_lock, format!("{head}{source}").as_bytes())?;
    write_atomic(&backends_lock, backends.as_bytes())?;
    let (backends_folder, driver) = (folder.join(BACKENDS_FOLDER), folder.join(DRIVER_FOLDER));
    for made in [&backends_folder, &driver, &folder.join(CACHE)] {
        fs_err::create_dir_all(made)?;
    }
    let install =
        |lock: &Path, target: &Path, python: &Path, extra: &[&str]| -> Result<(), Error> {
            let mut arguments: Vec<OsString> =
                ["pip", "install", "--preview-features", "pylock"].map(OsString::from).to_vec();
            arguments.extend(
                ["--no-deps", "--no-config", "--link-mode", "copy"]
                    .iter()
                    .chain(extra)
                    .map(OsString::from),
            );
            arguments.extend(["--python".into(), python.into(), "--target".into(), target.into()]);
            arguments.extend(["--requirements".into(), lock.into()]);
            arguments.extend(["--cache-dir".into(), folder.join(CACHE).into()]);
            uv.run("build", folder, arguments, &|_| ()).map(drop)
        };
    let prelude = driver.join("prelude.py");
    write_atomic(&prelude, format!("BACKENDS = {backends_folder:?}\n{PRELUDE}").as_bytes())?;
    let seen = Seen { read: [backends_folder.clone(), driver], write: folder.join(CACHE) };
    let inner = python(&seen).map_err(|reason| Error::Python { reason })?;
    // Where no build can write: uv runs it on this machine.
    let python = folder.join("python");
    write_program(&python, wrapper(&inner, &prelude).as_bytes())?;
    install(&backends_lock, &backends_folder, &python, &["--no-build"])?;
    let outcome =
        install(&source_lock, &folder.join(".target"), &python, &["--no-build-isolation"]);
    let wheel = find_wheel(&folder.join(CACHE))?;
    let name =
        wheel.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    match (wheel, name, outcome) {
        (Some(wheel), Some(name), _) if name.ends_with("-none-any.whl") => {
            fs_err::rename(wheel, folder.join(&name))?;
            remove_all_but(folder, &name)
        }
        (_, Some(wheel), _) => Err(Error::NotPure { name: package.name.clone(), wheel }),
        (_, _, Err(Error::Uv { said, .. })) => {
            Err(Error::Build { name: package.name.clone(), said })
        }
        (_, _, Err(error)) => Err(error),
        (..) => {
            Err(Error::Build { name: package.name.clone(), said: "no wheel is left".to_owned() })
        }
    }
}

/// A script that runs the prelude before what uv runs for a backend, which begins with `-c`. What uv asks the interpreter
/// about itself begins with `-I`. The program is read by the same shell, so that it calls itself as uv has called it.
fn wrapper(python: &Path, prelude: &Path) -> String {
    let python = format!("'{}'", python.display().to_string().replace('\'', r"'\''"));
    let prelude = format!("{prelude:?}").replace('"', "\\\"");
    format!(
        "#!/bin/sh\nif [ \"$1\" = -c ]; then\n  shift\n  code=$1\n  shift\n  set -- -c \"import os\n\
         os.chdir(r'$PWD')\nexec(open({prelude}).read())\n$code\" \"$@\"\nfi\n. {python}\n"
    )
}

/// The wheel that a build left in uv's cache, below the folder of source distributions.
fn find_wheel(cache: &Path) -> Result<Option<PathBuf>, Error> {
    let mut open = vec![];
    for found in fs_err::read_dir(cache)? {
        let path = found?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("sdists-")) {
            open.push(path);
        }
    }
    while let Some(folder) = open.pop() {
        for found in fs_err::read_dir(&folder)? {
            let found = found?;
            let kind = found.file_type()?;
            let path = found.path();
            if kind.is_file() && path.extension().is_some_and(|extension| extension == "whl") {
                return Ok(Some(path));
            }
            // The source itself may hold anything.
            if kind.is_dir() && path.file_name().is_some_and(|name| name != "src") {
                open.push(path);
            }
        }
    }
    Ok(None)
}

fn remove_all_but(folder: &Path, name: &str) -> Result<(), Error> {
    for found in fs_err::read_dir(folder)? {
        let found = found?;
        if found.file_name() == name {
            continue;
        }
        match found.file_type()?.is_dir() {
            true => fs_err::remove_dir_all(found.path())?,
            false => fs_err::remove_file(found.path())?,
        }
    }
    Ok(())
}

fn is_source(package: &Package) -> bool {
    matches!(&package.source, Source::Files { wheels, sdist: Some(_) } if wheels.is_empty())
}
