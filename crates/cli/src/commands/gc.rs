//! `taipan gc`: removes from the cache what nothing uses.

#![expect(clippy::disallowed_methods, reason = "how long ago something was used counts from now")]

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::Args;
use taipan_bundle::{BUNDLE_ENTRIES, bundle_id};
use taipan_lock::{BUILT_ENTRIES, UV_ENTRIES, Uv};
use taipan_packages::{IMAGE_ENTRIES, SCRIPT_LOCK_ENTRIES, image_prefix};
use taipan_release::RELEASES;
use taipan_store::{Cache, Entry, PACKAGE_ENTRIES, PUBLISHED_ENTRIES, Step};
use taipan_worker::{SNAPSHOT_ENTRIES, WEBASSEMBLY_ENTRIES, glance, webassembly_prefix};

use crate::console;
use crate::entries::{INTERPRETER_ENTRIES, KINDS};
use crate::failure::Failure;
use crate::options::Options;
use crate::progress::Display;
use crate::size::{MIB, size};

/// Remove from the cache what nothing uses: by age, and by size if you like
///
/// That is what this version has no use for (bundles of others, snapshots of bundles that are gone), and snapshots,
/// compiled modules, packages and bundles that were not used for a month. What a running server uses stays. A snapshot holds
/// what the worker's top level read, secrets too: `--older-than 0` removes all that no server uses.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Remove what was not used for so many days; 0 removes all that is not in use and can be made again
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    older_than: u32,

    /// Then remove what was not used for the longest time, until no more than MB are left
    #[arg(long, value_name = "MB")]
    max_size: Option<u64>,

    /// Only say what would go
    #[arg(long)]
    dry_run: bool,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// An entry of the cache: what decides whether it is removed.
#[derive(Debug)]
struct Found<E> {
    entry: E,
    /// Whether this Taipan has a use for it.
    useful: bool,
    /// Whether it is made again without the network.
    is_made: bool,
    bytes: u64,
    /// How long ago it was last used.
    age: Duration,
}

/// Removes what this Taipan has no use for, what was not used for long, and of the rest what is too much. What a
/// process uses stays.
pub(crate) fn run(arguments: &Arguments, options: &Options) -> Result<ExitCode, Failure> {
    let cache = options.cache()?;
    let age_max = DAY.saturating_mul(arguments.older_than);
    let bytes_max = arguments.max_size.map(|count| count.saturating_mul(MIB));
    let display = Display::new(options.quiet);
    let progress = |step: Step<'_>| display.show(step);
    let mut text = String::new();
    let mut freed = 0u64;
    for Found { entry, bytes, .. } in chosen(found(&cache)?, age_max, bytes_max) {
        let (outcome, goes) = match arguments.dry_run {
            true => ("would go", true),
            false if entry.remove_unused(&progress)? => ("removed", true),
            false => ("in use", false),
        };
        text += &format!("{outcome:<8} {} ({})\n", entry.name(), size(bytes));
        freed = freed.saturating_add(if goes { bytes } else { 0 });
    }
    drop(display);
    for kind in KINDS {
        for entry in cache.unfinished(kind)? {
            // What a process is building stays.
            if entry.remove_unfinished(arguments.dry_run)? {
                let outcome = if arguments.dry_run { "would go" } else { "removed" };
                text += &format!("{outcome:<8} {} (unfinished)\n", entry.name());
            }
        }
    }
    text += &match (text.is_empty(), arguments.dry_run) {
        (true, _) => "nothing to remove\n".to_owned(),
        (false, true) => format!("{} would be freed\n", size(freed)),
        (false, false) => format!("{} freed\n", size(freed)),
    };
    console::write(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// All entries.
fn found(cache: &Cache) -> Result<Vec<Found<Entry>>, Failure> {
    let mut own: BTreeSet<String> = BTreeSet::new();
    let mut images = Vec::new();
    for release in RELEASES {
        let bundle = bundle_id(release)?;
        images.push(format!("{IMAGE_ENTRIES}/{}", image_prefix(bundle.as_bytes())));
        own.insert(cache.entry(BUNDLE_ENTRIES, &bundle.to_string())?.name().to_owned());
        for package in [&release.pyodide, &release.web_streams] {
            own.insert(package.entry(cache)?.name().to_owned());
        }
    }
    own.insert(Uv::entry(cache)?.name().to_owned());
    let webassembly = format!("{WEBASSEMBLY_ENTRIES}/{}", webassembly_prefix()?);
    let now = SystemTime::now();
    let mut all = Vec::new();
    for kind in KINDS {
        for entry in cache.entries(kind)? {
            let useful = match kind {
                WEBASSEMBLY_ENTRIES => entry.name().starts_with(&webassembly),
                IMAGE_ENTRIES => images.iter().any(|prefix| entry.name().starts_with(prefix)),
                // Which `taipan` it starts is its own affair.
                INTERPRETER_ENTRIES | BUILT_ENTRIES | PUBLISHED_ENTRIES => true,
                // It is of requirements, and not of a Taipan.
                SCRIPT_LOCK_ENTRIES => true,
                // One that cannot be read is made again when it is next used.
                SNAPSHOT_ENTRIES => glance(&entry).is_ok_and(|file| {
                    let bundle = file.snapshot.provenance.bundle.to_string();
                    cache.entry(BUNDLE_ENTRIES, &bundle).is_ok_and(|bundle| bundle.path().exists())
                }),
                _ => own.contains(entry.name()),
            };
            let is_made = ![PACKAGE_ENTRIES, PUBLISHED_ENTRIES, UV_ENTRIES].contains(&kind);
            // A clock that was set back has seen nothing long ago.
            let age = now.duration_since(entry.last_use()?).unwrap_or_default();
            all.push(Found { useful, is_made, bytes: entry.bytes()?, age, entry });
        }
    }
    Ok(all)
}

/// Those to remove: what is of no use, what is older than `age_max`, and then the oldest until no more than
/// `bytes_max` are left. What comes from the network stays for as long as it is of use.
fn chosen<E>(mut all: Vec<Found<E>>, age_max: Duration, bytes_max: Option<u64>) -> Vec<Found<E>> {
    all.sort_by_key(|found| std::cmp::Reverse(found.age));
    let is_old = |found: &Found<E>| !found.useful || found.is_made && found.age > age_max;
    let (mut chosen, rest): (Vec<_>, Vec<_>) = all.into_iter().partition(is_old);
    let mut bytes = rest.iter().fold(0u64, |sum, found| sum.saturating_add(found.bytes));
    for found in rest {
        if bytes_max.is_some_and(|max| bytes > max) && found.is_made {
            bytes -= found.bytes;
            chosen.push(found);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a release, a bundle and two snapshots, one of them old, those that go.
    #[track_caller]
    fn check(useful: bool, days: u32, bytes_max: Option<u64>, expect: &[&str]) {
        let found =
            |entry, is_made, bytes, days| Found { entry, useful, is_made, bytes, age: DAY * days };
        let all = vec![
            found("release", false, 10, 100),
            found("bundle", true, 20, 1),
            found("new", true, 5, 0),
            found("old", true, 5, 40),
        ];
        let chosen = chosen(all, DAY * days, bytes_max).into_iter().map(|found| found.entry);
        assert_eq!(chosen.collect::<Vec<_>>(), expect);
    }

    #[test]
    fn by_age() {
        check(true, 30, None, &["old"]);
        check(true, 40, None, &[]);
        check(true, 0, None, &["old", "bundle"]);
    }

    #[test]
    fn by_size() {
        check(true, 50, Some(40), &[]);
        check(true, 50, Some(39), &["old"]);
        check(true, 50, Some(34), &["old", "bundle"]);
        check(true, 50, Some(0), &["old", "bundle", "new"]);
        check(true, 30, Some(34), &["old", "bundle"]);
    }

    #[test]
    fn of_no_use() {
        check(false, 50, None, &["release", "old", "bundle", "new"]);
    }
}
