//! The `npm` client, run as a program: the user's own configuration decides
//! from where, with which proxy and which credentials it downloads.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Error, Package};

/// How much of npm's complaint is shown: its last lines say what happened.
const SAID_CHARACTERS_MAX: usize = 2000;

/// Downloads the tarball of `package` into the empty folder `download`.
pub(crate) fn pack(
    package: &Package<'_>,
    command: &Path,
    download: &Path,
) -> Result<PathBuf, Error> {
    let specifier = package.specifier();
    // Not `--silent`: that also hides why it failed.
    let output = Command::new(command)
        .args(["pack", &specifier, "--ignore-scripts", "--loglevel=error"])
        .current_dir(download)
        .stdin(Stdio::null())
        .output()
        .map_err(|source| Error::NpmMissing {
            command: command.to_owned(),
            package: specifier.clone(),
            source,
        })?;
    if !output.status.success() {
        let said = tail(&String::from_utf8_lossy(&output.stderr));
        return Err(Error::NpmFailed { package: specifier, status: output.status, said });
    }
    let mut tarballs = Vec::new();
    for found in fs_err::read_dir(download)? {
        let path = found?.path();
        if path.extension().is_some_and(|extension| extension == "tgz") {
            tarballs.push(path);
        }
    }
    match <[PathBuf; 1]>::try_from(tarballs) {
        Ok([tarball]) => Ok(tarball),
        Err(tarballs) => Err(Error::NpmTarballs { package: specifier, found: tarballs.len() }),
    }
}

/// The end of `said`, from the beginning of a line where that is possible.
fn tail(said: &str) -> String {
    let said = said.trim();
    let skip = said.chars().count().saturating_sub(SAID_CHARACTERS_MAX);
    let kept: String = said.chars().skip(skip).collect();
    match kept.split_once('\n') {
        Some((_, lines)) if skip > 0 => lines.to_owned(),
        Some(_) | None => kept,
    }
}

#[cfg(test)]
mod tests {
    use super::{SAID_CHARACTERS_MAX, tail};

    #[test]
    fn short_is_kept_whole() {
        assert_eq!(tail("\none\ntwo\n"), "one\ntwo");
    }

    #[test]
    fn long_loses_its_first_lines() {
        let long = format!("first\nsecond {}\nlast", "é".repeat(SAID_CHARACTERS_MAX));
        assert_eq!(tail(&long), "last");
    }

    #[test]
    fn one_long_line_is_cut() {
        assert_eq!(tail(&"x".repeat(2 * SAID_CHARACTERS_MAX)).len(), SAID_CHARACTERS_MAX);
    }
}
