//! What of a worker has no effect: every command that reads a project says it, and says it once.

use std::os::unix::fs::symlink;

use crate::fixture::Serving;
use crate::snapshots::{ANSWER_LINE, Cached, WORKER};

/// What is wrong in the configuration, and what of the files a worker does not see.
const WARNINGS: [&str; 2] = [
    "wrangler.toml:2:1: `account_id` only concerns the cloud and has no effect here\n",
    "outside.py is left out: it is a link to ",
];

/// A worker that gives reason for both warnings.
fn warned_of() -> Cached {
    let cached = Cached::new(WORKER);
    cached.place.write("wrangler.toml", "main = \"entry.py\"\naccount_id = \"0\"\n");
    cached.place.write("../outside.py", "");
    symlink("../outside.py", cached.worker().join("outside.py")).unwrap();
    cached
}

#[track_caller]
fn check_said_once(words: &[&str], kind: &str, said: &str) {
    for warning in WARNINGS {
        let warning = format!("{kind}: {warning}");
        assert_eq!(said.matches(&warning).count(), 1, "{words:?}: {warning}\n{said}");
    }
}

#[test]
fn commands_that_end() {
    let cached = warned_of();
    for words in [
        &["snapshot", "create", "-o", "../copy"][..],
        &["snapshot", "create"],
        &["snapshot", "inspect", "."],
        &["snapshot", "verify", "."],
        &["snapshot", "diff", "../copy", "."],
        &["bench", "cold", "--runs", "1"],
        &["bench", "density", "--workers", "1", "--isolates", "1"],
    ] {
        let (code, said) = cached.run(words);
        assert_eq!(code, Some(0), "{words:?}: {said}");
        check_said_once(words, "warning", &said);
    }
    let (code, said) = cached.run(&["doctor"]);
    assert_eq!(code, Some(1), "{said}");
    check_said_once(&["doctor"], "configuration", &said);
    assert!(!said.contains("warning: "), "{said}");
}

#[test]
fn servers() {
    let cached = warned_of();
    for command in ["serve", "dev"] {
        let server = Serving::start(&mut cached.command(&[command, "--port", "0"]));
        assert!(server.get("/", "").ends_with(ANSWER_LINE));
        server.terminate();
        check_said_once(&[command], "warning", &(server.before.clone() + &server.rest()));
    }
}

/// A directory of packages goes before `pyproject.toml`. That is told when it has not what is asked for.
#[test]
fn a_directory_of_packages_in_the_way() {
    let cached = Cached::new(WORKER);
    let project = "[project]\nname = 'worker'\ndependencies = ['one>=2', \"two ; sys_platform == 'linux'\", 'three']\n";
    cached.place.write("pyproject.toml", project);
    let list = |path: &str, text: &str| cached.place.write(&format!("python_modules/{path}"), text);
    list("three.py", "");
    list("one-2.1.dist-info/METADATA", "Metadata-Version: 2.1\nName: one\nVersion: 2.1\n");
    let (code, said) = cached.run(&["snapshot", "create"]);
    assert!(code == Some(0) && !said.contains("warning: "), "{said}");
    cached.place.write("pyproject.toml", &project.replace("'one>=2'", "'one>=3'"));
    let (code, said) = cached.run(&["snapshot", "create"]);
    let told = "warning: packages are taken from python_modules, not as pyproject.toml says, and `one>=3` is not among them: \
                make python_modules again by the tool that has made it, or remove it and run `taipan lock`\n";
    assert!(code == Some(0) && said.contains(told), "{said}");
}
