//! Compares a lock with what Linux would have.
//!
//! A resolver takes silently what fits. So its solution is compared with the one for a platform for which nearly every
//! package has wheels.

use std::cmp::Reverse;
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
            goes_with: None,
        })
    });
    let mut held: Vec<_> = held.collect();
    group(&mut held, native);
    held
}

/// Says of packages that are older for a reason that another has as well with which one they go. What has to be allowed, and
/// what the project asks for, goes with nothing before it: that is what its author knows.
fn group(held: &mut [Held], native: &[Pin]) {
    let needed: BTreeMap<_, _> =
        held.iter().map(|one| (one.name.clone(), needed(&one.name, native))).collect();
    let mut order: Vec<_> = (0..held.len()).collect();
    order.sort_by_key(|place| {
        let one = &held[*place];
        (!one.is_drastic(), !one.is_asked_for(), Reverse(needed[&one.name].len()))
    });
    for (place, own) in order.iter().enumerate().skip(1) {
        let one = &held[*own];
        if one.kind != Kind::Older || one.is_drastic() && one.is_asked_for() {
            continue;
        }
        let lacking = one.without_wheel();
        let is_first = |other: &&Held| {
            let of_other = other.without_wheel();
            let is_connected = needed[&other.name].contains(one.name.as_str())
                || needed[&one.name].contains(other.name.as_str());
            other.goes_with.is_none()
                && other.kind != Kind::Missing
                && is_connected
                && lacking.iter().all(|name| of_other.contains(name))
        };
        let first = order[..place].iter().map(|place| &held[*place]).find(is_first);
        held[*own].goes_with = first.map(|first| first.name.clone());
    }
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
fn needed<'a>(name: &str, native: &'a [Pin]) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut open = vec![name];
    while let Some(parent) = open.pop() {
        for child in native.iter().filter(|pin| pin.required_by.iter().any(|by| by == parent)) {
            if found.insert(child.name.as_str()) {
                open.push(&child.name);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAGS: &str = "cp314-x_wasm32";

    /// A package that is held back, of a major version or not.
    fn held(name: &str, is_drastic: bool, needs: &[&str], required_by: &[&str]) -> Held {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Held {
            name: name.to_owned(),
            kind: Kind::Older,
            taken: "1.0".parse().ok(),
            elsewhere: if is_drastic { "2.0" } else { "1.1" }.parse().unwrap(),
            looked_for: TAGS.to_owned(),
            exists: TAGS.to_owned(),
            needs: texts(needs),
            required_by: texts(required_by),
            goes_with: None,
        }
    }

    /// Which go with which, where `native` says what is required by what.
    #[track_caller]
    fn check(native: &str, mut all: Vec<Held>, expect: &[(&str, &str)]) {
        group(&mut all, &read_pins(native));
        let with = |one: &Held| Some((one.name.clone(), one.goes_with.clone()?));
        let found: Vec<_> = all.iter().filter_map(with).collect();
        let pair = |(one, other): &(&str, &str)| ((*one).to_owned(), (*other).to_owned());
        assert_eq!(found, expect.iter().map(pair).collect::<Vec<_>>());
    }

    /// As of langchain-core.
    #[test]
    fn what_an_asked_for_package_needs() {
        let project = &[PYPROJECT_FILE][..];
        check(
            "chain==2.0  # via worker (pyproject.toml)\nsmith==1.1  # via chain\ntenacity==2.0  # via chain\nfast==1  # via smith",
            vec![
                held("chain", true, &["fast (Linux)", "yaml (Linux)"], project),
                held("smith", false, &["fast (Linux)"], &["chain"]),
                held("tenacity", true, &[], &["chain"]),
            ],
            &[("smith", "chain"), ("tenacity", "chain")],
        );
        let reason = &["slow (Linux)"][..];
        check(
            "chain==2.0  # via worker (pyproject.toml)\nsmith==1.1  # via chain",
            vec![
                held("chain", true, &["fast (Linux)"], project),
                held("smith", true, reason, &["chain"]),
            ],
            &[],
        );
    }

    /// As of FastAPI and pydantic: what has to be allowed is named.
    #[test]
    fn what_has_to_be_allowed() {
        let project = &[PYPROJECT_FILE][..];
        let (core, native) = (
            &["core (Linux)"][..],
            "api==1.1  # via worker (pyproject.toml)\nmodels==2.0  # via api\n",
        );
        let all = vec![held("api", false, core, project), held("models", true, core, &["api"])];
        check(native, all, &[("api", "models")]);
        let all = vec![held("api", true, core, project), held("models", true, core, project)];
        check(native, all, &[]);
        let all = vec![held("api", true, core, project), held("models", true, core, &["api"])];
        check(native, all, &[("models", "api")]);
    }
}
