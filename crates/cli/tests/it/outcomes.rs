//! Commands that end by themselves: exit code and everything printed.

use std::net::TcpListener;

use taipan_release::{NEWEST, RELEASES};

use crate::fixture::Place;

#[track_caller]
fn check(files: &[(&str, &str)], words: &[&str], expect: &str) {
    assert_eq!(Place::new(files).run(words), expect);
}

#[test]
fn no_worker() {
    check(
        &[],
        &["dev"],
        "78\nerror: cannot use the configuration in .
  caused by: no worker here: looked for wrangler.json, wrangler.jsonc, wrangler.toml, entry.py, src/entry.py, index.js, src/index.js

hint: write an entry.py with `async def on_fetch(request, env, ctx)`
",
    );
    check(&[], &["dev", "nowhere"], "66\nerror: the directory nowhere is not there\n");
    check(
        &[("file", "")],
        &["serve", "file"],
        "66\nerror: the directory file is a file, not a directory\n",
    );
}

#[test]
fn a_configuration_that_is_no_file() {
    for (file, what) in [("wrangler.jsonc", "the configuration"), ("pyproject.toml", "the file")] {
        let inside = format!("{file}/inside");
        let expect = format!(
            "66\nerror: {what} PLACE/worker/{file} is no regular file\n\nhint: remove it, or put a file in its place\n"
        );
        check(&[("entry.py", ""), (&inside, "")], &["serve"], &expect);
    }
}

#[test]
fn wrong_configuration() {
    check(
        &[("wrangler.jsonc", "{\n  \"main\": \"entry.py\",\n  \"dev\": { \"port\": \"80\" }\n}")],
        &["serve"],
        "78\nerror: cannot use the configuration in .
  caused by: wrangler.jsonc:3:20: `dev.port` must be a port from 0 to 65535, found \"80\"
",
    );
    check(
        &[("wrangler.toml", "main = \"entry.py\"\n")],
        &["serve"],
        "66\nerror: wrangler.toml:1:8: the worker's `main` PLACE/worker/entry.py is not there\n",
    );
    check(
        &[("other.json", "{}")],
        &["serve", "--config", "other.json"],
        "78\nerror: cannot use the configuration in .
  caused by: other.json has no `main`

hint: name the worker's Python file, for example \"main\": \"src/entry.py\"
",
    );
    check(
        &[],
        &["serve", "--config", "none.json"],
        "66\nerror: the configuration PLACE/worker/none.json is not there\n",
    );
}

#[test]
fn variables_that_are_not_used() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let run =
        |verb| Place::new(&[("entry.py", ""), (".dev.vars", "A=1")]).run(&[verb, "--port", &port]);
    let told = ".dev.vars is not used by `serve`, only by `taipan dev`\n";
    let served = run("serve");
    assert!(served.starts_with(&format!("69\n{told}error: cannot start the server")), "{served}");
    assert!(!run("dev").contains(told));
}

#[test]
fn places_taken_for_scripts() {
    check(
        &[("entry.py", "")],
        &["run", "--allow-net", "example.com", "entry.py"],
        "2\nerror: the script example.com is not there; a place is written --allow-net=example.com

hint: `taipan --help` and `taipan COMMAND --help` explain
",
    );
    for words in [&["run", "example.com"][..], &["run", "--allow-net", "other.py"]] {
        let name = words.last().unwrap();
        check(&[], words, &format!("66\nerror: the script {name} is not there\n"));
    }
}

#[test]
fn port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for verb in ["serve", "dev"] {
        check(
            &[("entry.py", "")],
            &[verb, "--port", &port],
            &format!(
                "69\nerror: cannot start the server
  caused by: port {port} of 127.0.0.1 is in use

hint: stop the other program, or choose another port with `--port` (0 takes any that is free)
"
            ),
        );
    }
}

#[test]
fn wrong_command_line() {
    check(
        &[],
        &["run"],
        "2\nerror: there is nothing to run: name a Python file, give code with -c, or a module with -m

hint: `taipan --help` and `taipan COMMAND --help` explain
",
    );
    check(
        &[],
        &["run", "--mount", "data", "a.py"],
        "2\nerror: --mount data: there is no :/ in it; it is written DIR:/PATH or DIR:/PATH:rw, such as data:/data

hint: `taipan --help` and `taipan COMMAND --help` explain
",
    );
    for (mount, reason) in [
        ("d:/session", "the script's own files are in /session"),
        ("d:/lib/python3.14:rw", "/lib/python3.14 is Python's own, like all of /lib"),
        ("d:/proc", "/proc is Python's own, like all of /proc"),
    ] {
        check(
            &[],
            &["run", "--mount", mount, "a.py"],
            &format!(
                "2\nerror: {reason}: mount it elsewhere\n\nhint: `taipan --help` and `taipan COMMAND --help` explain\n"
            ),
        );
    }
    check(
        &[],
        &["serf"],
        "2\nerror: unrecognized subcommand 'serf'

  tip: a similar subcommand exists: 'serve'

Usage: taipan [OPTIONS] <COMMAND>

For more information, try '--help'.
",
    );
}

#[test]
fn script_is_not_there() {
    check(&[], &["run", "a.py"], "66\nerror: the script a.py is not there\n");
    check(
        &[("folder/entry.py", "")],
        &["run", "folder"],
        "2
error: folder is a directory, not a script; `taipan dev folder` serves a worker

hint: `taipan --help` and `taipan COMMAND --help` explain
",
    );
    check(
        &[("a.py", "")],
        &["run", "--mount", "data:/data", "a.py"],
        "66\nerror: the directory to mount data is not there\n",
    );
}

#[test]
fn offline() {
    let missing = format!(
        "75\nerror: cannot make the bundle
  caused by: cannot get the files of Pyodide {NEWEST}
  caused by: pyodide@{NEWEST} is not in the cache, and nothing may be fetched

hint: run `taipan bundle fetch {NEWEST}` without --offline first, or name a directory with --source
"
    );
    check(&[], &["run", "--offline", "-c", "1"], &missing);
    check(&[("entry.py", "")], &["serve", "--port", "0", "--offline"], &missing);
    check(&[], &["bundle", "fetch", "--offline"], &missing);
    let mirror = ["bundle", "fetch", "--offline", "--source", "https://mirror.test/pyodide"];
    check(&[], &mirror, &missing);
    check(
        &[],
        &["run", "--source", "nowhere", "-c", "1"],
        "66\nerror: the place to fetch from nowhere is not there\n",
    );
    check(
        &[("empty/file", "")],
        &["run", "--source", "empty", "-c", "1"],
        &format!(
            "75\ncopying pyodide {NEWEST}\nerror: cannot make the bundle
  caused by: cannot get the files of Pyodide {NEWEST}
  caused by: pyodide.asm.wasm is missing from empty

hint: the files have to be those of exactly this version, unchanged
"
        ),
    );
}

#[test]
fn releases_that_are_not_there() {
    let experimental = RELEASES.iter().find(|release| release.experimental).unwrap().version;
    check(
        &[],
        &["run", "--pyodide", experimental, "-c", "1"],
        &format!(
            "78\nerror: Pyodide {experimental} is experimental

hint: the compatibility flag `experimental` allows it, and so does --experimental
"
        ),
    );
    check(
        &[("wrangler.toml", "main = \"entry.py\"\ncompatibility_flags = [\"python_worker\"]"), ("entry.py", "")],
        &["serve"],
        "78\nerror: cannot use the configuration in .
  caused by: wrangler.toml:2:24: `compatibility_flags[0]` must be a compatibility flag, see `taipan flags` \
         (perhaps \"python_workers\"), found \"python_worker\"
",
    );
}

#[test]
fn gates_that_are_closed() {
    let gate = ["serve", "--gate", "python_from_javascript"];
    check(
        &[("entry.py", "")],
        &gate,
        "78\nerror: --gate opens what is experimental

hint: the compatibility flag `experimental` allows it, and so does --experimental
",
    );
}

#[test]
fn collecting_garbage() {
    let place = Place::new(&[("../cache/entries/bundle/older/main.wasm", "")]);
    assert_eq!(place.run(&["bundle", "gc"]), "0\nremoved  bundle/older (0 B)\n0 B freed\n");
    assert_eq!(place.run(&["bundle", "gc"]), "0\nnothing to remove\n");
}

/// The page of all releases has the same table in words.
#[test]
fn bundles() {
    const PAGE: &str = include_str!("../../../../docs/reference/releases.md");
    let (_, table) = PAGE.split_once("| selected by |\n").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let rows = table.lines().skip(1).map(|row| {
        let row = row.replace('`', "").replace(", or a date from ", " or ");
        let row =
            row.replace("; needs experimental", ", experimental").replace("| a pin |", "| - |");
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        format!("{:<16} {:<9} {:<20} -      {}\n", cells[1], cells[2], cells[3], cells[4])
    });
    let rows: String = rows.collect();
    check(
        &[],
        &["bundle", "list"],
        &format!(
            "0
PYODIDE          PYTHON    WHEELS               BUNDLE SELECTED BY FLAG OR DATE
{rows}\
development      -         -                    -      a directory (--source DIR), experimental

cache PLACE/cache
"
        ),
    );
    let known: Vec<_> = RELEASES.iter().map(|release| release.version).collect();
    let unknown = format!(
        "75\nerror: cannot make the bundle
  caused by: no Pyodide release `1.0` is known; there are {}

hint: a build of your own is `--pyodide development --source DIR`; it cannot be exported
",
        known.join(", ")
    );
    check(&[], &["bundle", "build", "1.0"], &unknown);
    for action in [&["build"][..], &["fetch"], &["inspect"], &["export", "-o", "a.taipan"]] {
        let arguments = [&["--pyodide", "1.0", "bundle"], action].concat();
        assert_eq!(Place::new(&[]).run(&arguments), unknown, "{arguments:?}");
    }
}

#[test]
fn completions() {
    for (shell, start) in
        [("bash", "0\n_taipan() {"), ("zsh", "0\n#compdef taipan"), ("fish", "0\n# Print an opt")]
    {
        let script = Place::new(&[]).run(&["completions", shell]);
        assert!(script.starts_with(start), "{script}");
    }
}

#[test]
fn colour_when_asked() {
    check(
        &[],
        &["--color", "always", "run", "a.py"],
        "66\n\u{1b}[1m\u{1b}[31merror\u{1b}[0m: the script a.py is not there\n",
    );
}

#[test]
fn what_is_no_export() {
    let place = Place::new(&[("empty", ""), ("text", "no archive of anything")]);
    assert_eq!(place.run(&["bundle", "import", "none"]), "66\nerror: the file none is not there\n");
    let refused = |name: &str, what: &str| {
        format!(
            "75\nerror: cannot use the cache\n  caused by: {name} is no export of a bundle: {what}\n\n\
             hint: `taipan export` and `taipan bundle export` write one; if this was one, copy it again\n"
        )
    };
    assert_eq!(place.run(&["bundle", "import", "empty"]), refused("empty", "it is empty"));
    let text = place.run(&["bundle", "import", "text"]);
    assert_eq!(text, refused("text", "failed to read entire block"));
}
