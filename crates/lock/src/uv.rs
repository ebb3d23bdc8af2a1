//! Finds uv, and runs it.
//!
//! The uv on the PATH is taken when it is new enough. Else pip fetches a pinned version, which only Taipan uses, into the
//! cache; pip's own settings say from where.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use pep440_rs::Version;
use taipan_store::{Cache, Entry, OnReadOnly, Progress, Step, write_atomic};

use crate::Error;
use crate::program::{Call, Ended};
use crate::said::{SAYS_WHAT_IS_LEFT_OUT, Said};

/// The version of uv that is fetched.
pub const PINNED: &str = "0.13.9";

/// The oldest version that is used: it reads and writes `pylock.toml` as the pinned one.
const LEAST: &str = "0.13.0";

/// The program's name, and the kind of the cache's entries that hold it.
pub const UV_ENTRIES: &str = "uv";

/// SHA-256 digests of the wheels of the pinned version for Linux: glibc and musl, x86-64 and AArch64.
///
/// To pin another version: `pip download uv==VERSION --no-deps --platform PLATFORM`, and `sha256sum`.
const WHEELS: [&str; 4] = [
    "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19",
    "2c45530751517d6c3bbc69a19473f6effe47cce047bede01ffd8af7ea7b36b25",
    "ecb6028d79dc96fbeafffe5c8af62a7099487ebc05a701e76714eebcffd06375",
    "5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe",
];

/// The exit code of a starter that cannot find the program (POSIX.1-2024, "Exit Status for Commands" of the shell).
pub const NOT_THERE: i32 = 127;

/// What `python3 -m pip` runs, for `python3 -c`. At the words `-m pip` pyenv's shim registers new programs afterwards, for
/// which it waits a minute for a lock, and fails without it (`pyenv.d/exec/pip-rehash.bash` of pyenv 2).
pub const RUN_PIP: &str = "import runpy; runpy.run_module('pip', run_name='__main__')";

/// Programs that may be pip, in the order in which they are tried.
const PIPS: [&[&str]; 3] = [&["python3", "-c", RUN_PIP], &["pip3"], &["pip"]];

/// The uv program.
#[derive(Clone, Debug)]
pub struct Uv {
    program: PathBuf,
    /// What starts it.
    starter: Vec<OsString>,
}

impl Uv {
    /// The uv on the PATH if it is new enough, else the pinned one, which pip fetches into `cache` when it is not there.
    /// The program of the words `starter` starts both, with their own words after those, and becomes them; nothing does
    /// where there are no words. Nothing is fetched when it is `offline`.
    ///
    /// # Errors
    ///
    /// [`Error::NoUv`] where there is neither uv nor pip, [`Error::Fetch`] where pip does not get it, [`Error::Offline`]
    /// where it may not.
    pub fn find(
        cache: &Cache,
        starter: &[OsString],
        offline: bool,
        progress: Progress<'_>,
    ) -> Result<Self, Error> {
        let reason = match Call::new(UV_ENTRIES, &["--version"]).run(&|_| ()) {
            Ok(ended) => match version(&ended) {
                Some(found) if is_new_enough(&found) => {
                    let starter = starter.to_vec();
                    return Ok(Self { program: UV_ENTRIES.into(), starter });
                }
                Some(found) => format!("uv {found} is on the PATH"),
                None => format!("the uv on the PATH says no version ({})", ended.status),
            },
            Err(error) => format!("no uv on the PATH ({error})"),
        };
        Self::pinned(cache, starter, offline, reason, progress)
    }

    /// The pinned version, from the cache or else from pip. `reason` says why another is not used.
    fn pinned(
        cache: &Cache,
        starter: &[OsString],
        offline: bool,
        reason: String,
        progress: Progress<'_>,
    ) -> Result<Self, Error> {
        let entry = Self::entry(cache)?;
        let files = entry.get_or_build(OnReadOnly::Apart, progress, |staging| {
            if offline {
                return Err(Error::Offline { least: LEAST, pinned: PINNED, reason });
            }
            let label = format!("fetching uv {PINNED} with pip");
            progress(Step::Begin { label: &label, bytes_total: None });
            fetch(staging, starter, reason)
        })?;
        let program = files.folder().join("bin").join(UV_ENTRIES);
        Ok(Self { program, starter: starter.to_vec() })
    }

    /// The entry of `cache` that has the pinned version, or would have it.
    ///
    /// # Errors
    ///
    /// None that its name could cause.
    pub fn entry(cache: &Cache) -> Result<Entry, taipan_store::Error> {
        let entry = cache.entry(UV_ENTRIES, &format!("{PINNED}-{}", std::env::consts::ARCH))?;
        Ok(entry.called(format!("uv {PINNED}")))
    }

    /// A call of it, without colours.
    pub(crate) fn call(&self, arguments: &[&str]) -> Call {
        let mut call = Call::new(&self.program, &["--color", "never"]).under(&self.starter);
        call.arguments.extend(arguments.iter().map(OsString::from));
        call
    }

    /// Runs it in `directory`, with the user's settings; what it writes to its standard output. `what` says in an error
    /// what it was to do, and `line` gets what it says meanwhile.
    ///
    /// # Errors
    ///
    /// [`Error::Uv`] with what it said, when it fails.
    pub fn run(
        &self,
        what: &'static str,
        directory: &Path,
        arguments: Vec<OsString>,
        line: &dyn Fn(&str),
    ) -> Result<Vec<u8>, Error> {
        self.run_while(what, directory, arguments, line, &|| true)
    }

    /// As [`Uv::run`]; it is ended when `goes_on`, which is asked now and then, says no.
    ///
    /// # Errors
    ///
    /// [`Error::Uv`] with what it said, when it fails or was ended.
    pub fn run_while(
        &self,
        what: &'static str,
        directory: &Path,
        arguments: Vec<OsString>,
        line: &dyn Fn(&str),
        goes_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<u8>, Error> {
        let mut call = self.call(&[]);
        let (arguments, variables) = indexes_apart(arguments);
        call.arguments.extend(arguments);
        call.variables.extend(variables);
        call.directory = Some(directory.to_owned());
        let (name, value) = SAYS_WHAT_IS_LEFT_OUT;
        call.variables.push((name, value.into()));
        let Ended { status, output, said } = call
            .run_while(line, goes_on)
            .map_err(|source| Error::Run { program: self.program.display().to_string(), source })?;
        match status.success() {
            true => Ok(output),
            false => Err(Error::Uv { what, status, said: Said::read(&said).essence(&said) }),
        }
    }
}

/// Options of uv that name indexes, and the variables that do.
const INDEXES: [(&str, &str); 2] =
    [("--default-index", "UV_DEFAULT_INDEX"), ("--index", "UV_INDEX")];

/// The arguments without those that name indexes, and the variables that name them. Every user of the machine sees the
/// words of a command, and an address may have a password. uv is given indexes only where none of its variables is set.
fn indexes_apart(arguments: Vec<OsString>) -> (Vec<OsString>, Vec<(&'static str, OsString)>) {
    let (mut rest, mut variables) = (Vec::new(), Vec::<(&'static str, OsString)>::new());
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let variable = INDEXES.iter().find(|(option, _)| argument == *option);
        let Some(((_, variable), address)) =
            variable.and_then(|found| Some((found, arguments.next()?)))
        else {
            rest.push(argument);
            continue;
        };
        match variables.iter_mut().find(|(name, _)| name == variable) {
            Some((_, addresses)) => {
                addresses.push(" ");
                addresses.push(address);
            }
            None => variables.push((variable, address)),
        }
    }
    (rest, variables)
}

/// The version in `uv 0.13.9 (x86_64-unknown-linux-gnu)`.
fn version(ended: &Ended) -> Option<Version> {
    let said = String::from_utf8_lossy(&ended.output);
    said.strip_prefix("uv ")?.split_whitespace().next()?.parse().ok()
}

fn is_new_enough(found: &Version) -> bool {
    LEAST.parse().is_ok_and(|least: Version| *found >= least)
}

/// Has pip put the pinned version into `folder`.
fn fetch(folder: &Path, starter: &[OsString], mut reason: String) -> Result<(), Error> {
    let requirements = folder.join("requirements.txt");
    let hashes = WHEELS.map(|digest| format!(" --hash=sha256:{digest}"));
    write_atomic(&requirements, format!("uv=={PINNED}{}\n", hashes.concat()).as_bytes())?;
    for pip in PIPS {
        let mut call = Call::new(pip[0], &pip[1..]).under(starter);
        let options =
            ["install", "--require-hashes", "--no-deps", "--only-binary", ":all:", "--no-compile"];
        let quietly = ["--quiet", "--disable-pip-version-check", "--no-input", "--target"];
        call.arguments.extend(options.into_iter().chain(quietly).map(OsString::from));
        call.arguments.extend([folder.into(), "--requirement".into(), requirements.clone().into()]);
        // A user's settings for her own environments, which contradict `--target`.
        call.variables = vec![("PIP_USER", "0".into()), ("PIP_REQUIRE_VIRTUALENV", "0".into())];
        let name = if pip[0] == "python3" { "python3 -m pip" } else { pip[0] };
        match call.run(&|_| ()) {
            Ok(ended) if ended.status.success() => return Ok(fs_err::remove_file(&requirements)?),
            Ok(ended) if ended.status.code() == Some(NOT_THERE) => {
                reason += &format!(", {name}: {}", ended.said);
            }
            Ok(ended) if ended.said.contains("No module named pip") => {
                reason += &format!(", {name}: no module named pip");
            }
            Ok(Ended { status, said, .. }) => {
                return Err(Error::Fetch { pinned: PINNED, status, said });
            }
            Err(error) => reason += &format!(", {name}: {error}"),
        }
    }
    Err(Error::NoUv { least: LEAST, pinned: PINNED, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_enough() {
        let check = |found: &str| is_new_enough(&found.parse().unwrap());
        assert!(check(PINNED) && check(LEAST) && check("1.0.0"));
        assert!(!check("0.12.99") && !check("0.9.0"));
    }

    #[test]
    fn indexes_are_not_among_the_words() {
        let words = ["pip", "--index", "a", "--default-index", "b", "--index", "c", "--offline"];
        let (words, variables) = indexes_apart(words.map(OsString::from).to_vec());
        assert_eq!(words, ["pip", "--offline"]);
        assert_eq!(variables, [("UV_INDEX", "a c".into()), ("UV_DEFAULT_INDEX", "b".into())]);
    }

    #[test]
    fn offline() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let error = Uv::pinned(&cache, &[], true, "no uv on the PATH".into(), &|_| ()).unwrap_err();
        let told = "uv 0.13.9 is not in the cache, and nothing may be fetched: no uv on the PATH, and 0.13.0 or later is needed";
        assert_eq!(error.to_string(), told);
    }

    /// The real one, by the real pip.
    #[test]
    fn pip_fetches_the_pinned_one() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let uv = Uv::pinned(&cache, &[], false, String::new(), &|_| ()).unwrap();
        let said =
            uv.run("say its version", folder.path(), vec!["--version".into()], &|_| ()).unwrap();
        assert!(String::from_utf8_lossy(&said).starts_with(&format!("uv {PINNED} ")), "{said:?}");
        // From the cache, where nothing could be fetched.
        Uv::pinned(&cache, &[], true, String::new(), &|step| panic!("{step:?}")).unwrap();
    }
}
