//! What is said of packages, and that it helps: remedies are done as they are printed. Where packages of others are meant,
//! with the index of pip's settings.

use std::io::Write;

use taipan_lock::COMPILED_OPTIONALLY;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::fixture::{Place, Serving};
use crate::locks::{PROJECT, locked, place, read, run};

const ENTRY: (&str, &str) = ("entry.py", "async def on_fetch(request):\n    ...\n");

/// Runs a command with the index: the exit code, and what was printed.
fn run_with_index(place: &Place, words: &[&str]) -> String {
    let output = place.command(words).arg("--quiet").output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    format!("{}\n{text}", output.status.code().unwrap())
}

/// The same with the wheels that are made here, and with all that is said.
fn run_aloud(place: &Place, words: &[&str]) -> String {
    let wheels = place.path().join("../wheels").canonicalize().unwrap();
    let mut command = place.command(words);
    let output = command.env("PIP_FIND_LINKS", wheels).env("PIP_NO_INDEX", "1").output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    format!("{}\n{text}", output.status.code().unwrap())
}

/// The command between backquotes that a text proposes.
fn proposed<'a>(text: &'a str, begin: &str) -> Vec<&'a str> {
    let rest = text.split_once(begin).map(|(_, rest)| rest);
    let command = rest.and_then(|rest| rest.split('`').next()).unwrap_or_else(|| panic!("{text}"));
    command.split_whitespace().collect()
}

/// The package without a wheel is named, however far the requirement is from it.
#[test]
fn packages_without_a_wheel() {
    let place = place("'held==2.0'");
    let expect = "\
78
error: cannot lock the packages
  caused by: no packages fit Pyodide 314.0.7 (Python 3.14.2, pyemscripten_2026_0):
native 3.0, which held requires, has no wheel for cp314-pyemscripten_2026_0_wasm32: there is Linux, Windows, and no source \
distribution

hint: native has compiled code, and the sandbox has no compiler
";
    assert_eq!(run(&place, &["lock"]), expect);
    let source = fs_err::File::create(place.path().join("../wheels/sourced-1.0.zip")).unwrap();
    let mut zip = ZipWriter::new(source);
    zip.start_file("sourced-1.0/PKG-INFO", SimpleFileOptions::default()).unwrap();
    zip.write_all(b"Metadata-Version: 2.2\nName: sourced\nVersion: 1.0\n").unwrap();
    zip.finish().unwrap();
    let said = run(&place, &["add", "sourced>=1", "stubbed>0"]);
    let expect = "sourced 1.0, which is asked for, has only a source distribution\n";
    assert!(said.contains(expect), "{said}");
    let expect = "`taipan add 'sourced>=1' 'stubbed>0' --allow-build sourced` builds sourced in the sandbox\n";
    assert!(said.contains(expect), "{said}");
    // Another release has a wheel of the one that is missing here.
    place.write("pyproject.toml", &format!("{PROJECT}dependencies = ['stubbed>0']\n"));
    let said = run(&place, &["lock"]);
    let expect = "hint: stubbed has compiled code, and the sandbox has no compiler\n\
                  Pyodide 315.0.0-alpha.2 has wheels: `taipan lock --pyodide 315.0.0-alpha.2 --experimental`\n";
    assert!(said.ends_with(expect), "{said}");
}

/// What the project may do without is not to blame, nor what has an older version that fits.
#[test]
fn who_is_to_blame() {
    let place = place("'held', 'native', 'plain'");
    let said = run(&place, &["lock"]);
    assert!(said.contains("native 3.0, which is asked for, has no wheel"), "{said}");
    place.write("pyproject.toml", &format!("{PROJECT}dependencies = ['stubbed>0', 'held']\n"));
    let said = run(&place, &["lock"]);
    assert!(
        said.contains("stubbed 0.7, which is asked for,") && !said.contains("native"),
        "{said}"
    );
}

#[test]
fn built_with_one_command() {
    let place = Place::new(&[ENTRY]);
    let refused = run_with_index(&place, &["add", "jinja2"]);
    assert!(refused.starts_with("78\n"), "{refused}");
    assert!(refused.contains(", which jinja2 requires, has no wheel for cp314-"), "{refused}");
    assert!(!place.path().join("pyproject.toml").exists());
    let remedy = proposed(&refused, "`taipan ");
    assert_eq!(remedy, ["add", "jinja2", "--allow-build", "markupsafe"]);
    assert_eq!(run_with_index(&place, &remedy), "0\n");
    assert!(
        read(&place, "pyproject.toml").ends_with("[tool.taipan]\nallow-build = [\"markupsafe\"]\n")
    );
    // All that are known to do without their compiled part, by what is said of them.
    let others = COMPILED_OPTIONALLY.into_iter().filter(|name| *name != "markupsafe");
    let command: Vec<_> = ["add"].into_iter().chain(others).collect();
    let refused = run_with_index(&place, &command);
    assert_eq!(run_with_index(&place, &proposed(&refused, "`taipan ")), "0\n", "{refused}");
    let lock = read(&place, "pylock.toml");
    assert_eq!(lock.matches("built = true").count(), COMPILED_OPTIONALLY.len());
}

#[test]
fn compiled_code() {
    let place = Place::new(&[ENTRY]);
    let refused = run_with_index(&place, &["add", "numpy"]);
    assert!(refused.starts_with("78\n"), "{refused}");
    let lines = [
        ", which is asked for, has no wheel for cp314-pyemscripten_2026_0_wasm32: there is Linux, ",
        "hint: numpy has compiled code, and the sandbox has no compiler\nPyodide 314.0.7 publishes numpy ",
        "`--source DIR` takes wheels from a directory",
    ];
    lines.iter().for_each(|line| assert!(refused.contains(line), "{line}\n{refused}"));
}

/// What the table of packages that are held back proposes.
#[test]
fn held_back_by_name() {
    for name in ["mcp", "langchain-core", "fastmcp"] {
        let place = Place::new(&[ENTRY]);
        let refused = run_with_index(&place, &["add", name]);
        if !refused.starts_with("78\n") {
            println!("skipped: {name} is not held back any more: {refused}");
            continue;
        }
        // Newer versions first, and a row for what is asked for alone.
        assert_eq!(
            refused.matches("\n    with it: ").count(),
            usize::from(name != "mcp"),
            "{refused}"
        );
        assert!(!refused.contains("remedy: "), "{refused}");
        let place = Place::new(&[ENTRY]);
        let option = proposed(&refused, "`--allow-downgrade ")[0];
        assert_eq!(option, name);
        let allowed = run_with_index(&place, &["add", name, "--allow-downgrade", option]);
        assert!(allowed.starts_with("0\n"), "{allowed}");
        let begin = format!("`{name}==");
        let remedy = format!("{name}=={}", proposed(&allowed, &begin)[0]);
        let taken = run_with_index(&Place::new(&[ENTRY]), &["add", &remedy]);
        assert!(taken.starts_with("0\n"), "{taken}");
    }
}

/// What is held back for the lack of what can be built.
#[test]
fn held_back_for_what_is_built() {
    let refused = run(&place("'yaml_reader'"), &["lock"]);
    let expect = "\nhint: `taipan lock --allow-build pyyaml` builds pyyaml in the sandbox\n`--allow-downgrade yaml-reader` takes";
    assert!(refused.starts_with("78\n") && refused.contains(expect), "{refused}");
}

#[test]
fn changes_are_told() {
    let place = place("'plain<1.1'");
    let first = run_aloud(&place, &["lock"]);
    assert!(
        first.ends_with("\npylock.toml locked 1 package for Pyodide 314.0.7 (Python 3.14.2)\n"),
        "{first}"
    );
    place.write("pyproject.toml", &format!("{PROJECT}dependencies = ['plain']"));
    let unknown = run_aloud(&place, &["lock", "--upgrade", "Plan"]);
    assert!(
        unknown.starts_with("2\nerror: `--upgrade Plan`: neither pylock.toml nor"),
        "{unknown}"
    );
    let empty = run_aloud(&place, &["lock", "--upgrade", ""]);
    assert!(
        empty.starts_with("2\nerror: invalid value '' for '--upgrade [<NAME>]': it is a package's name, of letters")
            && empty.contains("`--upgrade` alone is for all packages"),
        "{empty}"
    );
    let upgraded = run_aloud(&place, &["lock", "--upgrade"]);
    assert!(upgraded.ends_with(")\nchanged plain 1.0 → 1.1\n"), "{upgraded}");
    let added = run_aloud(&place, &["add", "side", "old_only"]);
    assert!(
        added.ends_with(")\nadded old-only 1.0\nchanged plain 1.1 → 1.0\nadded side 1.0\n"),
        "{added}"
    );
    let removed = run_aloud(&place, &["remove", "old_only"]);
    assert!(removed.ends_with(")\nremoved old-only 1.0\n"), "{removed}");
    let unchanged = run_aloud(&place, &["lock"]);
    assert!(unchanged.contains("\npylock.toml unchanged: 2 packages"), "{unchanged}");
}

/// A worker has the packages of the groups that it was asked to have.
#[test]
fn groups() {
    let place = place("'plain'");
    assert_eq!(run(&place, &["lock"]), "0\n");
    let added = run_aloud(&place, &["add", "--group", "Dev", "extra"]);
    let expect = "0\nthe worker has no packages of the dependency group `Dev`: `taipan lock --group Dev` locks them as well\n";
    assert_eq!(added, expect);
    assert!(read(&place, "pyproject.toml").contains("\"extra"));
    assert_eq!(locked(&place), ["plain 1.1"]);
    assert_eq!(run(&place, &["lock", "--check"]), "0\n");
    assert_eq!(run(&place, &["lock", "--group", "Dev"]), "0\n");
    assert_eq!(locked(&place), ["extra 1.0", "plain 1.1", "side 1.0"]);
    // It has them from then on, until it is said otherwise.
    assert_eq!(run(&place, &["remove", "--group", "dev", "side"]), "0\n");
    assert_eq!(locked(&place), ["extra 1.0", "plain 1.1"]);
    assert_eq!(run(&place, &["lock", "--no-group", "Dev"]), "0\n");
    assert_eq!(locked(&place), ["plain 1.1"]);
}

/// A project that was made for a release stays with it.
#[test]
fn releases_are_remembered() {
    let place = place("");
    let added = run_aloud(&place, &["add", "plain", "--pyodide", "0.29.5"]);
    let expect = "pyproject.toml pins the worker to Pyodide 0.29.5, which its configuration does not select: `[tool.taipan] pyodide`\n";
    assert!(added.ends_with(expect), "{added}");
    assert!(read(&place, "pyproject.toml").ends_with("[tool.taipan]\npyodide = \"0.29.5\"\n"));
    assert_eq!(run(&place, &["lock", "--check"]), "0\n");
    let other = run_aloud(&place, &["lock", "--pyodide", "314.0.7"]);
    let expect = "warning: pylock.toml is for Pyodide 314.0.7, which the worker's configuration does not select: `pyodide = \"314.0.7\"` in `[tool.taipan]` pins it\n";
    assert!(other.ends_with(expect), "{other}");
    let failed = run_aloud(&place, &["add", "nowhere", "--pyodide", "0.28.3"]);
    assert!(failed.starts_with("78\n") && !failed.contains("pins"), "{failed}");
    assert!(read(&place, "pyproject.toml").ends_with("\npyodide = \"0.29.5\"\n"));
    // The same release as the configuration has is no pin.
    assert!(!run_aloud(&place, &["add", "side", "--pyodide", "0.29.5"]).contains("pins"));
    // A pin that contradicts the configuration is not written.
    place.write("wrangler.toml", "main = \"entry.py\"\n[taipan]\npyodide = \"314.0.7\"\n");
    place.write("pyproject.toml", &format!("{PROJECT}dependencies = []\n"));
    let refused = run(&place, &["add", "plain", "--pyodide", "0.29.5"]);
    let expect = "78\nerror: wrangler.toml:3:11: `taipan.pyodide` pins the worker to another release than Pyodide 0.29.5\n";
    assert!(refused.starts_with(expect), "{refused}");
    place.write(
        "wrangler.toml",
        "main = \"entry.py\"\ncompatibility_flags = [\"python_workers_314\"]\n",
    );
    let refused = run(&place, &["add", "plain", "--pyodide", "0.29.5"]);
    assert!(refused.starts_with("78\nerror: the flag `python_workers_314`, which is"), "{refused}");
    assert_eq!(read(&place, "pyproject.toml"), format!("{PROJECT}dependencies = []\n"));
}

#[test]
fn what_is_no_requirement() {
    let place = place("'plain', '>=1'");
    let expect = "78\nerror: cannot lock the packages\n  caused by: pyproject.toml:4:26: `project.dependencies[1]` must be a \
                  requirement (PEP 508), such as \"httpx>=0.28\", found \">=1\"\n";
    assert_eq!(run(&place, &["lock"]), expect);
    place.write("script.py", "");
    let refused = run_aloud(&place, &["run", "--with", ">=1", "script.py"]);
    assert!(
        refused.starts_with("78\nerror: \">=1\" is no requirement of a package\n"),
        "{refused}"
    );
    let refused = run_aloud(&place, &["run", "--with", "nowhere", "script.py"]);
    assert!(
        refused.contains("\nerror: cannot lock the packages\n") && refused.starts_with("78\n"),
        "{refused}"
    );
    place.write("script.py", "# /// script\n# dependencies = 3\n# ///\n");
    let refused = run_aloud(&place, &["run", "script.py"]);
    assert!(
        refused.starts_with("78\nerror: the block `# /// script` of script.py cannot be used"),
        "{refused}"
    );
}

/// The block of a script allows what `pyproject.toml` allows, and so does the command line.
#[test]
fn scripts_with_what_is_built() {
    let place = Place::new(&[]);
    let code = "import markupsafe\nprint(markupsafe.escape('<'))\n";
    let block = "# /// script\n# dependencies = ['markupsafe']\n# [tool.taipan]\n# allow-build = ['MarkupSafe']\n# ///\n";
    place.write("own.py", &format!("{block}{code}"));
    place.write("none.py", code);
    let run = |words: &[&str]| {
        let output = place.command(&[&["--quiet", "run"], words].concat()).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        format!("{}\n{text}", output.status.code().unwrap())
    };
    assert_eq!(run(&["own.py"]), "0\n&lt;\n");
    let allowed = ["--with", "markupsafe", "--allow-build", "markupsafe", "none.py"];
    assert_eq!(run(&allowed), "0\n&lt;\n");
    let refused = run(&["--with", "markupsafe<9", "none.py"]);
    assert!(refused.starts_with("78\n"), "{refused}");
    assert!(
        refused.contains("`taipan run --allow-build markupsafe` builds markupsafe"),
        "{refused}"
    );
}

/// `dev` says why it locks again.
#[test]
fn locked_again() {
    let place = place("'plain'");
    assert_eq!(run(&place, &["lock"]), "0\n");
    place.write("pyproject.toml", &format!("{PROJECT}dependencies = ['plain', 'side']"));
    place.write(
        "entry.py",
        "from js import Response\ndef on_fetch():\n    return Response.new('')\n",
    );
    let wheels = place.path().join("../wheels").canonicalize().unwrap();
    let mut command = place.command(&["dev", "--port", "0"]);
    let server = Serving::start(command.env("PIP_FIND_LINKS", wheels).env("PIP_NO_INDEX", "1"));
    let expect = "pylock.toml does not fit: it lacks `side`: it is made again\n";
    assert!(server.before.contains(expect), "{}", server.before);
    assert!(server.before.contains("\nadded side 1.0\n"), "{}", server.before);
}

/// An application of a framework is no handler, and what serves it is said.
#[test]
fn applications_without_a_handler() {
    let place = Place::new(&[ENTRY]);
    let added = run_with_index(&place, &["add", "starlette"]);
    assert!(added.starts_with("0\n"), "{added}");
    place.write("entry.py", "from starlette.applications import Starlette\napp = Starlette()\n");
    let refused = run_with_index(&place, &["serve", "--port", "0"]);
    let expect = "65\nerror: the worker does not start: entry.py defines no entrypoint `Default`, and no function `on_fetch`, which would answer requests, or `on_scheduled`, which would run on a schedule; \
                  `app` is an application of Starlette: write `Default = asgi.entrypoint(app)`, with `from workers import asgi`\n";
    assert_eq!(refused, expect);
}

/// What goes wrong in a class is told from the user's own code on; and a class that no request asks is named.
#[test]
fn classes_of_the_sdk() {
    let entry = |name: &str| {
        format!(
            "from workers import WorkerEntrypoint\nclass {name}(WorkerEntrypoint):\n    def __init__(self, ctx, env):\n        \
             raise ValueError('oops')\n    def fetch(self, request): ...\n"
        )
    };
    let place = Place::new(&[("entry.py", &entry("Default"))]);
    place.write("pyproject.toml", &format!("{PROJECT}dependencies = []\n"));
    assert_eq!(run_with_index(&place, &["lock"]), "0\n");
    let server = place.serve(&["serve", "--port", "0"]);
    server.get("/", "");
    server.line_with("Traceback");
    let first = server.line_with("");
    assert!(first.ends_with("/entry.py\", line 4, in __init__"), "{first}");
    place.write("entry.py", &entry("Other"));
    let server = place.serve(&["serve", "--port", "0"]);
    server.get("/", "");
    let expect = "error: TypeError: the worker has no fetch handler: `Other` would have one, and only the default entrypoint is asked";
    assert_eq!(server.line_with("TypeError"), expect);
}
