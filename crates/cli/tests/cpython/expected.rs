//! What is expected of a test module: a file that people keep.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;

use crate::outcome::Outcome;

/// A file of `tests/cpython/expected/`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    /// So many run at least: less means that some were lost on the way.
    run_min: usize,
    /// Tests that fail.
    #[serde(default)]
    fail: Vec<Group>,
    /// Tests that end the interpreter. Each runs alone.
    #[serde(default)]
    fatal: Vec<Group>,
    /// Tests that never end, which are not run at all.
    #[serde(default)]
    endless: Vec<Group>,
}

/// Tests that have a reason in common.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    reason: String,
    /// The names of tests, as the driver prints them; for those that are not run
    /// with the others also of classes.
    tests: Vec<String>,
}

/// Reads the file at `path`. No test is listed twice, none without a reason.
pub(crate) fn read(path: &Path) -> Result<Expected, String> {
    let text = fs_err::read_to_string(path).map_err(|error| error.to_string())?;
    let expected: Expected = toml::from_str(&text).map_err(|error| error.to_string())?;
    let mut seen = BTreeSet::new();
    for group in [&expected.fail, &expected.fatal, &expected.endless].into_iter().flatten() {
        if group.reason.trim().is_empty() {
            return Err(format!("{:?} have no reason", group.tests));
        }
        if let Some(test) = group.tests.iter().find(|test| !seen.insert(test.as_str())) {
            return Err(format!("{test} is listed twice"));
        }
    }
    Ok(expected)
}

impl Expected {
    /// The tests that do not run with the others.
    pub(crate) fn left_out(&self) -> impl Iterator<Item = &str> {
        self.fatal().chain(names(&self.endless))
    }

    /// The tests that end the interpreter.
    pub(crate) fn fatal(&self) -> impl Iterator<Item = &str> {
        names(&self.fatal)
    }

    /// What is not as expected, in words.
    pub(crate) fn compare(&self, outcome: &Outcome) -> Vec<String> {
        let expected: BTreeSet<_> = names(&self.fail).collect();
        let failed: BTreeSet<_> = outcome.failed.iter().map(String::as_str).collect();
        let unlisted = failed.difference(&expected);
        let passed = expected.difference(&failed);
        let mut faults: Vec<_> = unlisted
            .map(|test| format!("{test} fails and is not listed\n{}", outcome.traceback(test)))
            .chain(passed.map(|test| format!("{test} is listed to fail, but passes")))
            .collect();
        if outcome.run < self.run_min {
            faults.push(format!("{} tests ran, not {}", outcome.run, self.run_min));
        }
        faults
    }
}

fn names(groups: &[Group]) -> impl Iterator<Item = &str> {
    groups.iter().flat_map(|group| &group.tests).map(String::as_str)
}
