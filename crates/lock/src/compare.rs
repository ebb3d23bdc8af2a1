//! Compares a lock with what Linux would have.
//!
//! A resolver takes silently what fits. So its solution is compared with the one for a platform for which nearly every
//! package has wheels.

use std::collections::{BTreeMap, BTreeSet};

use pep440_rs::Version;
use taipan_manifest::PYPROJECT_FILE;

use crate::held::{Held, Kind};
use crate::lock::Lock;
use crate::package::{Package, Source};
use crate::wheel::{Target, what_exists};

/// A wheel of fewer bytes than this, which is held back, has no content.
const STUB_BYTES_MAX: u64 = 3000;

/// A package of a solution, and what requires it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pin {
    pub(crate) name: String,
    pub(crate) version: Version,
    pub(crate) required_by: Vec<String>,
}

/// Reads what uv writes as requirements with annotations in the line: `idna==3.20  # via anyio, httpx`.
pub(crate) fn read_pins(text: &str) -> Vec<Pin> {
    let pin = |line: &str| {
        let (pinned, required_by) = line.split_once('#').unwrap_or((line, ""));
        let (name, rest) = pinned.split_once("==")?;
        let version = rest.split(';').next()?.trim().parse().ok()?;
        let required_by = required_by.trim().strip_prefix("via ").unwrap_or_default().split(", ");
        // `worker (pyproject.toml)` is the project itself.
        let file = |text: &str| Some(text.strip_suffix(')')?.split_once('(')?.1.to_owned());
        let required_by = required_by.filter(|text| !text.is_empty());
        let required_by =
            required_by.map(|text| file(text).unwrap_or_else(|| text.to_owned())).collect();
        Some(Pin { name: name.trim().to_owned(), version, required_by })
    };
    text.lines().filter_map(pin).collect()
}

/// The packages of `native` that `taken` has not, or has of another version.
pub(crate) fn differing<'a>(taken: &Lock, native: &'a [Pin]) -> Vec<&'a Pin> {
    let is_taken = |pin: &Pin| {
        taken.packages.iter().any(|package| {
            package.name == pin.name
                && package.version.as_ref().is_none_or(|version| *version >= pin.version)
        })
    };
    native.iter().filter(|pin| !is_taken(pin)).collect()
}

/// What of `taken` is not as in `native`. `published` has all wheels of the versions that differ. What `before` had of the
/// same version stays as it was there, unless it was of unknown origin: it is the lock that keeps it.
pub(crate) fn compare(
    taken: &Lock,
    native: &[Pin],
    published: &Lock,
    before: Option<&Lock>,
    target: Target,
) -> Vec<Held> {
    let published: BTreeMap<_, _> =
        published.packages.iter().map(|package| (package.name.as_str(), wheels(package))).collect();
    let wheels_of = |name: &str| published.get(name).cloned().unwrap_or_default();
    let blocked: BTreeMap<_, _> = published
        .iter()
        .filter(|(_, wheels)| !wheels.iter().any(|wheel| target.takes(wheel)))
        .map(|(name, wheels)| (*name, what_exists(wheels.iter().copied())))
        .collect();
    let differing = differing(taken, native);
    let of_others: BTreeSet<_> = differing
        .iter()
        .filter(|pin| taken.packages.iter().any(|package| package.name == pin.name))
        .flat_map(|pin| needed(&pin.name, native))
        .collect();
    let held = differing.iter().filter_map(|pin| {
        let package = taken.packages.iter().find(|package| package.name == pin.name);
        let kind = match package {
            Some(package) if is_stub(package) => Kind::Stub,
            Some(_) => Kind::Older,
            // What an older version of another does not need is not missing, nor what the project itself leaves out.
            None if of_others.contains(pin.name.as_str()) => return None,
            None if pin.required_by.iter().any(|by| by == PYPROJECT_FILE) => return None,
            None => Kind::Missing,
        };
        let version = package.and_then(|package| package.version.clone());
        if package.is_some_and(|package| is_kept(package, before)) {
            return None;
        }
        let needs = needed(&pin.name, native)
            .into_iter()
            .filter_map(|name| blocked.get_key_value(name))
            .map(|(name, exists)| format!("{name} ({exists})"));
        let fits = wheels_of(&pin.name).iter().any(|wheel| target.takes(wheel));
        Some(Held {
            name: pin.name.clone(),
            kind,
            taken: version,
            elsewhere: pin.version.clone(),
            looked_for: target.looked_for(),
            exists: match fits {
                true => target.looked_for(),
                false => what_exists(wheels_of(&pin.name).into_iter()),
            },
            needs: if fits { needs.collect() } else { Vec::new() },
            required_by: pin.required_by.clone(),
        })
    });
    held.collect()
}

/// Whether the lock before has the same version, and did not hold it back: then it is only not upgraded.
fn is_kept(package: &Package, before: Option<&Lock>) -> bool {
    let Some((before, made)) = before.and_then(|before| Some((before, before.made.as_ref()?)))
    else {
        return false;
    };
    let same = before
        .packages
        .iter()
        .any(|old| old.name == package.name && old.version == package.version);
    same && made.held.iter().all(|held| held.name != package.name)
}

fn wheels(package: &Package) -> Vec<&str> {
    match &package.source {
        Source::Files { wheels, .. } => wheels.iter().map(|wheel| wheel.name.as_str()).collect(),
        Source::Directory { .. } | Source::Vcs(_) | Source::Archive { .. } => Vec::new(),
    }
}

/// Whether it only keeps a name: one of the first versions, or hardly any bytes.
fn is_stub(package: &Package) -> bool {
    let Source::Files { wheels, .. } = &package.source else { return false };
    let first = package.version.as_ref().is_some_and(|version| {
        version.release().iter().rev().skip_while(|number| **number == 0).count() == 0
            || version.release() == [0, 0, 1]
    });
    first || wheels.iter().any(|wheel| wheel.size.is_some_and(|size| size < STUB_BYTES_MAX))
}

/// All that a package needs, in a solution.
fn needed<'a>(name: &'a str, native: &'a [Pin]) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut open = vec![name];
    while let Some(parent) = open.pop() {
        let children = native.iter().filter(|pin| pin.required_by.iter().any(|by| by == parent));
        open.extend(children.map(|pin| pin.name.as_str()).filter(|name| found.insert(*name)));
    }
    found
}
