//! Makes a program that other programs call as they call `python3`: a release's own CPython.
//!
//! It is a script of the shell with the words of one `taipan python`. uv and pip are given its path.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use taipan_lock::Seen;
use taipan_release::Release;
use taipan_store::{Digest, Files, Held, OnReadOnly, write_program};
use taipan_webapi::with_causes;

use crate::entries::INTERPRETER_ENTRIES;
use crate::failure::Failure;
use crate::options::Options;
use crate::progress::Display;

/// What one call of a build backend may take: seconds, and of CPU time; MiB of memory, and of what it prints, which uv
/// keeps.
const BUILD_LIMITS: [&str; 8] =
    ["--wall", "600", "--cpu", "600", "--memory", "2048", "--output", "16"];

/// Further words of the script: it ends with the process that has called it.
const ENDS_WITH_CALLER: &str = " --end-with \"$PPID\"";

/// A program in the cache. It stays there at least for as long as this lives.
#[derive(Debug)]
pub(crate) struct Interpreter {
    name: String,
    files: Files,
    _held: Held,
}

impl Interpreter {
    /// Where it is: an absolute path.
    pub(crate) fn path(&self) -> PathBuf {
        self.files.folder().join(&self.name)
    }
}

/// The program that is the CPython of `release`, with further words of `taipan python`; made if the cache does not have
/// it.
pub(crate) fn program(
    release: &Release,
    options: &Options,
    words: &[String],
    on_read_only: OnReadOnly,
) -> Result<Interpreter, Failure> {
    let words = [&["--code-directories".to_owned()], words].concat();
    keep(options, &name(release), &text(release, options, &words, "")?, on_read_only)
}

/// The Pythons of builds. They stay in the cache at least for as long as this lives.
#[derive(Debug)]
pub(crate) struct BuildPythons<'a> {
    release: &'static Release,
    options: &'a Options,
    held: RefCell<Vec<Interpreter>>,
}

impl<'a> BuildPythons<'a> {
    /// Those of `release`.
    pub(crate) fn new(release: &'static Release, options: &'a Options) -> Self {
        Self { release, options, held: RefCell::default() }
    }

    /// A program that is the release's Python and sees what a build may see.
    pub(crate) fn make(&self, seen: &Seen) -> Result<PathBuf, String> {
        let mount = |folder: &Path, end: &str| {
            let folder = folder.display();
            ["--mount".to_owned(), format!("{folder}:{folder}{end}")]
        };
        let mut words: Vec<_> = seen.read.iter().flat_map(|folder| mount(folder, "")).collect();
        words.extend(mount(&seen.write, ":rw"));
        words.extend(BUILD_LIMITS.map(str::to_owned));
        // Of the times in the wheel: the same everywhere.
        words.extend(["--env", "SOURCE_DATE_EPOCH=315532800"].map(str::to_owned));
        let Self { release, options, held } = self;
        let made = text(release, options, &words, ENDS_WITH_CALLER)
            .and_then(|text| keep(options, &name(release), &text, OnReadOnly::Apart));
        let interpreter = made.map_err(|failure| with_causes(&failure))?;
        let path = interpreter.path();
        held.borrow_mut().push(interpreter);
        Ok(path)
    }
}

fn keep(
    options: &Options,
    name: &str,
    text: &str,
    on_read_only: OnReadOnly,
) -> Result<Interpreter, Failure> {
    let cache = options.cache()?;
    let entry = cache.entry(INTERPRETER_ENTRIES, &Digest::of(text.as_bytes()).to_string())?;
    let entry = entry.called(format!("the program `{name}`"));
    let held = entry.hold()?;
    let display = Display::new(options.quiet);
    let files = entry.get_or_build(on_read_only, &|step| display.show(step), |folder| {
        write_program(&folder.join(name), text.as_bytes())
    })?;
    Ok(Interpreter { name: name.to_owned(), files, _held: held })
}

/// Puts the same program into a folder of the user's; where it is.
pub(crate) fn install(
    release: &Release,
    options: &Options,
    words: &[String],
    folder: &Path,
) -> Result<PathBuf, Failure> {
    if !folder.is_dir() {
        return Err(Failure::not_a_directory("the directory to install into", folder));
    }
    let folder = fs_err::canonicalize(folder)
        .map_err(|source| Failure::System { what: "look at the directory", source })?;
    let path = folder.join(name(release));
    let words = [&["--code-directories".to_owned()], words].concat();
    write_program(&path, text(release, options, &words, "")?.as_bytes())?;
    Ok(path)
}

/// What CPython calls itself.
fn name(release: &Release) -> String {
    format!("python{}", release.python_minor())
}

/// The script, with words of `taipan python`; `more` is text of the shell after them.
fn text(
    release: &Release,
    options: &Options,
    words: &[String],
    more: &str,
) -> Result<String, Failure> {
    let taipan = std::env::current_exe()
        .map_err(|source| Failure::System { what: "tell where this program is", source })?;
    let taipan = taipan.into_os_string().into_string().map_err(|path| Failure::Usage {
        reason: format!("the path {} is not Unicode, and a script cannot say it", path.display()),
    })?;
    let mut command = vec![taipan];
    command.extend(options.words(release)?);
    command.extend(["--quiet", "python"].map(str::to_owned));
    command.extend_from_slice(words);
    let command: Vec<_> = command.iter().map(|word| quoted(word)).collect();
    let Release { version, python, .. } = release;
    Ok(format!(
        "#!/bin/sh\n# Python {python} of Pyodide {version}, for programs that call an interpreter: \
         see `taipan python --help`.\nexec {}{more} --executable \"$0\" -- \"$@\"\n",
        command.join(" ")
    ))
}

/// A word as the shell reads it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-=:,@+".contains(&byte);
    match !word.is_empty() && word.bytes().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_of_the_shell() {
        for (word, expect) in [
            ("--cache", "--cache"),
            ("/a/b-1.py", "/a/b-1.py"),
            ("a@file:///b+c", "a@file:///b+c"),
            ("", "''"),
            ("a b", "'a b'"),
            ("$(x)", "'$(x)'"),
            ("it's", r"'it'\''s'"),
        ] {
            assert_eq!(quoted(word), expect);
        }
    }
}
