//! What differs between two locks, for people.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::lock::Lock;
use crate::package::{Package, Source, Vcs};

/// How much of a commit tells it apart.
const COMMIT_LETTERS: usize = 9;

/// A package that a new lock has in another way than the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The package.
    pub name: String,
    /// Its version before; none when it was not there.
    pub before: Option<String>,
    /// Its version now; none when it is gone.
    pub after: Option<String>,
}

impl Change {
    /// All changes from `before` to `after`, by name.
    #[must_use]
    pub fn all(before: Option<&Lock>, after: &Lock) -> Vec<Self> {
        let (before, after) = (before.map(versions).unwrap_or_default(), versions(after));
        let names: BTreeSet<_> = before.keys().chain(after.keys()).copied().collect();
        let change = |name: &str| Self {
            name: name.to_owned(),
            before: before.get(name).cloned(),
            after: after.get(name).cloned(),
        };
        names.into_iter().map(change).filter(|change| change.before != change.after).collect()
    }
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, before, after } = self;
        match (before, after) {
            (Some(before), Some(after)) => write!(formatter, "changed {name} {before} → {after}"),
            (None, Some(after)) => write!(formatter, "added {name} {after}"),
            (Some(before), None) => write!(formatter, "removed {name} {before}"),
            (None, None) => write!(formatter, "{name}"),
        }
    }
}

/// The packages, with what tells their versions apart; several of one name have markers.
fn versions(lock: &Lock) -> BTreeMap<&str, String> {
    let mut found: BTreeMap<&str, String> = BTreeMap::new();
    for package in &lock.packages {
        let text = found.entry(&package.name).or_default();
        let separator = if text.is_empty() { "" } else { ", " };
        *text += &format!("{separator}{}", version(package));
    }
    found
}

fn version(package: &Package) -> String {
    let known = package.version.as_ref().map(ToString::to_string);
    match &package.source {
        Source::Vcs(Vcs { commit, .. }) => {
            let commit: String = commit.chars().take(COMMIT_LETTERS).collect();
            known.map_or_else(|| commit.clone(), |version| format!("{version} ({commit})"))
        }
        Source::Directory { path, .. } => known.unwrap_or_else(|| format!("({path})")),
        Source::Archive { file, .. } => known.unwrap_or_else(|| format!("({})", file.name)),
        Source::Files { .. } => known.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(packages: &[&str]) -> Lock {
        let table = |line: &&str| format!("[[packages]]\n{line}\n");
        let tables: String = packages.iter().map(table).collect();
        Lock::parse("pylock.toml", &format!("lock-version = '1.0'\ncreated-by = 'x'\n{tables}"))
            .unwrap()
    }

    #[test]
    fn every_kind() {
        let digest = "a".repeat(64);
        let files = |name: &str, version: &str| {
            let wheel = format!("{name}-{version}-py3-none-any.whl");
            let wheel = format!(
                "{{ name = '{wheel}', url = 'https://x/{wheel}', hashes = {{ sha256 = '{digest}' }} }}"
            );
            format!("name = '{name}'\nversion = '{version}'\nwheels = [{wheel}]")
        };
        let commit = |commit: &str| {
            format!(
                "name = 'git'\nvcs = {{ type = 'git', url = 'https://x/g', commit-id = '{commit}' }}"
            )
        };
        let before = lock(&[
            &files("same", "1"),
            &files("gone", "2"),
            &files("newer", "1.0"),
            &commit("01234567890123456789012345678901234567ab"),
        ]);
        let after = lock(&[
            &files("same", "1"),
            &files("newer", "1.1"),
            &commit("fedcba9876543210fedcba9876543210fedcba98"),
            "name = 'own'\ndirectory = { path = 'sub/own' }",
        ]);
        let said: Vec<_> =
            Change::all(Some(&before), &after).iter().map(ToString::to_string).collect();
        let expect = [
            "changed git 012345678 → fedcba987",
            "removed gone 2",
            "changed newer 1.0 → 1.1",
            "added own (sub/own)",
        ];
        assert_eq!(said, expect);
        assert_eq!(Change::all(Some(&after), &after), []);
        assert_eq!(Change::all(None, &after).len(), after.packages.len());
    }
}
