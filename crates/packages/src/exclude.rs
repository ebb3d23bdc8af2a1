//! Leaves out files of packages that a worker has no use for: tests, stubs.

use taipan_pyodide::layer::Entry;

use crate::check::RECORD;
use crate::record;

/// The files `entries` without those that have one of `names` in their paths; the lists of packages do not name them
/// either. A name that begins with `*` is an ending.
#[must_use]
pub fn leave_out(entries: Vec<Entry>, names: &[String]) -> Vec<Entry> {
    if names.is_empty() {
        return entries;
    }
    let is_left_out =
        |path: &str| path.split('/').any(|part| names.iter().any(|name| is_named(part, name)));
    let rest = entries.into_iter().filter(|entry| !is_left_out(&entry.path));
    let shorter = |entry: Entry| match entry.contents.as_deref().map(record::parse) {
        Some(Ok(mut lines)) if entry.path.ends_with(RECORD) => {
            lines.retain(|line| !is_left_out(&line.path));
            Entry::file(entry.path, record::text(&lines))
        }
        _ => entry,
    };
    rest.map(shorter).collect()
}

fn is_named(part: &str, name: &str) -> bool {
    match name.strip_prefix('*') {
        Some(ending) => part.ends_with(ending),
        None => part == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_and_stubs() {
        let list = "a/__init__.py,,\na/__init__.pyi,,\na/tests/b.py,,\na-1.dist-info/RECORD,,\n";
        let paths = ["a/__init__.py", "a/__init__.pyi", "a/tests/b.py", "a/tests.py", "tests/c.py"];
        let mut entries: Vec<_> = paths.map(|path| Entry::file(path, "")).into();
        entries.push(Entry::file("a-1.dist-info/RECORD", list));
        let shorter = "a/__init__.py,,\na-1.dist-info/RECORD,,\n";
        let names = ["tests".to_owned(), "*.pyi".to_owned()];
        assert_eq!(leave_out(entries.clone(), &[]), entries);
        assert_eq!(
            leave_out(entries, &names),
            [
                Entry::file("a/__init__.py", ""),
                Entry::file("a/tests.py", ""),
                Entry::file("a-1.dist-info/RECORD", shorter)
            ]
        );
    }
}
