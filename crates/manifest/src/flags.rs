//! Compatibility flags: behaviours that a worker asks for by name, or has since a date.
//!
//! Each is declared once, here. The names, dates and implications are
//! workerd's (1.20261117.1, `src/workerd/io/compatibility-date.capnp`), so that
//! a configuration means the same.

use std::collections::BTreeSet;

use crate::Date;

/// A behaviour with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flag {
    /// The name that a configuration has.
    pub name: &'static str,
    /// The flag with which a worker has it by default, and the date (`YYYY-MM-DD`) from which it does.
    pub implied: Option<(&'static str, &'static str)>,
    /// The name that takes it away again.
    pub opposite: Option<&'static str>,
    /// Whether it needs the flag `experimental`.
    pub experimental: bool,
    /// What it does here.
    pub effect: Effect,
    /// What it is for.
    pub what: &'static str,
}

/// What a flag does here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It does what it says.
    Works,
    /// It is always so here.
    Always,
    /// Nothing.
    Nothing,
}

/// Every worker here is written in Python.
const PYTHON_WORKERS: &str = "python_workers";
/// What a worker must say to have what is not settled.
const EXPERIMENTAL: &str = "experimental";

/// All flags that mean something to a Python Worker.
pub const FLAGS: &[Flag] = &[
    flag(
        EXPERIMENTAL,
        Effect::Works,
        "may use what is not settled: experimental flags and releases",
    ),
    flag(PYTHON_WORKERS, Effect::Always, "the worker is written in Python; alone, on Python 3.12"),
    Flag {
        implied: Some((PYTHON_WORKERS, "2025-09-29")),
        opposite: Some("no_python_workers_20250116"),
        ..flag("python_workers_20250116", Effect::Works, "Python 3.13")
    },
    flag("python_workers_20260610", Effect::Works, "Python 3.14"),
    Flag {
        implied: Some((PYTHON_WORKERS, "2026-09-08")),
        opposite: Some("no_python_workers_314"),
        ..flag("python_workers_314", Effect::Works, "Python 3.14")
    },
    Flag {
        experimental: true,
        ..flag("python_workers_development", Effect::Works, "the newest Pyodide, pre-releases too")
    },
    Flag {
        implied: Some((PYTHON_WORKERS, "2025-08-14")),
        opposite: Some("disable_python_no_global_handlers"),
        ..flag(
            "python_no_global_handlers",
            Effect::Nothing,
            "handlers are methods of classes only, not functions such as `on_fetch`",
        )
    },
    Flag {
        implied: Some((PYTHON_WORKERS, "2025-08-11")),
        ..flag(
            "python_workers_force_new_vendor_path",
            Effect::Always,
            "packages are found in `python_modules`",
        )
    },
    Flag {
        implied: Some((PYTHON_WORKERS, "2025-09-20")),
        opposite: Some("disable_python_workflows"),
        ..flag("python_workflows", Effect::Nothing, "workflows")
    },
    Flag {
        implied: Some(("python_workers_20250116", "2025-10-16")),
        opposite: Some("disable_python_dedicated_snapshot"),
        ..flag(
            "python_dedicated_snapshot",
            Effect::Always,
            "the worker starts from a snapshot of its own",
        )
    },
    Flag {
        implied: Some((PYTHON_WORKERS, "2025-12-16")),
        opposite: Some("disable_python_check_rng_state"),
        ..flag(
            "python_check_rng_state",
            Effect::Always,
            "random numbers are not the same in all isolates",
        )
    },
    Flag {
        implied: Some((PYTHON_WORKERS, "2026-02-17")),
        opposite: Some("disable_python_request_headers_preserve_commas"),
        ..flag(
            "python_request_headers_preserve_commas",
            Effect::Nothing,
            "commas in a request's headers stay as they are",
        )
    },
    Flag {
        implied: Some((PYTHON_WORKERS, "2026-02-25")),
        opposite: Some("no_python_workflows_implicit_dependencies"),
        ..flag(
            "python_workflows_implicit_dependencies",
            Effect::Nothing,
            "steps of a workflow depend on their parameters",
        )
    },
    Flag {
        implied: Some((PYTHON_WORKERS, "2026-04-21")),
        opposite: Some("disable_python_external_sdk"),
        ..flag(
            "enable_python_external_sdk",
            Effect::Nothing,
            "the package `workers` comes with the worker",
        )
    },
    Flag {
        implied: Some((PYTHON_WORKERS, "2026-05-26")),
        opposite: Some("disable_python_process_pth_files"),
        ..flag("python_process_pth_files", Effect::Works, "`.pth` files of packages are processed")
    },
    Flag {
        implied: Some((PYTHON_WORKERS, "2026-11-19")),
        ..flag(
            "python_shared_standard_library",
            Effect::Always,
            "isolates share the standard library",
        )
    },
    flag(
        "python_dedicated_snapshot_keep_import_caches",
        Effect::Always,
        "import caches are in the snapshot",
    ),
    Flag {
        experimental: true,
        ..flag("python_zstd_snapshot", Effect::Nothing, "snapshots are compressed")
    },
    flag("auto_inject_python_workers", Effect::Always, "a worker in Python need not say so"),
    flag("python_external_packages", Effect::Nothing, "obsolete"),
    flag("python_workers_durable_objects", Effect::Nothing, "obsolete"),
];

/// Flags of workerd that concern JavaScript or Cloudflare's own machines, a line each: known, so that a configuration
/// may have them, and without effect.
const OTHERS: &str = include_str!("other_flags.txt");

fn others() -> impl Iterator<Item = &'static str> {
    OTHERS.lines()
}

const fn flag(name: &'static str, effect: Effect, what: &'static str) -> Flag {
    Flag { name, implied: None, opposite: None, experimental: false, effect, what }
}

/// What a name that a configuration lists as a flag is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// A flag, or the opposite of one.
    Flag(&'static Flag),
    /// One that has no effect here.
    Other,
    /// None that is known; perhaps a misspelling of this one.
    Unknown(Option<&'static str>),
}

/// Looks a name up.
pub(crate) fn known(name: &str) -> Known {
    let is = |flag: &&Flag| flag.name == name || flag.opposite == Some(name);
    if let Some(flag) = FLAGS.iter().find(is) {
        return Known::Flag(flag);
    }
    if others().any(|other| other == name) {
        return Known::Other;
    }
    let names = FLAGS.iter().map(|flag| flag.name).chain(others());
    Known::Unknown(crate::keys::most_alike(names, name))
}

/// The flags that a worker has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flags(BTreeSet<&'static str>);

impl Default for Flags {
    /// Those that every worker in Python has.
    fn default() -> Self {
        Self::new(&[], None)
    }
}

impl Flags {
    /// Those that `names` asks for or that are implied on `date`, for a worker in Python.
    #[must_use]
    pub fn new(names: &[String], date: Option<Date>) -> Self {
        let asked = |name: &str| names.iter().any(|asked| asked == name);
        let mut has = BTreeSet::from([PYTHON_WORKERS]);
        has.extend(FLAGS.iter().map(|flag| flag.name).filter(|name| asked(name)));
        // What implies another is declared before it.
        for Flag { name, implied, opposite, .. } in FLAGS {
            let Some((by, from)) = implied else { continue };
            let since = from.parse().is_ok_and(|from: Date| date.is_some_and(|date| date >= from));
            if has.contains(by) && since && !opposite.is_some_and(asked) {
                has.insert(name);
            }
        }
        Self(has)
    }

    /// Whether the worker has a flag.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    /// Whether it may use what is not settled.
    #[must_use]
    pub fn experimental(&self) -> bool {
        self.has(EXPERIMENTAL)
    }

    /// Those that it has, by name.
    pub fn iter(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(names: &[&str], date: &str, has: &[&str], has_not: &[&str]) {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let flags = Flags::new(&names, date.parse().ok());
        for name in has {
            assert!(flags.has(name), "{name}: {flags:?}");
        }
        for name in has_not {
            assert!(!flags.has(name), "{name}: {flags:?}");
        }
    }

    #[test]
    fn dates_imply() {
        check(&[], "", &["python_workers"], &["python_workers_20250116"]);
        check(&[], "2025-09-28", &[], &["python_workers_20250116"]);
        check(&[], "2025-09-29", &["python_workers_20250116"], &["python_workers_314"]);
        check(&["python_workers"], "2026-09-08", &["python_workers_314"], &["experimental"]);
    }

    #[test]
    fn what_is_implied_implies() {
        check(&[], "2025-10-16", &["python_dedicated_snapshot"], &[]);
        let without = ["no_python_workers_20250116"];
        check(
            &without,
            "2025-10-16",
            &[],
            &["python_workers_20250116", "python_dedicated_snapshot"],
        );
    }

    #[test]
    fn asked_for() {
        check(
            &["python_workers_314"],
            "2025-01-01",
            &["python_workers_314"],
            &["python_workers_20250116"],
        );
    }

    #[test]
    fn declared_once_and_before_what_it_implies() {
        let mut seen = BTreeSet::new();
        for Flag { name, implied, opposite, .. } in FLAGS {
            if let Some((by, from)) = implied {
                assert!(seen.contains(by), "{name} is implied by {by}, which comes later");
                assert!(from.parse::<Date>().is_ok(), "{name}: {from}");
            }
            assert!(seen.insert(*name), "{name}");
            assert!(opposite.is_none_or(|opposite| seen.insert(opposite)), "{opposite:?}");
        }
        for name in others() {
            assert!(seen.insert(name), "{name}");
        }
    }

    /// The text of a flag is a constant, and so it cannot be formatted from another one.
    #[test]
    fn where_packages_are() {
        let Known::Flag(flag) = known("python_workers_force_new_vendor_path") else {
            panic!("it is a flag")
        };
        assert_eq!(flag.what, format!("packages are found in `{}`", crate::PACKAGES_DIRECTORY));
    }

    #[test]
    fn lookup() {
        assert!(matches!(known("python_workers_314"), Known::Flag(_)));
        assert!(matches!(known("disable_python_workflows"), Known::Flag(_)));
        assert_eq!(known("nodejs_compat"), Known::Other);
        assert_eq!(known("python_worker"), Known::Unknown(Some("python_workers")));
        assert_eq!(known("x"), Known::Unknown(None));
    }
}
