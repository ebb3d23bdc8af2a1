//! Has uv choose versions, for a release and for comparison for Linux, and makes the lock of what it says.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::thread;

use taipan_store::{Progress, Step, write_of_project};
use tempfile::NamedTempFile;

use crate::Error;
use crate::blame::lacking;
use crate::build::backends;
use crate::built::mark;
use crate::compare::{Pin, compare, differing, read_pins};
use crate::held::{Held, table_without_remedies};
use crate::lock::{LOCK_FILE, Lock};
use crate::made::Made;
use crate::package::Package;
use crate::password::address_with_password;
use crate::request::{
    ELSEWHERE, ONLY_WHEELS, Request, Upgrade, compile, own_options, run, unknown,
};
use crate::uv::{UV_ENTRIES, Uv};

/// What stands at the top of a lock.
const HEADER: &str = "# Made by `taipan lock` from pyproject.toml, by means of uv.\n";

/// The beginning of the name of the file that uv writes, beside the lock: uv writes paths from there on.
pub const DRAFT: &str = "pylock.taipan-";

/// How the name of a draft of this process begins: of another process it is removed once that has ended.
#[must_use]
pub fn draft_prefix() -> String {
    format!("{DRAFT}{}-", std::process::id())
}

/// A lock that is made and not written.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The text of the lock's file.
    pub text: String,
    /// What it says.
    pub lock: Lock,
    /// What uv warns of, and why there is no comparison if there is none.
    pub warnings: Vec<String>,
}

impl Resolved {
    /// What is not as it would be elsewhere.
    #[must_use]
    pub fn held(&self) -> &[Held] {
        self.lock.made.as_ref().map_or(&[], |made| &made.held)
    }

    /// Refuses what stays behind by a major version, or has no content, and neither is allowed nor was so in the lock
    /// `before`.
    ///
    /// # Errors
    ///
    /// [`Error::Downgrade`] with the table of what is held back.
    pub fn check_downgrades(
        &self,
        before: Option<&Lock>,
        is_allowed: impl Fn(&str) -> bool,
    ) -> Result<(), Error> {
        let known = before.and_then(|lock| lock.made.as_ref()).map_or(&[][..], |made| &made.held);
        let is_known = |held: &&Held| {
            known
                .iter()
                .any(|old| old.name == held.name && old.taken == held.taken && old.is_drastic())
        };
        let drastic =
            self.held().iter().filter(|held| held.is_drastic() && held.goes_with.is_none());
        let refused: Vec<_> =
            drastic.filter(|held| !is_known(held) && !is_allowed(&held.name)).collect();
        if refused.is_empty() {
            return Ok(());
        }
        let names = refused.iter().map(|held| held.name.clone()).collect();
        let complaints = refused.iter().map(|held| held.complaint()).collect();
        Err(Error::Downgrade { names, complaints, table: table_without_remedies(self.held()) })
    }

    /// Puts the lock into the folder, in one step; whether that changed it.
    ///
    /// # Errors
    ///
    /// [`Error::Password`] when the lock would have one; what the system says.
    pub fn write(&self, directory: &Path) -> Result<bool, Error> {
        // uv leaves out those of indexes, and writes those of single files.
        if let Some(address) = address_with_password(&self.text) {
            return Err(Error::Password { file: LOCK_FILE, address });
        }
        let path = directory.join(LOCK_FILE);
        if fs_err::read(&path).is_ok_and(|old| old == self.text.as_bytes()) {
            return Ok(false);
        }
        write_of_project(&path, self.text.as_bytes())?;
        Ok(true)
    }
}

/// Reads the lock in `directory`, if there is one, with its text.
///
/// # Errors
///
/// What is wrong with it.
pub fn read_lock(directory: &Path) -> Result<Option<(String, Lock)>, Error> {
    match fs_err::read_to_string(directory.join(LOCK_FILE)) {
        Ok(text) => Ok(Some((text.clone(), Lock::parse(LOCK_FILE, &text)?))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Resolves, and compares with what Linux would have. Nothing is written but a draft, which is removed. `before` is the
/// existing lock, with its text.
///
/// # Errors
///
/// [`Error::Unsatisfiable`] with uv's derivation, when no versions fit.
pub fn resolve(
    uv: &Uv,
    request: &Request<'_>,
    before: Option<&(String, Lock)>,
    progress: Progress<'_>,
) -> Result<Resolved, Error> {
    progress(Step::Begin { label: "resolving", bytes_total: None });
    remove_old_drafts(request.directory)?;
    let implied = implied(request)?;
    let implied = implied.as_ref().map(NamedTempFile::path);
    let (own, native) = thread::scope(|scope| {
        let native = scope.spawn(|| native(uv, request, implied));
        let own = own(uv, request, implied, before.map(|(text, _)| text.as_str()));
        if own.is_ok() && !native.is_finished() {
            progress(Step::Begin { label: "comparing with Linux", bytes_total: None });
        }
        let native = native.join().unwrap_or_else(|_| {
            let source = std::io::Error::other("the thread that compares has panicked");
            Err(Error::Run { program: UV_ENTRIES.to_owned(), source })
        });
        (own, native)
    });
    let (text, mut warnings) = own.map_err(|error| match error {
        Error::Unsatisfiable { release, python, platform, reason, hints, .. }
            if unknown(&reason).is_none() =>
        {
            progress(Step::Begin { label: "looking for what has no wheel", bytes_total: None });
            let lacking = lacking(uv, request, implied).into();
            Error::Unsatisfiable { release, python, platform, reason, hints, lacking }
        }
        error => error,
    })?;
    let text = mark(&text, &request.builds.wheels, &request.builds.sdists);
    let mut lock = Lock::parse(LOCK_FILE, &text)?;
    let before = before.map(|(_, lock)| lock);
    let needed = lock.packages.iter().any(Package::needs_build);
    let backends = match &request.builds.backends {
        _ if !needed => Vec::new(),
        known if !known.is_empty() => known.clone(),
        _ => backends(uv, request, before)?,
    };
    let held = match native.and_then(|pins| {
        let published = published(uv, request, &differing(&lock, &pins))?;
        Ok(compare(&lock, &pins, &published, before, request.target))
    }) {
        Ok(held) => held,
        // Any other failure must not let pass what it hides.
        Err(error) if has_no_comparison(&error) => {
            let reason = match error {
                Error::Unsatisfiable { reason, .. } => format!("no versions fit Linux: {reason}"),
                error => error.to_string(),
            };
            warnings.push(format!("what is held back is not known: {reason}"));
            still_held(&lock, before)
        }
        Err(error) => return Err(error),
    };
    let made = Made::new(request.target, request.wanted, held, backends);
    let text = format!("{HEADER}{}{}", text.trim_start(), made.write());
    lock.made = Some(made);
    Ok(Resolved { text, lock, warnings })
}

/// Whether there is no solution for Linux, or none in uv's cache where there is no network.
fn has_no_comparison(error: &Error) -> bool {
    match error {
        Error::Unsatisfiable { .. } => true,
        Error::Uv { said, .. } => said.contains("Network connectivity is disabled"),
        _ => false,
    }
}

/// What the lock `before` held back and `lock` still does.
fn still_held(lock: &Lock, before: Option<&Lock>) -> Vec<Held> {
    let held = before.and_then(|before| before.made.as_ref()).map_or(&[][..], |made| &made.held);
    let is_still = |held: &&Held| {
        let package = lock.packages.iter().find(|package| package.name == held.name);
        package.and_then(|package| package.version.as_ref()) == held.taken.as_ref()
    };
    held.iter().filter(is_still).cloned().collect()
}

/// The release's own solution: a lock as uv writes it, and uv's warnings.
fn own(
    uv: &Uv,
    request: &Request<'_>,
    implied: Option<&Path>,
    before: Option<&str>,
) -> Result<(String, Vec<String>), Error> {
    let prefix = draft_prefix();
    let mut named = tempfile::Builder::new();
    named.prefix(&prefix).suffix(".toml");
    let path = request.directory.join(LOCK_FILE);
    let cannot = |source| taipan_store::Error::Project { path: path.clone(), source };
    let mut draft = named.tempfile_in(request.directory).map_err(cannot)?;
    let mut arguments = compile(request, implied);
    arguments.extend(built_wheels(request));
    // An empty file is no lock.
    if let Some(text) = before {
        draft.write_all(text.as_bytes()).map_err(cannot)?;
    } else {
        arguments.push("--upgrade".into());
    }
    match request.upgrade {
        Upgrade::Nothing => (),
        Upgrade::Everything => arguments.push("--upgrade".into()),
        Upgrade::Packages(names) => {
            arguments
                .extend(names.iter().flat_map(|name| ["--upgrade-package".into(), name.into()]));
        }
    }
    arguments.extend([
        "--format".into(),
        "pylock.toml".into(),
        "--output-file".into(),
        name_of(&draft),
    ]);
    let said = run(uv, request, arguments).map_err(|error| error.of_file(&path))?.1;
    let text = fs_err::read_to_string(draft.path())?;
    Ok((text, said.warnings))
}

/// Where uv finds what was built: wheels without compiled code, which fit all platforms.
fn built_wheels(request: &Request<'_>) -> impl Iterator<Item = OsString> {
    let folders = request.builds.wheels.iter().map(|built| built.folder().into());
    folders.flat_map(|folder| ["--find-links".into(), folder])
}

/// What Linux would have.
fn native(uv: &Uv, request: &Request<'_>, implied: Option<&Path>) -> Result<Vec<Pin>, Error> {
    let mut arguments = compile(request, implied);
    arguments.extend(built_wheels(request));
    let options = ["--python-platform", ELSEWHERE, "--annotation-style", "line", "--quiet"];
    arguments.extend(options.map(OsString::from));
    let (output, _said) = run(uv, request, arguments)?;
    Ok(read_pins(&String::from_utf8_lossy(&output)))
}

/// All wheels that there are of these versions.
fn published(uv: &Uv, request: &Request<'_>, pins: &[&Pin]) -> Result<Lock, Error> {
    let mut list = tempfile::Builder::new().prefix("taipan-").suffix(".txt").tempfile()?;
    for Pin { name, version, .. } in pins {
        writeln!(list, "{name}=={version}")?;
    }
    let mut arguments: Vec<OsString> = vec!["pip".into(), "compile".into(), list.path().into()];
    arguments.extend(own_options(request));
    arguments.extend(ONLY_WHEELS.map(OsString::from));
    arguments.extend(
        ["--universal", "--no-deps", "--quiet", "--format", "pylock.toml"].map(OsString::from),
    );
    let (output, _said) = run(uv, request, arguments)?;
    let output = String::from_utf8_lossy(&output);
    match pins.is_empty() {
        true => Lock::parse(LOCK_FILE, "lock-version = \"1.0\"\ncreated-by = \"taipan\""),
        false => Lock::parse("uv's list of wheels", &output),
    }
}

/// A file with what the project does not name and its sources import.
fn implied(request: &Request<'_>) -> Result<Option<NamedTempFile>, Error> {
    let names = &request.wanted.implied;
    if names.is_empty() {
        return Ok(None);
    }
    let mut list = tempfile::Builder::new().prefix("taipan-").suffix(".in").tempfile()?;
    writeln!(list, "{}", names.join("\n"))?;
    Ok(Some(list))
}

fn name_of(draft: &NamedTempFile) -> OsString {
    draft.path().file_name().map(OsString::from).unwrap_or_default()
}

/// Removes what a killed process has left. The name of a draft has the number of the process that makes it.
fn remove_old_drafts(directory: &Path) -> Result<(), Error> {
    for found in fs_err::read_dir(directory)? {
        let path = found?.path();
        let name =
            path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let Some((process, _)) = name.strip_prefix(DRAFT).and_then(|rest| rest.split_once('-'))
        else {
            continue;
        };
        if !Path::new("/proc").join(process).exists() {
            fs_err::remove_file(&path)?;
        }
    }
    Ok(())
}
