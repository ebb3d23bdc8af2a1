//! Which release of Pyodide the cases are played on, and what releases may differ in.

use taipan_release::{NEWEST, RELEASES};

/// The releases that all cases are played on: the one that `TAIPAN_TEST_PYODIDE` names, or `all`; else the newest.
#[expect(clippy::disallowed_methods, reason = "tests are told by the environment")]
pub(crate) fn played() -> Vec<&'static str> {
    let named = std::env::var("TAIPAN_TEST_PYODIDE").unwrap_or_else(|_| NEWEST.to_owned());
    let all = RELEASES.iter().map(|release| release.version);
    all.filter(|version| named == "all" || named == *version).collect()
}

/// The words of the command line that choose a release.
pub(crate) fn words(release: &str) -> Vec<&str> {
    if release == NEWEST { Vec::new() } else { vec!["--experimental", "--pyodide", release] }
}

/// What a server says that it answers with.
pub(crate) fn python(release: &str) -> String {
    let release = RELEASES.iter().find(|known| known.version == release).unwrap();
    format!("Python {} (Pyodide {})", release.python, release.version)
}

/// What tells the trials on a release apart from those on the newest.
pub(crate) fn suffix(release: &str) -> String {
    if release == NEWEST { String::new() } else { format!(" on {release}") }
}

/// Takes out of a text, found or expected, what differs between releases and is not the point of any case.
pub(crate) fn level(text: &str, release: &str) -> String {
    if release == NEWEST {
        return text.to_owned();
    }
    // Cases say where the newest Python has its files; null is None up to Pyodide 0.27.
    let mut text = text.replace("jsnull", "None");
    for minor in 12..=15 {
        text = text.replace(&format!("/lib/python3.{minor}/"), "/lib/python3.14/");
        text = text.replace(&format!("/bin/python3.{minor}:"), "/bin/python3.14:");
    }
    // How the main module of 0.27 and older aborts.
    text = text.replace("Aborted(). Build with -sASSERTIONS for more info.", "unreachable");
    let lines = text.split_inclusive('\n');
    // Python 3.13 marks more expressions in a traceback than 3.12.
    let lines = lines.filter(|line| !is_mark(line) && !line.starts_with("content-length: "));
    // Nor are the frames of the standard library: a line of the file, and what is further in.
    let mut frame = None;
    let outside = lines.filter(|line| {
        let place = line.find(|character| !" |".contains(character));
        if frame.is_some_and(|frame| place > Some(frame)) {
            return false;
        }
        let is_library = line.contains("/lib/python3.14/") && !line.contains("/_taipan/");
        frame = place.filter(|_| is_library && line.contains("File \""));
        frame.is_none()
    });
    outside.collect()
}

fn is_mark(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty()
        && line.bytes().all(|byte| b"~^|+- ".contains(&byte))
        && line.contains(['~', '^'])
}
