//! Pyodide's own index of packages that were built for a release: a further source, which may be absent.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use taipan_store::{Cache, Digest, write_atomic};

use crate::Error;
use crate::uv::Uv;

/// The folder of the cache that remembers which indexes answered.
const FOLDER: &str = "indexes";

/// For how long that is believed.
const REMEMBERED: Duration = Duration::from_secs(6 * 60 * 60);

/// How long the index is waited for, in seconds.
const SECONDS_MAX: &str = "3";

/// A package that each of these indexes has.
const PROBE: &str = "micropip";

/// The index of a release.
#[derive(Clone, Copy, Debug)]
pub struct PyodideIndex<'a> {
    /// Who asks it.
    pub uv: &'a Uv,
    /// A program that is the release's Python.
    pub python: &'a Path,
    /// Its address.
    pub address: &'a str,
}

impl PyodideIndex<'_> {
    /// Whether it answers; for some hours what it did before, of which nobody is told again.
    ///
    /// # Errors
    ///
    /// What the system says; none of the index.
    pub fn is_there(&self, cache: &Cache, tell: impl FnOnce(bool)) -> Result<bool, Error> {
        let folder = cache.root().join(FOLDER);
        let note = folder.join(Digest::of(self.address.as_bytes()).short());
        let age = note
            .metadata()
            .and_then(|data| data.modified())
            .ok()
            .and_then(|time| time.elapsed().ok());
        if age.is_some_and(|age| age < REMEMBERED)
            && let Ok(said) = fs_err::read_to_string(&note)
        {
            return Ok(said == self.note(true));
        }
        let answers = self.answers()?;
        tell(answers);
        // A cache that can only be read remembers nothing.
        let remembered = fs_err::create_dir_all(&folder).is_ok()
            && write_atomic(&note, self.note(answers).as_bytes()).is_ok();
        let _asked_again = remembered;
        Ok(answers)
    }

    /// What is remembered.
    fn note(&self, answers: bool) -> String {
        format!("{} {}\n", self.address, if answers { "answers" } else { "is silent" })
    }

    fn answers(&self) -> Result<bool, Error> {
        let mut list = tempfile::Builder::new().prefix("taipan-").suffix(".txt").tempfile()?;
        writeln!(list, "{PROBE}")?;
        let list = list.path();
        let mut call =
            self.uv.call(&["pip", "compile", "--no-deps", "--only-binary", ":all:", "--quiet"]);
        call.arguments.extend(["--default-index".into(), self.address.into(), "--python".into()]);
        call.arguments.extend([self.python.into(), list.into()]);
        call.directory = list.parent().map(Path::to_owned);
        call.variables =
            vec![("UV_HTTP_TIMEOUT", SECONDS_MAX.into()), ("UV_HTTP_RETRIES", "0".into())];
        let ended = call.run(&|_| ());
        Ok(ended.is_ok_and(|ended| ended.status.success()))
    }

    /// The options of uv that add it: the newest version of all indexes counts.
    #[must_use]
    pub fn options(&self) -> [String; 4] {
        ["--index", self.address, "--index-strategy", "unsafe-best-match"].map(str::to_owned)
    }
}
