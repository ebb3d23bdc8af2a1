//! Builds wheels of packages that have none, inside the sandbox.
//!
//! uv drives the build backend (PEP 517), and the Python that it is given is the release's own: a backend is code of
//! whoever published the package, and runs nowhere else. It sees the folder of its build and nothing of this machine.
//! There is no compiler, so only packages come out of it that need none.
//!
//! The lock remembers the backends, so that each machine builds the same.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

use pep440_rs::Version;
use taipan_store::{
    Cache, Digest, Files, Held, OnReadOnly, Progress, Step, write_atomic, write_program,
};

use crate::Error;
use crate::backends::BACKENDS;
use crate::build_failure::build_failure;
use crate::built::{Builds, Built};
use crate::digest::line;
use crate::lock::{LOCK_FILE, Lock};
use crate::name::normalised;
use crate::package::{Package, Source};
use crate::request::{Request, Upgrade, own_options, run};
use crate::tree::Tree;
use crate::unpacking::Size;
use crate::uv::Uv;
use crate::write::{HEAD, PACKAGES, package_table};

/// The kind of the cache's entries that hold a wheel that was built.
pub const BUILT_ENTRIES: &str = "built";

/// Folders in that of an entry while it is built: uv's cache, where the source is; the backends; what runs before them.
const CACHE: &str = ".cache";
const BACKENDS_FOLDER: &str = ".backends";
const DRIVER_FOLDER: &str = ".driver";

/// Where the copy of a directory is, in the only folder that a build can write to.
const SOURCE_FOLDER: &str = "source";

/// Runs before a backend: `PEP 517` has it run in the folder of the source, and a wheel without native code is one for
/// every platform, whatever the project's `setup.py` would have compiled.
const PRELUDE: &str = include_str!("../python/build.py");

/// Bump it when a build gives another wheel in a way that its inputs do not show.
const FORM: &str = "taipan build 1";

/// How much the folder of a build may hold, in bytes and files: source, backends and what is built. uv is asked how far it
/// is now and then, so that a build can write somewhat more before it is ended.
const BUILD_BYTES_MAX: u64 = 1 << 30;
const BUILD_FILES_MAX: usize = 100_000;

/// The tags of a wheel of Python alone end so.
const PURE: &str = "-none-any.whl";

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

/// What builds wheels.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "a function has nothing to show")]
pub struct Builder<'a> {
    /// uv.
    pub uv: &'a Uv,
    /// Makes the Python that runs backends.
    pub python: MakePython<'a>,
    /// Where wheels are kept.
    pub cache: &'a Cache,
    /// What is told of the work.
    pub progress: Progress<'a>,
}

/// Builds what of the packages in `allow-build` has no wheel for the release; from the cache what was built before. The
/// lock `before` says which versions of packages and backends are kept.
///
/// # Errors
///
/// [`Error::Build`] with what the backend said, [`Error::NotPure`] when the wheel has native code.
pub fn build(
    builder: Builder<'_>,
    request: &Request<'_>,
    before: Option<&Lock>,
) -> Result<Builds, Error> {
    let wanted = request.wanted;
    if wanted.allow_build.is_empty() {
        return Ok(Builds::default());
    }
    let list: String =
        wanted.allow_build.iter().map(|name| wish(name, request, before) + "\n").collect();
    let options = ["--no-build-isolation", "--no-deps"];
    let sdists = resolved(builder.uv, request, &list, &options)?;
    let mut lock = Lock::parse("uv's list of source distributions", &sdists)?;
    lock.packages.iter_mut().for_each(|package| package.built = true);
    lock.packages.retain(Package::needs_build);
    if lock.packages.is_empty() {
        return Ok(Builds::default());
    }
    let backends = backends(builder.uv, request, before)?;
    let wheels = lock
        .packages
        .iter()
        .map(|package| builder.wheel(package, &backends, request.directory, request.options));
    Ok(Builds { wheels: wheels.collect::<Result<_, _>>()?, backends, sdists })
}

/// What is asked for of a package that is built: the version of the lock before where that still fits.
fn wish(name: &String, request: &Request<'_>, before: Option<&Lock>) -> String {
    let direct = request.wanted.requirements.iter().find(|wanted| wanted.name == *name);
    let is_upgraded = match request.upgrade {
        Upgrade::Nothing => false,
        Upgrade::Everything => true,
        Upgrade::Packages(names) => names.iter().any(|upgraded| normalised(upgraded) == *name),
    };
    let fits = |version: &&Version| {
        direct.is_none_or(|it| it.specifiers.as_ref().is_some_and(|it| it.contains(version)))
    };
    let before = before.filter(|_| !is_upgraded).into_iter().flat_map(|lock| &lock.packages);
    let kept = before.filter(|package| package.name == *name && package.built);
    match kept.filter_map(|package| package.version.as_ref()).find(fits) {
        Some(version) => format!("{name}=={version}"),
        None => direct.map_or_else(|| name.clone(), |requirement| requirement.text.clone()),
    }
}

/// The build backends, with what they need: those of the lock `before`, or those of today.
pub(crate) fn backends(
    uv: &Uv,
    request: &Request<'_>,
    before: Option<&Lock>,
) -> Result<Vec<Package>, Error> {
    let made = before.and_then(|lock| lock.made.as_ref());
    let made =
        made.filter(|made| made.python == request.target.python && !made.backends.is_empty());
    match made.filter(|_| *request.upgrade != Upgrade::Everything) {
        Some(made) => Ok(made.backends.clone()),
        None => match resolve_backends(uv, request, BACKENDS) {
            Err(Error::Unsatisfiable { .. }) => {
                // An index need not have them all, and a source with a backend of its own needs none.
                let is_there = |name: &&str| resolve_backends(uv, request, name).is_ok();
                let list: String =
                    BACKENDS.lines().filter(is_there).map(|it| format!("{it}\n")).collect();
                if list.is_empty() { Ok(Vec::new()) } else { resolve_backends(uv, request, &list) }
            }
            resolved => resolved,
        },
    }
}

fn resolve_backends(uv: &Uv, request: &Request<'_>, list: &str) -> Result<Vec<Package>, Error> {
    let text = resolved(uv, request, list, &["--only-binary", ":all:"])?;
    Ok(Lock::parse("uv's list of build backends", &text)?.packages)
}

/// The packages of `lock`, in the folder `directory`, that have no wheels, built with the backends that it remembers.
///
/// # Errors
///
/// As [`build`]; [`Error::NoBackends`] when the lock remembers none, as one that another tool has made.
pub fn build_locked(
    builder: Builder<'_>,
    lock: &Lock,
    directory: &Path,
    options: &[String],
) -> Result<Vec<Built>, Error> {
    let to_build: Vec<_> = lock.packages.iter().filter(|package| package.needs_build()).collect();
    if let (Some(package), None) = (to_build.first(), &lock.made) {
        return Err(Error::NoBackends { name: package.name.clone() });
    }
    let wheel = |package: &&Package| builder.wheel(package, lock.backends(), directory, options);
    to_build.iter().map(wheel).collect()
}

/// A lock of a list of requirements. No build backend runs for it on this machine: the Python is the sandbox's.
pub(crate) fn resolved(
    uv: &Uv,
    request: &Request<'_>,
    list: &str,
    options: &[&str],
) -> Result<String, Error> {
    let mut file = tempfile::Builder::new().prefix("taipan-").suffix(".txt").tempfile()?;
    file.write_all(list.as_bytes())?;
    let mut arguments: Vec<OsString> = ["pip", "compile"].map(OsString::from).to_vec();
    arguments.push(file.path().into());
    arguments.extend(own_options(request));
    arguments.extend(options.iter().chain(&["--quiet", "--format", LOCK_FILE]).map(OsString::from));
    Ok(String::from_utf8_lossy(&run(uv, request, arguments)?.0).into_owned())
}

/// What a build depends on besides its source, in a text.
pub(crate) fn with_backends(backends: &[Package]) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let prelude = Digest::of(PRELUDE.as_bytes());
    let lines: Vec<_> = backends.iter().map(line).collect();
    format!("{FORM} {version} {prelude}\n{}", lines.join("\n"))
}

impl Builder<'_> {
    /// The wheel of a package of the lock in `directory`; built when the cache does not have it.
    fn wheel(
        &self,
        package: &Package,
        backends: &[Package],
        directory: &Path,
        options: &[String],
    ) -> Result<Built, Error> {
        let tree = match &package.source {
            Source::Directory { path, .. } => {
                Some(Tree::read(&package.name, &directory.join(path))?)
            }
            Source::Files { .. } | Source::Vcs(_) | Source::Archive { .. } => None,
        };
        let contents = tree.as_ref().map(Tree::digest);
        let text = format!("{}\n{contents:?}\n{}", line(package), with_backends(backends));
        let key = Digest::of(text.as_bytes()).to_string();
        let what = format!("the wheel of {}", package.name);
        let entry = self.cache.entry(BUILT_ENTRIES, &key)?.called(what);
        let held = entry.hold()?;
        let files = entry.get_or_build(OnReadOnly::Apart, self.progress, |folder| {
            let label = format!("building {} in the sandbox", package.name);
            (self.progress)(Step::Begin { label: &label, bytes_total: None });
            let build = Build { folder, package, directory, options };
            self.run(build, tree.as_ref(), backends)
        })?;
        built(package, files, held)
    }

    fn run(
        &self,
        build: Build<'_>,
        tree: Option<&Tree>,
        backends: &[Package],
    ) -> Result<(), Error> {
        let Build { folder, package, .. } = build;
        let (backends_folder, driver) = (folder.join(BACKENDS_FOLDER), folder.join(DRIVER_FOLDER));
        let source = folder.join(CACHE).join(SOURCE_FOLDER);
        for made in [&backends_folder, &driver, &source] {
            fs_err::create_dir_all(made)?;
        }
        let source_lock = folder.join("pylock.source.toml");
        let backends_lock = folder.join("pylock.backends.toml");
        write_atomic(&source_lock, build.source_lock(tree, &source)?.as_bytes())?;
        write_atomic(&backends_lock, lock_of(backends, build.directory).as_bytes())?;
        let prelude = driver.join("prelude.py");
        write_atomic(&prelude, format!("BACKENDS = {backends_folder:?}\n{PRELUDE}").as_bytes())?;
        let seen = Seen { read: [backends_folder.clone(), driver], write: folder.join(CACHE) };
        let inner = (self.python)(&seen).map_err(|reason| Error::Python { reason })?;
        // Where no build can write: uv runs it on this machine.
        let python = folder.join("python");
        write_program(&python, wrapper(&inner, &prelude).as_bytes())?;
        // uv reads no lock without packages.
        if !backends.is_empty() {
            build.install(self.uv, &backends_lock, &backends_folder, "--no-build")?;
        }
        let target = folder.join(".target");
        let outcome = build.install(self.uv, &source_lock, &target, "--no-build-isolation");
        let name = package.name.clone();
        let Some((wheel, file_name)) = find_wheel(&folder.join(CACHE))? else {
            return match outcome {
                Err(Error::Uv { said, .. }) => Err(build_failure(name, &said, folder)),
                Err(error) => Err(error),
                Ok(()) => Err(Error::Build { name, said: "no wheel is left".to_owned() }),
            };
        };
        if !file_name.ends_with(PURE) {
            return Err(Error::NotPure { name, wheel: file_name });
        }
        version_of(package, &file_name)?;
        fs_err::rename(wheel, folder.join(&file_name))?;
        remove_all_but(folder, &file_name)
    }
}

/// One package that is built, and where.
#[derive(Clone, Copy)]
struct Build<'a> {
    folder: &'a Path,
    package: &'a Package,
    /// The folder of the lock.
    directory: &'a Path,
    options: &'a [String],
}

impl Build<'_> {
    /// A lock with the source alone, of which the copy is put into `folder` where it is a directory.
    fn source_lock(&self, tree: Option<&Tree>, folder: &Path) -> Result<String, Error> {
        let mut package = self.package.clone();
        if let Some(tree) = tree {
            tree.write(folder)?;
        }
        if let Source::Directory { path, editable, .. } = &mut package.source {
            (*path, *editable) = (folder.display().to_string(), false);
        }
        Ok(lock_of(&[package], self.directory))
    }

    /// Has uv install a lock with the Python of this build.
    fn install(&self, uv: &Uv, lock: &Path, target: &Path, how: &str) -> Result<(), Error> {
        let folder = self.folder;
        let words = ["pip", "install", "--preview-features", "pylock", "--no-deps", how];
        let mut arguments: Vec<OsString> = words.map(OsString::from).to_vec();
        arguments.extend(["--link-mode", "copy", "--target"].map(OsString::from));
        arguments.extend([target.into(), "--python".into(), folder.join("python").into()]);
        arguments.extend(["--requirements".into(), lock.into()]);
        arguments.extend(["--cache-dir".into(), folder.join(CACHE).into()]);
        arguments.extend(self.options.iter().map(OsString::from));
        let goes_on = || {
            let Size { files, bytes } = Size::of(folder);
            bytes <= BUILD_BYTES_MAX && files <= BUILD_FILES_MAX
        };
        match uv.run_while("build", folder, arguments, &|_| (), &goes_on) {
            Err(_) if !goes_on() => {
                let name = self.package.name.clone();
                let (bytes_max, files_max) = (BUILD_BYTES_MAX, BUILD_FILES_MAX);
                Err(Error::BuildTooLarge { name, bytes_max, files_max })
            }
            outcome => outcome.map(drop),
        }
    }
}

fn lock_of(packages: &[Package], directory: &Path) -> String {
    let tables = packages.iter().map(|package| package_table(PACKAGES, package, directory));
    HEAD.to_owned() + &tables.collect::<String>()
}

/// What an entry of the cache has.
fn built(package: &Package, files: Files, held: Held) -> Result<Built, Error> {
    let wheel = files.names().find(|name| name.ends_with(PURE)).unwrap_or_default().to_owned();
    let version = version_of(package, &wheel)?;
    let bytes = fs_err::read(files.folder().join(&wheel))?;
    let (name, digest) = (package.name.clone(), Digest::of(&bytes));
    Ok(Built { name, version, wheel, digest, files, _held: held })
}

/// The version in the name of a wheel, if that is one of the package.
fn version_of(package: &Package, wheel: &str) -> Result<Version, Error> {
    let version = wheel.split('-').nth(1).and_then(|version| version.parse().ok());
    version.filter(|_| package.is_named_by(wheel)).ok_or_else(|| {
        let wanted = package.version.as_ref().map(ToString::to_string).unwrap_or_default();
        let wanted = format!("{} {wanted}", package.name).trim_end().to_owned();
        Error::BuiltOther { name: package.name.clone(), wheel: wheel.to_owned(), wanted }
    })
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

/// The wheel that a build left in uv's cache, below the folder of source distributions, and its name.
fn find_wheel(cache: &Path) -> Result<Option<(PathBuf, String)>, Error> {
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
            let (kind, path) = (found.file_type()?, found.path());
            let name = found.file_name().to_string_lossy().into_owned();
            if kind.is_file() && name.ends_with(".whl") {
                return Ok(Some((path, name)));
            }
            // The source itself may hold anything.
            if kind.is_dir() && name != "src" {
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
