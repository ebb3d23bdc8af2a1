//! `taipan python` as other programs call it: uv, pip, and a shell.

use std::path::{Path, PathBuf};
use std::process::Command;

use taipan_release::{NEWEST, RELEASES};

use crate::fixture::Place;
use crate::scripts::{check, shell};

#[test]
fn variables_that_cpython_reads() {
    let files = &[("lib/own.py", "WORD = 'found'\n"), ("lib/data.txt", "data")];
    let code = "import own, os; print(own.WORD, os.listdir(os.path.dirname(own.__file__)))";
    let run = format!("PYTHONPATH=$PWD/lib taipan python -c '{code}'");
    check(files, &run, 0, "found ['data.txt', 'own.py']\n");
    let isolated = run.replace("python -c", "python -E -c");
    check(files, &isolated, 1, "No module named 'own'");
    let warns =
        "PYTHONWARNINGS=error taipan python -c 'import warnings; warnings.warn(\"raised\")'";
    check(&[], warns, 1, "UserWarning: raised");
    let others = "SECRET=1 taipan python -c 'import os; print(os.environ.get(\"SECRET\"))'";
    check(&[], others, 0, "None\n");
}

#[test]
fn places_of_the_sandbox_stay() {
    let code = "import json, tempfile; open(\"/tmp/x\", \"w\").close(); print(\"written\")";
    let run = format!("PYTHONPATH=/:/tmp:/lib:/session:/nowhere taipan python -c '{code}'");
    check(&[], &run, 0, "written\n");
}

#[test]
fn archives() {
    let make = "python3 -m zipapp application -p '/usr/bin/env python3' -o a.pyz";
    let files = &[
        ("application/__main__.py", "import sys, other; print(other.A, sys.argv[1:])\n"),
        ("application/other.py", "A = 'a'\n"),
    ];
    check(files, &format!("{make} && taipan python a.pyz -x"), 0, "a ['-x']\n");
}

#[test]
fn no_program_at_a_terminal() {
    let run = "script -qec 'taipan python' /dev/null";
    check(&[], run, 2, "there is no interactive prompt, and no program is named: give code");
}

#[test]
fn a_reader_that_goes() {
    let code = "for number in range(100_000): print(number)";
    check(&[], &format!("taipan python -uc '{code}' | head -1"), 1, "BrokenPipeError");
}

#[test]
fn the_program_for_others() {
    let place = Place::new(&[]);
    let run = "mkdir 'a b' && ln -s 'a b' link && p=$(taipan python --install=link) && cp \"$p\" \"$p\".copy && \
               PATH=/nowhere \"$p\" -IBc 'import sys; print(sys.executable, sys.argv)' \"it's\" && echo \"$p\"";
    let (code, text) = shell(&place, run);
    let program = place.path().join("a b/python3.14");
    let program = program.to_str().unwrap();
    assert_eq!((code, text), (0, format!("{program} ['-c', \"it's\"]\n{program}\n")));
    check(
        &[],
        "taipan python --install=nowhere",
        66,
        "the directory to install into nowhere is not there",
    );
    // It keeps its options, wherever it is called.
    let mount = "mkdir data; echo text > data/file; p=$(taipan python --install --mount data:/data); cd /; \
                 $p -c 'print(open(\"/data/file\").read())'";
    check(&[], mount, 0, "text\n");
}

/// As uv asks: only the program that is made for it reads what code names, and Python files only.
#[test]
fn directories_that_code_names() {
    let files = &[("asked/python/query.py", "print('asked')\n"), ("asked/secret.txt", "secret")];
    let code = "import sys, os; sys.path = [os.fsdecode(b\"'$PWD'/asked\")] + sys.path
from python import query
print(sorted(os.listdir(sys.path[0])))
open(sys.path[0] + \"/python/query.py\", \"w\")";
    let asked = format!("$(taipan python --install) -IBc '{code}'");
    check(files, &asked, 1, "asked\n['python']\n");
    check(files, &asked, 1, "Read-only file system");
    check(files, &format!("taipan python -IBc '{code}'"), 1, "No module named 'python'");
}

/// uv itself: `TAIPAN_UV`, else the one on the PATH.
#[expect(clippy::disallowed_methods, reason = "tests are told by the environment")]
#[expect(clippy::print_stderr, reason = "a test that is left out says so")]
fn uv() -> Option<PathBuf> {
    let named = std::env::var_os("TAIPAN_UV").map(PathBuf::from);
    let uv = named.unwrap_or_else(|| "uv".into());
    let runs = Command::new(&uv).arg("--version").output().is_ok_and(|it| it.status.success());
    if !runs {
        eprintln!("SKIPPED: there is no uv; name one with TAIPAN_UV");
    }
    runs.then_some(uv)
}

/// A wheel with nothing but a name, made by hand so that no index is needed.
fn wheel(folder: &Path, name: &str, tag: &str) {
    let info = format!("{name}-1.0.dist-info");
    let files = [
        (format!("{name}.py"), format!("TAG = '{tag}'\n")),
        (
            format!("{info}/METADATA"),
            format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"),
        ),
        (
            format!("{info}/WHEEL"),
            format!("Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: false\nTag: {tag}\n"),
        ),
        (
            format!("{info}/RECORD"),
            format!("{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n"),
        ),
    ];
    let file = fs_err::File::create(folder.join(format!("{name}-1.0-{tag}.whl"))).unwrap();
    let mut archive = zip::ZipWriter::new(file);
    for (path, text) in files {
        archive.start_file(path, zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut archive, text.as_bytes()).unwrap();
    }
    archive.finish().unwrap();
}

/// The releases that `TAIPAN_TEST_PYODIDE` names, as in the specs.
#[expect(clippy::disallowed_methods, reason = "tests are told by the environment")]
fn releases() -> impl Iterator<Item = &'static taipan_release::Release> {
    let named = std::env::var("TAIPAN_TEST_PYODIDE").unwrap_or_else(|_| NEWEST.to_owned());
    RELEASES.iter().filter(move |release| named == "all" || named == release.version)
}

#[test]
fn uv_takes_it_for_what_it_is() {
    let Some(uv) = uv() else { return };
    for release in releases() {
        let place = Place::new(&[]);
        let wheels = place.path().join("wheels");
        fs_err::create_dir(&wheels).unwrap();
        let python = format!("cp{}", release.python_minor().replace('.', ""));
        let (_, year) = release.abi_tag.split_once('_').unwrap();
        let native = format!("{python}-{python}-pyemscripten_{year}_wasm32");
        wheel(&wheels, "native", &native);
        wheel(&wheels, "native", "cp314-cp314-manylinux_2_17_x86_64");
        wheel(&wheels, "former", &format!("{python}-abi3-{}_wasm32", release.abi_tag));
        wheel(&wheels, "pure", "py3-none-any");
        place.write(
            "in.txt",
            "native\nformer\npure; sys_platform == 'emscripten' and platform_machine == 'wasm32'\n\
                               absent; sys_platform == 'linux' or python_full_version < '3.12'\n",
        );
        let path = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
        let words = ["--experimental", "--pyodide", release.version, "python", "--install=."];
        let program = place.command(&words).output().unwrap().stdout;
        let program = String::from_utf8(program).unwrap().trim().to_owned();
        let run = |words: &[&str]| {
            let mut command = Command::new(&uv);
            command.args(["--cache-dir", &path("cache"), "--no-config", "--offline"]).args(words);
            command.args(["--python", &program]).current_dir(place.path());
            let done = command.output().unwrap();
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        };
        let only = ["--only-binary", ":all:", "--no-index", "--find-links", "wheels"];
        run(&[&["pip", "compile", "in.txt", "-o", "pylock.toml"][..], &only].concat());
        let lock = fs_err::read_to_string(path("pylock.toml")).unwrap();
        let names: Vec<_> = lock.lines().filter(|line| line.starts_with("name = ")).collect();
        assert_eq!(
            names,
            ["name = \"former\"", "name = \"native\"", "name = \"pure\""],
            "{}",
            release.version
        );
        run(&[
            "pip",
            "install",
            "--preview-features",
            "pylock",
            "--target",
            "tree",
            "-r",
            "pylock.toml",
        ]);
        let installed = fs_err::read_to_string(path("tree/native.py")).unwrap();
        assert_eq!(installed, format!("TAG = '{native}'\n"), "{}", release.version);
    }
}
