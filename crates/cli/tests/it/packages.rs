//! The images of packages in the cache: the same of the same files, and made again when they are damaged.

use std::io::{Cursor, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rustix::process::{Pid, Signal};
use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;

use crate::damage::DAMAGES;
use crate::fixture::Serving;
use crate::hostile_modules::module;
use crate::snapshots::{ANSWER_LINE, Cached, write};

/// A worker that answers with what a package says.
const WORKER: &str = "\
import answers.one
from js import Response

async def on_fetch(request):
    return Response.new('\\n' + answers.one.ANSWER + '\\n')
";

/// Such a worker, with so many more modules in its packages, and where its image is when it was made.
fn with_packages(modules: usize) -> (Cached, PathBuf) {
    let cached = Cached::new(WORKER);
    cached.place.write("python_modules/answers/one.py", "ANSWER = 'the answer is 42'\n");
    // The compiler orders, shares and folds constants.
    let text = "A = {'b', 'a', 'c'}\ndef f(x):\n    return x in {'u', 'v', 'w'} and (1.5, 'text', b'x' * 3, ...)\n";
    for module in 0..modules {
        let name = format!("python_modules/answers/m{module}.py");
        cached.place.write(&name, &format!("{text}B = f({module})\n"));
    }
    cached.create();
    let entries = fs_err::read_dir(cached.cache.join("entries/package-image")).unwrap();
    let folder = entries.map(|entry| entry.unwrap().path()).next().unwrap();
    (cached, folder)
}

#[test]
fn damaged_images() {
    let (cached, folder) = with_packages(0);
    for name in ["packages.layer", ".inventory"] {
        for (what, damage) in DAMAGES {
            let sound = fs_err::read(folder.join(name)).unwrap();
            damage(&folder.join(name));
            let server = Serving::start(&mut cached.command(&["serve", "--port", "0"]));
            let answer = server.get("/", "");
            assert!(answer.ends_with(ANSWER_LINE), "{name} {what}: {answer}");
            assert!(server.before.contains("it is made again"), "{name} {what}: {}", server.before);
            assert!(fs_err::read(folder.join(name)).unwrap() == sound, "{name} {what}");
        }
    }
}

/// The code of native modules is made again as well, with a warning.
#[test]
fn damaged_code_of_native_modules() {
    let cached = Cached::new(WORKER);
    cached.place.write("python_modules/answers/one.py", "ANSWER = 'the answer is 42'\n");
    write(&cached.place.path().join("python_modules/side.so"), &module("(mem-info)", ""));
    cached.create();
    let entries = fs_err::read_dir(cached.cache.join("entries/webassembly")).unwrap();
    let code = entries.map(|entry| entry.unwrap().path().join("module.code")).next().unwrap();
    let (_, damage) = DAMAGES[0];
    damage(&code);
    let server = Serving::start(&mut cached.command(&["serve", "--port", "0"]));
    assert!(server.before.contains(" is damaged: module.code: "), "{}", server.before);
    assert!(server.get("/", "").ends_with(ANSWER_LINE));
}

/// Several batches are compiled, which end in another order each time.
#[test]
fn the_same_image_again() {
    let (cached, folder) = with_packages(500);
    let first = fs_err::read(folder.join("packages.layer")).unwrap();
    let compiled = b"m499.cpython-314.pyc";
    assert!(first.windows(compiled.len()).any(|part| part == compiled));
    fs_err::remove_dir_all(&folder).unwrap();
    cached.create();
    assert!(fs_err::read(folder.join("packages.layer")).unwrap() == first);
}

/// Counts in a file of its package, and answers with the count.
const COUNTING: &str = "\
import answers.one
from js import Response
from pathlib import Path

COUNT = Path(answers.one.__file__).with_name('count.txt')

def counted():
    COUNT.write_text(str(int(COUNT.read_text()) + 1))

counted()

async def on_fetch(request):
    counted()
    return Response.new(f'\\ncounted {COUNT.read_text()}\\n')
";

/// What a request writes over the packages is in its isolate: another has what was there when the snapshot was taken. Nothing
/// of it is on this machine.
#[test]
fn what_is_written_stays_in_its_isolate() {
    let (cached, folder) = with_packages(0);
    fs_err::remove_dir_all(folder.parent().unwrap()).unwrap();
    cached.place.write("entry.py", COUNTING);
    cached.place.write("python_modules/answers/count.txt", "0");
    // Else nothing says which of several isolates answers.
    let one = r#"{ "main": "entry.py", "taipan": { "isolates": { "max": 1 } } }"#;
    cached.place.write("wrangler.jsonc", one);
    cached.create();
    let images = fs_err::read_dir(folder.parent().unwrap()).unwrap();
    let image = images.map(|entry| entry.unwrap().path().join("packages.layer")).next().unwrap();
    let before = fs_err::read(&image).unwrap();
    for (isolation, counts) in [("reuse", [2, 3, 4]), ("fresh", [2, 2, 2]), ("reuse", [2, 3, 4])] {
        let words = ["serve", "--port", "0", "--isolation", isolation];
        let server = Serving::start(&mut cached.command(&words));
        for count in counts {
            let answer = server.get("/", "");
            assert!(answer.ends_with(&format!("\ncounted {count}\n")), "{isolation}: {answer}");
        }
    }
    assert!(fs_err::read(&image).unwrap() == before);
    let count = cached.worker().join("python_modules/answers/count.txt");
    assert_eq!(fs_err::read_to_string(count).unwrap(), "0");
}

/// A worker whose packages are those of a lock, which names wheels in the same directory.
pub(crate) fn locked(wheels: &[Wheel<'_>]) -> Cached {
    let cached = Cached::new(WORKER);
    let mut lock = LOCK_HEAD.to_owned();
    for wheel in wheels {
        let (name, bytes) = (wheel.file_name(), wheel.bytes());
        write(&cached.worker().join(&name), &bytes);
        lock += &locked_package(wheel.name, &bytes);
    }
    cached.place.write("pylock.toml", &lock);
    cached
}

pub(crate) const LOCK_HEAD: &str = "lock-version = '1.0'\ncreated-by = 'a test'\n";

/// A package as a lock has it, of which the wheel is beside.
pub(crate) fn locked_package(package: &str, wheel: &[u8]) -> String {
    let (name, digest) = (file_name(package), hex(&Sha256::digest(wheel)));
    format!(
        "[[packages]]\nname = '{package}'\nversion = '1.0'\n\
         wheels = [{{ name = '{name}', path = '{name}', hashes = {{ sha256 = '{digest}' }} }}]\n"
    )
}

fn file_name(package: &str) -> String {
    format!("{package}-1.0-py3-none-any.whl")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A wheel that is made.
pub(crate) type Archive = zip::ZipWriter<Cursor<Vec<u8>>>;

/// A wheel, with a list of its files.
pub(crate) struct Wheel<'a> {
    pub(crate) name: &'a str,
    pub(crate) files: &'a [(&'a str, &'a [u8])],
    /// Lines of the list in place of those of the files.
    pub(crate) list: Option<&'a str>,
}

pub(crate) const ANSWERS: Wheel<'_> = Wheel {
    name: "answers",
    files: &[("answers/one.py", b"ANSWER = 'the answer is 42'\n")],
    list: None,
};

impl Wheel<'_> {
    pub(crate) fn file_name(&self) -> String {
        file_name(self.name)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.bytes_with(|_| ())
    }

    /// The same, with what `more` puts into the archive.
    pub(crate) fn bytes_with(&self, more: impl FnOnce(&mut Archive)) -> Vec<u8> {
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let mut list = String::new();
        let mut add = |name: &str, bytes: &[u8]| {
            archive.start_file(name, SimpleFileOptions::default()).unwrap();
            archive.write_all(bytes).unwrap();
            let digest = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(bytes));
            list += &format!("{name},sha256={digest},{}\n", bytes.len());
        };
        let about = format!("{}-1.0.dist-info", self.name);
        let metadata = format!("Metadata-Version: 2.1\nName: {}\nVersion: 1.0\n", self.name);
        let wheel =
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
        self.files.iter().for_each(|(name, bytes)| add(name, bytes));
        add(&format!("{about}/METADATA"), metadata.as_bytes());
        add(&format!("{about}/WHEEL"), wheel.as_bytes());
        list += &format!("{about}/RECORD,,\n");
        archive.start_file(format!("{about}/RECORD"), SimpleFileOptions::default()).unwrap();
        archive.write_all(self.list.unwrap_or(&list).as_bytes()).unwrap();
        more(&mut archive);
        archive.finish().unwrap().into_inner()
    }
}

/// Where the images of a cache are.
fn images(cached: &Cached) -> Vec<PathBuf> {
    let Ok(entries) = fs_err::read_dir(cached.cache.join("entries/package-image")) else {
        return Vec::new();
    };
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Asserts that nothing half done is there.
#[track_caller]
pub(crate) fn nothing_is_left(cached: &Cached) {
    assert!(images(cached).is_empty());
    let staging = fs_err::read_dir(cached.cache.join("staging/package-image"));
    assert!(staging.map_or(0, Iterator::count) == 0);
}

#[test]
fn a_lock_is_installed() {
    let cached = locked(&[ANSWERS]);
    let (code, text) = cached.run(&["sync", "--quiet"]);
    assert_eq!(code, Some(0), "{text}");
    let files = fs_err::read_dir(&images(&cached)[0]).unwrap().count();
    assert_eq!(files, 2, "the layer and its inventory");
    let (_, again) = cached.run(&["sync"]);
    assert_eq!(again, text, "nothing is installed again");
    let server = Serving::start(&mut cached.command(&["serve", "--port", "0"]));
    assert!(server.get("/", "").ends_with(ANSWER_LINE));
    let (_, list) = cached.run(&["packages", "--json"]);
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let package = &list["packages"][0];
    assert_eq!(
        (&package["name"], &package["version"], &package["native_modules"]),
        (&"answers".into(), &"1.0".into(), &0.into())
    );
    // Another lock of the same packages, from elsewhere, gives the same image.
    let image = text.split(' ').next_back().map(str::to_owned);
    let elsewhere = locked(&[ANSWERS]);
    let (_, there) = elsewhere.run(&["sync", "--quiet"]);
    assert_eq!(there.split(' ').next_back().map(str::to_owned), image);
}

/// At any moment a process may be killed; the next one begins anew.
#[test]
fn killed_while_it_installs() {
    let cached = locked(&[ANSWERS]);
    for pause in [0, 100, 300, 600, 1000, 1500] {
        let mut child = cached.command(&["sync", "--quiet"]).process_group(0).spawn().unwrap();
        thread::sleep(Duration::from_millis(pause));
        let group = Pid::from_child(&child);
        rustix::process::kill_process_group(group, Signal::KILL).unwrap();
        child.wait().unwrap();
    }
    let mut both = [(); 2].map(|()| cached.command(&["sync", "--quiet"]).spawn().unwrap());
    assert!(both.iter_mut().all(|child| child.wait().unwrap().success()));
    let server = Serving::start(&mut cached.command(&["serve", "--port", "0"]));
    assert!(server.get("/", "").ends_with(ANSWER_LINE));
    assert_eq!(images(&cached).len(), 1);
}

/// A script says itself what it needs, or whoever runs it.
#[test]
fn packages_of_a_script() {
    let cached = locked(&[ANSWERS]);
    let wheel = cached.worker().join(ANSWERS.file_name());
    cached
        .place
        .write("script.py", "import sys, answers.one\nprint(answers.one.ANSWER, sys.argv[1:])\n");
    let requirement = format!("answers @ file://{}", wheel.display());
    let (code, text) = cached.run(&["run", "--quiet", "--with", &requirement, "script.py", "one"]);
    assert_eq!((code, text.as_str()), (Some(0), "the answer is 42 ['one']\n"));
    cached.place.write(
        "own.py",
        &format!("# /// script\n# dependencies = [\"{requirement}\"]\n# ///\nimport answers.one as it\nprint(it.ANSWER)\n"),
    );
    let (code, text) = cached.run(&["run", "--quiet", "own.py"]);
    assert_eq!((code, text.as_str()), (Some(0), "the answer is 42\n"));
    cached.place.write("other.py", "# /// script\n# requires-python = '<3'\n# ///\n");
    let (code, text) = cached.run(&["run", "other.py"]);
    assert!(
        code == Some(78) && text.contains("needs Python <3, and this is 3."),
        "{code:?} {text}"
    );
    let (code, text) = cached.run(&["run", "--quiet", "script.py"]);
    assert!(code == Some(1) && text.contains("No module named 'answers'"), "{text}");
}

/// What was exported is served on another machine, which has neither a network nor uv.
#[test]
fn exported_worker() {
    let cached = locked(&[ANSWERS]);
    let (code, text) = cached.run(&["export", "--quiet", "-o", "../worker.taipan"]);
    assert_eq!((code, text.as_str()), (Some(0), ""));
    let there = cached.worker().with_file_name("there");
    let on_the_other = |words: &[&str]| {
        let mut command = cached.command(words);
        command.env("TAIPAN_CACHE", &there).env("PATH", "");
        command
    };
    let import =
        on_the_other(&["bundle", "import", "--offline", "../worker.taipan"]).output().unwrap();
    assert!(import.status.success(), "{import:?}");
    fs_err::remove_file(cached.worker().join(ANSWERS.file_name())).unwrap();
    let server = Serving::start(&mut on_the_other(&["serve", "--offline", "--port", "0"]));
    assert!(server.get("/", "").ends_with(ANSWER_LINE));
    assert_eq!(server.before, "", "nothing is made there");
    let snapshots = fs_err::read_dir(there.join("entries/snapshot")).unwrap();
    let file = snapshots.map(|entry| entry.unwrap().path().join("worker.snapshot")).next().unwrap();
    assert_eq!(fs_err::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
}

/// Answers by means of an extension module.
const MSGPACK: &str = "\
import msgpack
from js import Response
from msgpack._cmsgpack import Packer

async def on_fetch(request):
    the = msgpack.unpackb(Packer().pack({'answer': 42}))
    return Response.new(f'\\nthe answer is {the[\"answer\"]}\\n')
";

/// A worker with msgpack, of which the wheel is from the index of pip's settings; none without an index.
fn with_msgpack(worker: &str) -> Option<Cached> {
    let cached = Cached::new(worker);
    let (code, text) = cached.run(&["add", "--quiet", "msgpack"]);
    if code != Some(0) && !text.contains("no packages fit") {
        let said = format!("SKIPPED: there is no msgpack without an index: {text}");
        std::io::stderr().write_all(said.as_bytes()).unwrap();
        return None;
    }
    assert_eq!((code, text.as_str()), (Some(0), ""));
    Some(cached)
}

/// Sets times and mode of the extension module before anything imports it.
const TOUCHED_MSGPACK: &str = "\
import os
from importlib.util import find_spec
from pathlib import Path

(extension,) = Path(find_spec('msgpack').origin).parent.glob('*.so')
os.utime(extension)
extension.chmod(0o755)

";

#[test]
fn a_native_module_that_is_touched() {
    let worker = format!("{TOUCHED_MSGPACK}{MSGPACK}");
    let Some(cached) = with_msgpack(&worker) else { return };
    let server = Serving::start(&mut cached.command(&["serve", "--port", "0"]));
    let answer = server.get("/", "");
    assert!(answer.ends_with(ANSWER_LINE), "{answer}");
}

#[test]
fn a_file_where_bytecode_goes() {
    let (cached, _) = with_packages(0);
    cached.place.write("python_modules/answers/__pycache__", "");
    let server = Serving::start(&mut cached.command(&["serve", "--port", "0"]));
    assert!(server.get("/", "").ends_with(ANSWER_LINE));
}

/// Writes over the extension module before anything imports it.
const OVER_MSGPACK: &str = "\
from importlib.util import find_spec
from js import Response
from pathlib import Path

(extension,) = Path(find_spec('msgpack').origin).parent.glob('*.so')
extension.write_bytes(extension.read_bytes())

async def on_fetch(request):
    try:
        import msgpack._cmsgpack
    except ImportError as error:
        return Response.new(f'{error}\\n')
";

#[test]
fn a_native_module_that_is_written_over() {
    let Some(cached) = with_msgpack(OVER_MSGPACK) else { return };
    let server = Serving::start(&mut cached.command(&["serve", "--port", "0"]));
    let answer = server.get("/", "");
    let expected = "emscripten.so was written over, and no code is compiled while a program runs\n";
    assert!(answer.ends_with(expected), "{answer}");
}

/// The same with compiled code.
#[test]
fn exported_worker_with_native_modules() {
    let Some(cached) = with_msgpack(MSGPACK) else { return };
    let (code, text) = cached.run(&["export", "--quiet", "-o", "../worker.taipan"]);
    assert_eq!((code, text.as_str()), (Some(0), ""));
    let there = cached.worker().with_file_name("there");
    let on_the_other = |words: &[&str]| {
        let mut command = cached.command(words);
        command.env("TAIPAN_CACHE", &there).env("PATH", "");
        command
    };
    let words = ["bundle", "import", "--offline", "../worker.taipan"];
    let import = on_the_other(&words).output().unwrap();
    assert!(import.status.success(), "{import:?}");
    let server = Serving::start(&mut on_the_other(&["serve", "--offline", "--port", "0"]));
    let answer = server.get("/", "");
    assert!(answer.ends_with(ANSWER_LINE), "{answer}");
    assert_eq!(server.before, "", "nothing is made there");
    let (_, list) = cached.run(&["packages", "--json"]);
    assert!(!list.contains("\"native_modules\": 0"), "{list}");
}

/// What `pyproject.toml` asks for, from the wheels beside it.
fn asking_for(requirement: &str) -> String {
    format!(
        "[project]\nname = 'worker'\nversion = '1.0'\ndependencies = ['{requirement}']\n\
         [tool.taipan]\npyodide-index = false\n[tool.uv]\nno-index = true\nfind-links = ['.']\n"
    )
}

#[test]
fn a_lock_that_does_not_fit() {
    let cached = locked(&[ANSWERS]);
    cached.place.write("pyproject.toml", &asking_for("answers>=2"));
    let (code, text) = cached.run(&["serve", "--port", "0"]);
    assert!(code.is_some_and(|code| code != 0), "{text}");
    assert!(text.contains("it has answers 1.0, and `answers>=2` is asked for"), "{text}");
    cached.place.write("pyproject.toml", &asking_for("answers>=1"));
    let server = Serving::start(&mut cached.command(&["serve", "--port", "0"]));
    assert!(server.get("/", "").ends_with(ANSWER_LINE));
}

/// `dev` locks by itself, and so does `serve --sync`.
#[test]
fn locks_that_are_made() {
    for words in [["dev", "--port", "0"].as_slice(), &["serve", "--sync", "--port", "0"]] {
        let cached = locked(&[ANSWERS]);
        let lock = cached.worker().join("pylock.toml");
        fs_err::remove_file(&lock).unwrap();
        cached.place.write("pyproject.toml", &asking_for("answers"));
        let server = Serving::start(&mut cached.command(words));
        assert!(server.get("/", "").ends_with(ANSWER_LINE), "{words:?}");
        assert!(server.before.contains("pylock.toml locked 1 package "), "{}", server.before);
        assert!(lock.exists(), "{words:?}");
    }
}
