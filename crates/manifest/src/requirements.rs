//! Packages that a worker says it needs, where it has neither a lock nor a directory of packages.

use crate::tree::{Entry, Node, Value};
use crate::{Location, Warning};

/// A list of packages, as `pip` reads it.
pub const REQUIREMENTS_FILE: &str = "requirements.txt";

/// What installs what a `pyproject.toml` asks for, and what a list of `pip` does.
const LOCK: &str = "`taipan lock` writes pylock.toml, from which they are installed";
const ADD: &str = "`taipan add` takes them into pyproject.toml, and writes pylock.toml, from which they are installed";

/// Packages that are named in a warning; the rest is counted.
const NAMED_MAX: usize = 3;

/// What `dependencies` of the `project` table asks for, if that is something. Mistakes in it are for other tools to
/// report.
pub(crate) fn dependencies(project: &Node, at: impl Fn(usize) -> Location) -> Option<Warning> {
    let Value::Table(entries) = &project.value else { return None };
    let Entry { offset, node, .. } = entries.iter().find(|entry| entry.key == "dependencies")?;
    let Value::List(items) = &node.value else { return None };
    let names = items.iter().filter_map(|item| match &item.value {
        Value::Text(text) => name(text),
        _ => None,
    });
    not_installed(at(*offset), names, LOCK)
}

/// What the text of a `requirements.txt` called `file` asks for, if that is something.
#[must_use]
pub fn requirements(file: &str, text: &str) -> Option<Warning> {
    let is_one = |line: &&str| !line.starts_with(['#', '-', ' ', '\t']) && !line.trim().is_empty();
    let first = text.lines().find(is_one)?;
    let offset = first.as_ptr().addr() - text.as_ptr().addr();
    let names = text.lines().filter(is_one).filter_map(name);
    not_installed(Location::of(file, text, offset), names, ADD)
}

fn not_installed<'a>(
    at: Location,
    names: impl Iterator<Item = &'a str>,
    remedy: &'static str,
) -> Option<Warning> {
    let all: Vec<_> = names.collect();
    let named: Vec<_> = all.iter().take(NAMED_MAX).map(|name| (*name).to_owned()).collect();
    let more = all.len() - named.len();
    (!named.is_empty()).then_some(Warning::NotInstalled { at, named, more, remedy })
}

/// The name at the beginning of a requirement (PEP 508).
fn name(requirement: &str) -> Option<&str> {
    let requirement = requirement.trim_start();
    let of_name = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let name = requirement.split(|letter| !of_name(letter)).next().unwrap_or_default();
    Some(name).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use crate::{PYPROJECT_FILE, parse_pyproject};

    use super::*;

    #[track_caller]
    fn check(warning: Option<&Warning>, expect: &str) {
        assert_eq!(warning.map(ToString::to_string).unwrap_or_default(), expect);
    }

    #[test]
    fn of_requirements() {
        let found = |text: &str| requirements(REQUIREMENTS_FILE, text);
        check(found("").as_ref(), "");
        check(found("# none\n\n-r other.txt\n").as_ref(), "");
        check(
            found("# some\nhttpx>=1 # why\njinja2[i18n]\n").as_ref(),
            &format!(
                "requirements.txt:2:1: httpx and jinja2 are asked for and not installed: {ADD}"
            ),
        );
        check(
            found("a\nb\nc\nd\ne\n").as_ref(),
            &format!(
                "requirements.txt:1:1: a, b, c and 2 others are asked for and not installed: {ADD}"
            ),
        );
    }

    #[test]
    fn of_a_project() {
        let found = |text: &str| parse_pyproject(PYPROJECT_FILE, text).unwrap().dependencies;
        check(found("[project]\nname = \"x\"").as_ref(), "");
        check(found("[project]\ndependencies = []").as_ref(), "");
        check(found("[project]\ndependencies = 3").as_ref(), "");
        check(
            found("[project]\ndependencies = [\"httpx>=1\"]").as_ref(),
            "pyproject.toml:2:1: httpx is asked for and not installed: \
             `taipan lock` writes pylock.toml, from which they are installed",
        );
    }
}
