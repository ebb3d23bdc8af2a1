//! `taipan lock`, `add` and `remove`, with packages that are made here: uv finds them in a directory, by pip's settings.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::fixture::{Place, Serving};

const ENTRY: (&str, &str) = ("entry.py", "async def on_fetch(request):\n    ...\n");

/// Wheels: name, version, tags, and what each requires.
const WHEELS: &[(&str, &str, &str, &[&str])] = &[
    ("plain", "1.0", "py3-none-any", &[]),
    ("plain", "1.1", "py3-none-any", &[]),
    ("side", "1.0", "cp314-cp314-pyemscripten_2026_0_wasm32", &["plain"]),
    ("side", "1.0", "cp314-cp314-manylinux_2_17_x86_64", &["plain"]),
    // The newer one needs what has no wheel here.
    ("held", "1.4", "py3-none-any", &[]),
    ("held", "2.0", "py3-none-any", &["native"]),
    ("native", "3.0", "cp314-cp314-manylinux_2_17_x86_64", &[]),
    ("native", "3.0", "cp314-cp314-win_amd64", &[]),
    // The newer one needs what is built without its compiled part.
    ("yaml_reader", "1.0", "py3-none-any", &[]),
    ("yaml_reader", "2.0", "py3-none-any", &["pyyaml"]),
    ("pyyaml", "6.0", "cp314-cp314-manylinux_2_17_x86_64", &[]),
    // The first one only keeps the name.
    ("stubbed", "0.0.0", "py3-none-any", &[]),
    ("stubbed", "0.7", "cp315-cp315-pyemscripten_2026_5_wasm32", &[]),
    ("stubbed", "0.7", "cp314-cp314-manylinux_2_17_x86_64", &[]),
    (
        "marked",
        "1.0",
        "py3-none-any",
        &["held==1.4 ; sys_platform == 'emscripten'", "native ; sys_platform != 'emscripten'"],
    ),
    ("extra", "1.0", "py3-none-any", &["plain ; extra == 'more'"]),
    ("old_only", "1.0", "py3-none-any", &["plain<1.1"]),
];

/// A worker with a `pyproject.toml`, and a directory with the wheels.
pub(crate) fn place(dependencies: &str) -> Place {
    let pyproject =
        format!("{PROJECT}dependencies = [{dependencies}]\n[dependency-groups]\ndev = ['side']\n");
    let place = Place::new(&[ENTRY, ("pyproject.toml", &pyproject)]);
    // What a killed process has left; no process has so high a number.
    place.write("pylock.taipan-4194305-x.toml", "");
    let wheels = place.path().join("../wheels");
    fs_err::create_dir(&wheels).unwrap();
    for (name, version, tags, requires) in WHEELS {
        let file =
            fs_err::File::create(wheels.join(format!("{name}-{version}-{tags}.whl"))).unwrap();
        let mut zip = ZipWriter::new(file);
        let mut list = String::new();
        let mut add = |path: &str, text: &str| {
            zip.start_file(path, SimpleFileOptions::default()).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
            let digest = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(text));
            list += &format!("{path},sha256={digest},{}\n", text.len());
        };
        let requires: String = requires.iter().map(|it| format!("Requires-Dist: {it}\n")).collect();
        let folder = format!("{name}-{version}.dist-info");
        add(&format!("{name}.py"), "");
        let extras = "Provides-Extra: more\n";
        let metadata =
            format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{extras}{requires}");
        add(&format!("{folder}/METADATA"), &metadata);
        add(
            &format!("{folder}/WHEEL"),
            &format!("Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tags}\n"),
        );
        zip.start_file(format!("{folder}/RECORD"), SimpleFileOptions::default()).unwrap();
        zip.write_all(format!("{list}{folder}/RECORD,,\n").as_bytes()).unwrap();
        zip.finish().unwrap();
    }
    place
}

pub(crate) const PROJECT: &str = "[project]\nname = 'worker'\nversion = '1'\n";

/// Runs a command: the exit code, and what was printed.
pub(crate) fn run(place: &Place, words: &[&str]) -> String {
    let wheels = place.path().join("../wheels").canonicalize().unwrap();
    let mut command = place.command(words);
    command.env("PIP_FIND_LINKS", wheels).env("PIP_NO_INDEX", "1").arg("--quiet");
    let output = command.output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    format!("{}\n{text}", output.status.code().unwrap())
}

pub(crate) fn read(place: &Place, name: &str) -> String {
    fs_err::read_to_string(place.path().join(name)).unwrap()
}

/// The packages of the lock, with their versions.
pub(crate) fn locked(place: &Place) -> Vec<String> {
    let lock: toml::Table = read(place, "pylock.toml").parse().unwrap();
    let packages = lock.get("packages").and_then(toml::Value::as_array);
    let text = |package: &toml::Value, key: &str| package[key].as_str().unwrap().to_owned();
    let package = |package| format!("{} {}", text(package, "name"), text(package, "version"));
    packages.into_iter().flatten().map(package).collect()
}

#[track_caller]
fn check(dependencies: &str, words: &[&str], expect: &str, packages: &[&str]) -> Place {
    let place = place(dependencies);
    assert_eq!(run(&place, &[&["lock"], words].concat()), expect);
    match packages {
        [] => assert!(!place.path().join("pylock.toml").exists()),
        packages => assert_eq!(locked(&place), packages),
    }
    // No draft is left, that of a killed process neither.
    let names = fs_err::read_dir(place.path()).unwrap().map(|found| found.unwrap().file_name());
    assert_eq!(names.filter(|name| name.to_string_lossy().starts_with("pylock.taipan")).count(), 0);
    place
}

#[test]
fn versions_markers_groups_and_extras() {
    check("'plain'", &[], "0\n", &["plain 1.1"]);
    check("'side'", &[], "0\n", &["plain 1.1", "side 1.0"]);
    check("'plain<1.1'", &["--group", "dev"], "0\n", &["plain 1.0", "side 1.0"]);
    check("'extra[more]'", &[], "0\n", &["extra 1.0", "plain 1.1"]);
    check("\"plain ; sys_platform == 'linux'\", 'held==1.4'", &[], "0\n", &["held 1.4"]);
}

#[test]
fn no_change_no_other_byte_and_upgrades() {
    let place = check("'plain<1.1'", &[], "0\n", &["plain 1.0"]);
    let first = read(&place, "pylock.toml");
    assert_eq!(run(&place, &["lock"]), "0\n");
    assert_eq!(read(&place, "pylock.toml"), first);
    place.write("pyproject.toml", &format!("{PROJECT}dependencies = ['plain']"));
    assert_eq!(run(&place, &["lock"]), "0\n");
    assert_eq!(locked(&place), ["plain 1.0"]);
    assert_eq!(run(&place, &["lock", "--upgrade", "plain"]), "0\n");
    assert_eq!(locked(&place), ["plain 1.1"]);
}

/// One command at a time: `taipan dev` would take what `taipan add` has half done for what is wanted.
#[test]
fn waits_for_another_command() {
    let place = place("'plain'");
    let held = fs_err::File::open(place.path()).unwrap();
    held.file().lock().unwrap();
    let wheels = place.path().join("../wheels").canonicalize().unwrap();
    let mut command = place.command(&["lock"]);
    command.env("PIP_FIND_LINKS", wheels).env("PIP_NO_INDEX", "1").stderr(Stdio::piped());
    let mut running = command.spawn().unwrap();
    let mut lines = BufReader::new(running.stderr.take().unwrap()).lines();
    let told = "waiting for another taipan that changes the packages of this project";
    assert_eq!(lines.next().unwrap().unwrap(), told);
    assert!(!place.path().join("pylock.toml").exists());
    drop(held);
    let rest: Vec<_> = lines.map(Result::unwrap).collect();
    assert!(running.wait().unwrap().success(), "{rest:?}");
    assert_eq!(locked(&place), ["plain 1.1"]);
}

#[test]
fn a_lock_without_packages() {
    let place = place("\"plain ; sys_platform == 'win32'\"");
    assert_eq!(run(&place, &["lock"]), "0\n");
    let synced = run(&place, &["sync"]);
    assert!(synced.starts_with("0\n0 packages (0 B), image "), "{synced}");
}

#[test]
fn names_that_are_none() {
    let place = place("'plain'");
    let before = read(&place, "pyproject.toml");
    for name in ["", "../plain", "--plain", "plain==1", "a b"] {
        let said = run(&place, &["lock", &format!("--allow-build={name}")]);
        assert!(said.contains("it is a package's name, of letters"), "{said}");
    }
    assert_eq!(read(&place, "pyproject.toml"), before);
}

/// What is said when `held` is held back.
const HELD: &str = "\
PACKAGE  TAKEN  ON LINUX  REQUIRED BY
held     1.4    2.0       pyproject.toml
    2.0 needs what has no wheel for cp314-pyemscripten_2026_0_wasm32: native (Linux, Windows)
";

/// What to do about it, where it is allowed.
const REMEDY: &str = "    remedy: a wheel of native, from its authors or by `--source`; `held==1.4` takes this version knowingly\n";

#[test]
fn held_back() {
    let refused = format!(
        "78\nerror: cannot lock the packages\n  caused by: held would be 1.4, and Linux gets 2.0, a newer major version:\n\
         {HELD}\nhint: `--allow-downgrade held` takes the older version, as `[tool.taipan] allow-downgrade` does in \
         pyproject.toml, or in a script's own block\n"
    );
    check("'held'", &[], &refused, &[]);
    let allowed = format!("0\nwarning: not as on Linux:\n{HELD}{REMEDY}");
    let place = check("'held'", &["--allow-downgrade", "held"], &allowed, &["held 1.4"]);
    // What was allowed once is not asked again, and is still told.
    assert_eq!(run(&place, &["lock"]), allowed);
    // It is nothing to mend.
    let told = run(&place, &["doctor"]);
    let line =
        "package: held is held back: 1.4, elsewhere 2.0 (required by pyproject.toml): 2.0 needs";
    assert!(
        told.starts_with(&format!("0\n{line}")) && told.ends_with("\nnothing to mend\n"),
        "{told}"
    );
    let report = run(&place, &["doctor", "--json"]);
    let report: serde_json::Value =
        serde_json::from_str(report.strip_prefix("0\n").unwrap()).unwrap();
    assert_eq!(report["packages"][0]["elsewhere"], "2.0");
    assert_eq!(report["findings"].as_array().map(Vec::len), Some(0));
    check("'held<2'", &[], "0\n", &["held 1.4"]);
}

/// A folder with a uv that does `first`, which is of the shell, and then what uv does; none where no uv is on the PATH. And
/// the PATH with that folder.
fn with_own_uv(place: &Place, first: &str) -> Option<String> {
    let asked =
        Command::new("sh").args(["-c", "command -v uv && echo \"$PATH\""]).output().unwrap();
    let asked = String::from_utf8(asked.stdout).unwrap();
    let (own, path) = asked.trim_end().split_once('\n')?;
    let folder = place.path().with_file_name("bin");
    fs_err::create_dir(&folder).unwrap();
    let program = format!("#!/bin/sh\n{first}\nexec '{own}' \"$@\"\n");
    taipan_store::write_program(&folder.join("uv"), program.as_bytes()).unwrap();
    Some(format!("{}:{path}", folder.display()))
}

/// What keeps uv from comparing lets no package pass.
#[test]
fn comparisons_that_fail() {
    let place = place("'held'");
    let fails = "case \"$*\" in *--python-platform*) echo 'error: no room' >&2; exit 2;; esac";
    let Some(path) = with_own_uv(&place, fails) else {
        println!("skipped: there is no uv on the PATH that can be made to fail");
        return;
    };
    let wheels = place.path().join("../wheels").canonicalize().unwrap();
    let mut command = place.command(&["lock", "--quiet"]);
    command.env("PIP_FIND_LINKS", wheels).env("PIP_NO_INDEX", "1").env("PATH", path);
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("uv cannot resolve: no room"), "{said}");
    assert!(!place.path().join("pylock.toml").exists());
}

/// A command that edits and locks, or locks and installs, looks for uv once.
#[test]
fn uv_is_looked_for_once() {
    let place = place("'plain'");
    let list = place.path().with_file_name("calls");
    let Some(path) = with_own_uv(&place, &format!("echo \"$1\" >> '{}'", list.display())) else {
        println!("skipped: there is no uv on the PATH that can count its calls");
        return;
    };
    let wheels = place.path().join("../wheels").canonicalize().unwrap();
    let mut command = place.command(&["add", "side", "--quiet"]);
    command.env("PIP_FIND_LINKS", wheels).env("PIP_NO_INDEX", "1").env("PATH", path);
    assert!(command.status().unwrap().success());
    let calls = fs_err::read_to_string(list).unwrap();
    assert_eq!(calls.lines().filter(|word| *word == "--version").count(), 1, "{calls}");
}

/// A script's packages are held back as a project's are.
#[test]
fn held_back_of_a_script() {
    let place = place("");
    place.write("script.py", "import held\nprint(held.__name__)\n");
    let block = "# /// script\n# dependencies = ['held']\n# [tool.taipan]\n# allow-downgrade = ['held']\n# ///\n";
    place.write("allowed.py", &format!("{block}import held\nprint(held.__name__)\n"));
    let run = |words: &[&str]| {
        let wheels = place.path().join("../wheels").canonicalize().unwrap();
        let mut command = place.command(&[&["--quiet", "run"], words].concat());
        let cache = place.path().with_file_name("cache");
        command.env("PIP_FIND_LINKS", wheels).env("PIP_NO_INDEX", "1").env("TAIPAN_CACHE", cache);
        let output = command.output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        format!("{}\n{text}", output.status.code().unwrap())
    };
    let refused = run(&["--with", "held", "script.py"]);
    assert!(refused.starts_with("78\n") && refused.contains(HELD), "{refused}");
    assert!(refused.contains("`--allow-downgrade held` takes the older version"), "{refused}");
    let allowed = format!("0\nheld\nwarning: not as on Linux:\n{HELD}{REMEDY}");
    assert_eq!(run(&["--with", "held", "--allow-downgrade", "held", "script.py"]), allowed);
    // The same is asked for, and the cache has its lock.
    assert_eq!(run(&["allowed.py"]), "0\nheld\n");
}

#[test]
fn stubs_and_what_markers_leave_out() {
    let told = "\
0
warning: not as on Linux:
PACKAGE  TAKEN         ON LINUX  REQUIRED BY
stubbed  0.0.0 (stub)  0.7       pyproject.toml
    0.7 has no wheel for cp314-pyemscripten_2026_0_wasm32: there is Linux, cp315-pyemscripten_2026_5_wasm32
    remedy: another release of Pyodide has wheels: `taipan bundle list` shows them
";
    check("'stubbed'", &["--allow-downgrade", "stubbed"], told, &["stubbed 0.0.0"]);
    let told = "\
0
warning: not as on Linux:
PACKAGE  TAKEN  ON LINUX  REQUIRED BY
native   -      3.0       marked
    what requires it leaves it out on this platform
    remedy: none is needed unless the worker imports it
";
    check("'marked'", &[], told, &["held 1.4", "marked 1.0"]);
}

#[test]
fn what_does_not_fit_together() {
    let expect = "\
78
error: cannot lock the packages
  caused by: no packages fit Pyodide 314.0.7 (Python 3.14.2, pyemscripten_2026_0):
Because all versions of old-only depend on plain<1.1 and worker depends on old-only, we can conclude that worker depends \
on plain<1.1.
And because worker depends on plain==1.1, we can conclude that your requirements are unsatisfiable.
";
    check("'old_only', 'plain==1.1'", &[], expect, &[]);
}

#[test]
fn checks() {
    let place = check("'plain'", &[], "0\n", &["plain 1.1"]);
    let lock = read(&place, "pylock.toml");
    assert_eq!(run(&place, &["lock", "--check"]), "0\n");
    let stale = |dependencies: &str, words: &[&str], reason: &str| {
        place.write("pyproject.toml", &format!("{PROJECT}dependencies = [{dependencies}]"));
        let expect = format!(
            "78\nerror: cannot lock the packages\n  caused by: pylock.toml does not fit: {reason}\n\nhint: `taipan \
             lock` brings it up to date\n"
        );
        assert_eq!(run(&place, &[&["lock", "--check"], words].concat()), expect);
        assert_eq!(read(&place, "pylock.toml"), lock);
    };
    stale("'plain', 'side'", &[], "it lacks `side`");
    stale("'plain<1.1'", &[], "it has plain 1.1, and `plain<1.1` is asked for");
    stale("'plain>=1'", &[], "`plain>=1` is asked for, and was not when it was made");
    stale("", &[], "it is made for `plain`, which is not asked for any more");
    let release = ["--pyodide", "0.29.5"];
    stale("'plain'", &release, "it is for Python >=3.14.2, and Pyodide 0.29.5 has 3.13.2");
}

#[test]
fn adding_and_removing() {
    let place = place("'plain',  # why\n");
    assert_eq!(run(&place, &["add", "Side>=1", "extra[more]"]), "0\n");
    assert_eq!(locked(&place), ["extra 1.0", "plain 1.1", "side 1.0"]);
    let added = read(&place, "pyproject.toml");
    assert!(added.contains("# why") && added.contains("\"extra[more]\""), "{added}");
    let failed = run(&place, &["add", "held"]);
    assert!(failed.starts_with("78\n"), "{failed}");
    let failed = run(&place, &["add", "nowhere"]);
    assert!(failed.contains("nowhere was not found"), "{failed}");
    assert_eq!(read(&place, "pyproject.toml"), added);
    assert_eq!(locked(&place), ["extra 1.0", "plain 1.1", "side 1.0"]);
    assert_eq!(run(&place, &["remove", "side", "extra"]), "0\n");
    assert_eq!(locked(&place), ["plain 1.1"]);
}

#[test]
fn ends_of_lines_stay() {
    let place = place("");
    let text = format!("\u{feff}{PROJECT}dependencies = ['plain']\n").replace('\n', "\r\n");
    place.write("pyproject.toml", &text);
    assert_eq!(run(&place, &["add", "side", "--allow-build", "plain"]), "0\n");
    let added = read(&place, "pyproject.toml");
    assert!(
        added.starts_with('\u{feff}')
            && added.contains("\"side\"")
            && added.contains("allow-build = [\"plain\"]"),
        "{added}"
    );
    assert_eq!(added.matches('\n').count(), added.matches("\r\n").count());
    assert_eq!(run(&place, &["remove", "side"]), "0\n");
}

/// With the real index, for the backends and for what is built.
fn run_with_index(place: &Place) -> String {
    let wheels = place.path().join("../wheels").canonicalize().unwrap();
    let output =
        place.command(&["lock", "--quiet"]).env("PIP_FIND_LINKS", wheels).output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    format!("{}\n{text}", output.status.code().unwrap())
}

#[test]
fn what_has_no_compiler_is_built() {
    let place = place("'markupsafe'");
    let allowed = format!(
        "{PROJECT}dependencies = ['markupsafe']\n[tool.taipan]\nallow-build = ['MarkupSafe']\n"
    );
    place.write("pyproject.toml", &allowed);
    assert_eq!(run_with_index(&place), "0\n");
    let lock: toml::Table = read(&place, "pylock.toml").parse().unwrap();
    let package = &lock["packages"].as_array().unwrap()[0];
    assert_eq!(package["tool"]["taipan"]["built"].as_bool(), Some(true));
    assert!(package["sdist"]["url"].as_str().unwrap().ends_with(".tar.gz"), "{package}");
    assert!(package.get("wheels").is_none(), "{package}");
    let backends = lock["tool"]["taipan"]["build-backends"].as_array().unwrap();
    assert!(backends.iter().any(|backend| backend["name"].as_str() == Some("setuptools")));
}

/// Its backend looks at what it can reach, and says it.
#[test]
fn a_build_sees_its_own_folder() {
    let place = place("'evil'");
    let ran = place.path().join("ran");
    let file = fs_err::File::create(place.path().join("../wheels/evil-1.0.zip")).unwrap();
    let mut zip = ZipWriter::new(file);
    let metadata = "Metadata-Version: 2.2\nName: evil\nVersion: 1.0\n";
    let project = "[project]\nname = 'evil'\nversion = '1.0'\n[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n";
    let backend = format!(
        "import os, socket\ndef build_wheel(*words):\n    seen = [path for path in ('/etc/passwd', {ran:?}, \
         '/usr/bin') if os.path.exists(path)]\n    try:\n        open({ran:?}, 'w')\n    except OSError as error:\n        \
         seen.append(type(error).__name__)\n    raise SystemExit(f'seen: {{seen}}')\n"
    );
    for (path, text) in
        [("PKG-INFO", metadata), ("pyproject.toml", project), ("backend.py", &backend)]
    {
        zip.start_file(format!("evil-1.0/{path}"), SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
    let allowed =
        format!("{PROJECT}dependencies = ['evil']\n[tool.taipan]\nallow-build = ['evil']\n");
    place.write("pyproject.toml", &allowed);
    let refused = run_with_index(&place);
    assert!(refused.contains("evil cannot be built in the sandbox"), "{refused}");
    assert!(refused.contains("seen: ['FileNotFoundError']"), "{refused}");
    assert!(!ran.exists() && !place.path().join("pylock.toml").exists());
}

/// A build backend is code of whoever has published a package: it does not run on this machine.
#[test]
fn no_code_of_a_package_runs() {
    let place = place("'hostile'");
    let backend =
        "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n";
    place.write(
        "hostile/pyproject.toml",
        &format!("[project]\nname = 'hostile'\ndynamic = ['version']\n{backend}"),
    );
    let ran = place.path().join("ran");
    place.write("hostile/backend.py", &format!("open({:?}, 'w')", ran.to_str().unwrap()));
    let sources = "[tool.uv.sources]\nhostile = { path = 'hostile' }\n";
    place.write("pyproject.toml", &format!("{PROJECT}dependencies = ['hostile']\n{sources}"));
    let refused = run(&place, &["lock"]);
    assert!(
        refused.contains("Building source distributions for `hostile` is disabled"),
        "{refused}"
    );
    assert!(!ran.exists());
}

/// That `taipan dev` writes the lock is no reason to start again; that its author does is one.
#[test]
fn dev_starts_once_with_the_lock_that_it_writes() {
    let place = place("'plain<1.1'");
    let wheels = place.path().join("../wheels").canonicalize().unwrap();
    let mut command = place.command(&["dev", "--port", "0"]);
    let server = Serving::start(command.env("PIP_FIND_LINKS", wheels).env("PIP_NO_INDEX", "1"));
    assert_eq!(locked(&place), ["plain 1.0"]);
    // Longer than a change is waited for.
    thread::sleep(Duration::from_secs(1));
    assert!(server.lines_so_far().iter().all(|line| !line.contains("a file has changed")));
    let lock = read(&place, "pylock.toml");
    place.write("pylock.toml", &format!("{lock}\n"));
    server.line_with("a file has changed");
    server.line_with("the worker has started again");
}

/// What is asked for and not locked cannot be installed.
#[test]
fn nothing_to_install() {
    let place = place("'plain'");
    let refused = run(&place, &["sync"]);
    assert!(refused.contains("no lock at ") || refused.contains("pylock.toml"), "{refused}");
    assert!(!refused.starts_with("0\n"), "{refused}");
}
