//! Packages without a wheel: built in the sandbox, the same on each machine. The backends are from the index of pip's
//! settings.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use taipan_lock::Lock;

use crate::fixture::Serving;
use crate::snapshots::{ANSWER_LINE, Cached};

/// Of these, MarkupSafe and PyYAML have no wheel.
const FLASK: &str = "\
import flask, yaml
from js import Response

app = flask.Flask('app')

@app.route('/')
def index():
    the = yaml.safe_load('{answer: 42}')
    return flask.render_template_string('\\nthe answer is {{ it }}\\n', it=the['answer'])

async def on_fetch(request):
    return Response.new(app.test_client().get('/').text + '\\n')
";

const FLASK_PROJECT: &str = "\
[project]
name = 'worker'
version = '1.0'
dependencies = ['flask', 'pyyaml']
[tool.taipan]
allow-build = ['MarkupSafe', 'PyYAML']
";

/// A worker that answers with what a package says.
const WORKER: &str = "\
import answers
from js import Response

async def on_fetch(request):
    return Response.new('\\n' + answers.ANSWER + '\\n')
";

const ANSWERS: &str = "ANSWER = 'the answer is 42'\n";

const ANSWERS_PROJECT: &str = "\
[project]
name = 'answers'
version = '1.5'
[build-system]
requires = ['setuptools']
build-backend = 'setuptools.build_meta'
[tool.setuptools]
py-modules = ['answers']
";

#[track_caller]
fn run(cached: &Cached, words: &[&str]) -> String {
    let (code, text) = cached.run(words);
    assert_eq!(code, Some(0), "{words:?} {text}");
    text
}

#[track_caller]
fn check_answer(cached: &Cached) {
    let server = Serving::start(&mut cached.command(&["serve", "--port", "0"]));
    let answer = server.get("/", "");
    assert!(answer.contains(ANSWER_LINE), "{answer}");
}

fn lock_text(cached: &Cached) -> String {
    fs_err::read_to_string(cached.worker().join("pylock.toml")).unwrap()
}

/// The entries of a kind in the cache.
fn entries(cached: &Cached, kind: &str) -> Vec<PathBuf> {
    let found = fs_err::read_dir(cached.cache.join("entries").join(kind)).unwrap();
    let mut paths: Vec<_> = found.map(|found| found.unwrap().path()).collect();
    paths.sort();
    paths
}

fn remove(cached: &Cached, kind: &str) {
    entries(cached, kind).iter().for_each(|path| fs_err::remove_dir_all(path).unwrap());
}

#[test]
fn flask_and_pyyaml() {
    let cached = Cached::new(FLASK);
    cached.place.write("pyproject.toml", FLASK_PROJECT);
    run(&cached, &["lock", "--quiet"]);
    let text = lock_text(&cached);
    assert!(!text.contains("file://") && !text.contains(cached.cache.to_str().unwrap()), "{text}");
    let lock = Lock::parse("pylock.toml", &text).unwrap();
    let built = lock.packages.iter().filter(|package| package.built && package.needs_build());
    assert_eq!(built.map(|one| one.name.as_str()).collect::<Vec<_>>(), ["markupsafe", "pyyaml"]);
    assert!(lock.backends().iter().any(|backend| backend.name == "setuptools"));
    let image = run(&cached, &["sync", "--quiet"]);
    check_answer(&cached);
    // Nothing is another byte when it is locked again, nor when it is built again.
    run(&cached, &["lock", "--quiet"]);
    assert_eq!(lock_text(&cached), text);
    remove(&cached, "built");
    remove(&cached, "package-image");
    assert_eq!(run(&cached, &["sync", "--quiet"]), image);
    // On another machine.
    let elsewhere = Cached::new(FLASK);
    elsewhere.place.write("pyproject.toml", FLASK_PROJECT);
    elsewhere.place.write("pylock.toml", &text);
    assert_eq!(run(&elsewhere, &["sync", "--quiet"]), image);
    check_answer(&elsewhere);
}

/// The project asks for `answers`, which is at `source`.
fn asking(source: &str) -> String {
    format!(
        "[project]\nname = 'worker'\nversion = '1.0'\ndependencies = ['answers']\n[tool.uv.sources]\nanswers = {source}\n"
    )
}

/// A worker that has `answers` from `source`, which `prepare` makes.
#[track_caller]
fn check(source: &str, more: &str, prepare: impl FnOnce(&Cached)) -> Cached {
    let cached = Cached::new(WORKER);
    prepare(&cached);
    cached.place.write("pyproject.toml", &(asking(source) + more));
    run(&cached, &["lock", "--quiet"]);
    let text = lock_text(&cached);
    assert!(!text.contains(cached.cache.to_str().unwrap()), "{text}");
    check_answer(&cached);
    run(&cached, &["lock", "--check"]);
    cached
}

fn write_source(cached: &Cached, folder: &str) {
    cached.place.write(&format!("{folder}/pyproject.toml"), ANSWERS_PROJECT);
    cached.place.write(&format!("{folder}/answers.py"), ANSWERS);
}

#[test]
fn directories() {
    let cached = check("{ path = 'sub/answers', editable = true }", "", |cached| {
        write_source(cached, "sub/answers");
    });
    assert!(lock_text(&cached).contains("directory = { path = \"sub/answers\""));
    let list = run(&cached, &["packages", "--json"]);
    assert!(list.contains("\"version\": \"1.5\""), "{list}");
    // The folder is as it was: it was built from a copy.
    let names = fs_err::read_dir(cached.worker().join("sub/answers")).unwrap();
    assert_eq!(names.count(), 2);
    // What changes in it is seen.
    cached.place.write("sub/answers/answers.py", "ANSWER = 'another'\n");
    let server = Serving::start(&mut cached.command(&["serve", "--port", "0"]));
    assert!(server.get("/", "").contains("\nanother\n"));
    // And so is what it needs now.
    let needs = ANSWERS_PROJECT.replacen("version", "dependencies = ['six>=1']\nversion", 1);
    cached.place.write("sub/answers/pyproject.toml", &needs);
    let (code, text) = cached.run(&["lock", "--check"]);
    let expect = "pylock.toml does not fit: answers has changed: it lacks `six>=1`\n";
    assert!(code == Some(78) && text.contains(expect), "{text}");
}

#[test]
fn members_of_a_workspace() {
    let more = "[tool.uv.workspace]\nmembers = ['packages/*']\n";
    check("{ workspace = true }", more, |cached| write_source(cached, "packages/answers"));
}

#[test]
fn wheels_of_a_folder() {
    check("{ path = 'wheels/answers-1.5-py3-none-any.whl' }", "", |cached| {
        write_source(cached, "source");
        cached.place.write("wheels/.keep", "");
        let [source, wheels] = ["source", "wheels"].map(|name| cached.worker().join(name));
        let mut build = Command::new("uv");
        build.args(["build", "--quiet", "--wheel", "--out-dir"]).args([wheels, source]);
        assert!(build.status().unwrap().success());
    });
}

fn git(folder: &Path, words: &[&str]) -> String {
    let identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"];
    let output = Command::new("git").args(identity).args(words).current_dir(folder).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn commits_of_git() {
    let repository = tempfile::tempdir().unwrap();
    let source = format!("{{ git = 'file://{}' }}", repository.path().display());
    let cached = check(&source, "", |cached| {
        write_source(cached, "source");
        for name in ["pyproject.toml", "answers.py"] {
            let from = cached.worker().join("source").join(name);
            fs_err::copy(from, repository.path().join(name)).unwrap();
        }
        for words in [&["init", "-q"][..], &["add", "."], &["commit", "-q", "-m", "one"]] {
            git(repository.path(), words);
        }
    });
    let commit = git(repository.path(), &["rev-parse", "HEAD"]);
    assert!(lock_text(&cached).contains(&commit));
}

/// What has native code cannot be built, and says so.
#[test]
fn a_source_that_makes_another_package() {
    let cached = Cached::new(WORKER);
    write_source(&cached, "answers");
    cached.place.write("pyproject.toml", &asking("{ path = 'answers' }"));
    run(&cached, &["lock", "--quiet"]);
    cached.place.write(
        "answers/pyproject.toml",
        &ANSWERS_PROJECT.replace("'answers'\nversion", "'other'\nversion"),
    );
    let (code, text) = cached.run(&["sync", "--quiet"]);
    assert!(code != Some(0), "{text}");
    assert!(text.contains("answers"), "{text}");
    assert!(
        fs_err::read_dir(cached.cache.join("entries/package-image")).map_or(0, Iterator::count)
            == 0
    );
}

/// A source with a backend of its own, which needs nothing and does `more` before it makes a wheel.
fn write_own_backend(cached: &Cached, more: &str) {
    cached.place.write(
        "answers/pyproject.toml",
        "[project]\nname = 'answers'\nversion = '1.5'\n[build-system]\nrequires = []\nbuild-backend = 'own'\n\
         backend-path = ['backend']\n",
    );
    let more: String = more.lines().map(|line| format!("    {line}\n")).collect();
    let text = format!("{OWN_BACKEND}{more}    return make(directory)\n");
    cached.place.write("answers/backend/own.py", &text);
}

const OWN_BACKEND: &str = "\
import base64, hashlib, os, zipfile

def make(directory):
    name, info, lines = 'answers-1.5-py3-none-any.whl', 'answers-1.5.dist-info', ''
    with zipfile.ZipFile(os.path.join(directory, name), 'w') as archive:
        for path, text in [
            ('answers.py', \"ANSWER = 'the answer is 42'\\n\"),
            (info + '/METADATA', 'Metadata-Version: 2.1\\nName: answers\\nVersion: 1.5\\n'),
            (info + '/WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n'),
        ]:
            archive.writestr(path, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode()
            lines += f'{path},sha256={digest.rstrip(\"=\")},{len(text)}\\n'
        archive.writestr(info + '/RECORD', lines + info + '/RECORD,,\\n')
    return name

def build_wheel(directory, settings=None, metadata=None):
";

/// The usual backends are asked of an index that has none of them.
#[test]
fn a_backend_of_its_own() {
    check("{ path = 'answers' }", "[tool.uv]\nno-index = true\n", |cached| {
        write_own_backend(cached, "");
    });
}

#[track_caller]
fn check_refused(more: &str, expect: &str) {
    let cached = Cached::new(WORKER);
    write_own_backend(&cached, more);
    let project = asking("{ path = 'answers' }") + "[tool.uv]\nno-index = true\n";
    cached.place.write("pyproject.toml", &project);
    run(&cached, &["lock", "--quiet"]);
    let (code, text) = cached.run(&["sync", "--quiet"]);
    assert!(code != Some(0), "{text}");
    assert!(text.contains(expect), "{text}");
    assert!(
        !text.contains("Using CPython") && !text.contains(cached.cache.to_str().unwrap()),
        "{text}"
    );
    nothing_works(&cached);
    assert!(!cached.cache.join("staging/built").exists() || folders(&cached, "built").is_empty());
}

/// What a build that was ended has left.
fn folders(cached: &Cached, kind: &str) -> Vec<PathBuf> {
    let found = fs_err::read_dir(cached.cache.join("staging").join(kind));
    found.into_iter().flatten().map(|found| found.unwrap().path()).collect()
}

#[test]
fn builds_that_take_too_much() {
    let write = "data = bytes(8 << 20)\nfor number in range(1000):\n    open(f'big{number}', 'wb').write(data)";
    check_refused(write, "the build of answers takes more than 1073741824 bytes or 100000 files");
    let print = "while True:\n    print('x' * 100_000)";
    check_refused(print, "the build of answers was ended: its output is longer than it may be");
    check_refused("memory = []\nwhile True:\n    memory.append(bytes(1 << 20))", "MemoryError");
}

/// What a backend does wrong is said in its words, and not in those of what runs it.
#[test]
fn backends_that_make_no_wheel() {
    check_refused(
        "os._exit(0)",
        "the build backend of answers has ended Python before it has named a wheel\n\nhint: this is a fault of the package",
    );
    check_refused("return None", "the build backend of answers has given no name of a wheel\n");
    check_refused(
        "make(directory)\nreturn '../../evil.whl'",
        "the build backend of answers has named a wheel that it has not made\n",
    );
    check_refused(
        "os.rename(os.path.join(directory, make(directory)), os.path.join(directory, 'x.txt'))\nreturn 'x.txt'",
        "the build backend of answers has made a file that is not called as a wheel is: The wheel filename `x.txt`",
    );
    let other = "answers-2.0-py3-none-any.whl";
    check_refused(
        &format!(
            "os.rename(os.path.join(directory, make(directory)), os.path.join(directory, '{other}'))\nreturn '{other}'"
        ),
        "the build backend of answers has made a wheel of something else: Package metadata version `1.5`",
    );
    check_refused(
        "name = make(directory)\nopen(os.path.join(directory, name), 'w').write('no archive')\nreturn name",
        "the build backend of answers has made a wheel that is no archive\n",
    );
    check_refused(
        "import subprocess\nsubprocess.run(['cc'])",
        "\n\nhint: there is no compiler in the sandbox",
    );
    check_refused(
        "raise ValueError('no luck')",
        "ValueError: no luck\n\nhint: its build backend says why",
    );
}

/// The processes that have to do with the cache: uv and the Pythons of builds.
fn working(cached: &Cached) -> Vec<String> {
    let cache = cached.cache.to_str().unwrap();
    let processes = fs_err::read_dir("/proc").unwrap().flatten();
    let words = processes.filter_map(|one| fs_err::read(one.path().join("cmdline")).ok());
    let words = words.map(|words| String::from_utf8_lossy(&words).replace('\0', " "));
    words.filter(|words| words.contains(cache)).collect()
}

/// Waits until nothing has to do with the cache any more.
#[track_caller]
fn nothing_works(cached: &Cached) {
    for _ in 0..500 {
        if working(cached).is_empty() {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("{:?}", working(cached));
}

/// However a command ends, what works for it ends, and what is left goes with the next `taipan gc`.
#[test]
fn a_build_ends_with_its_command() {
    let cached = Cached::new(WORKER);
    write_own_backend(
        &cached,
        "try:\n    while True: pass\nexcept KeyboardInterrupt:\n    while True: pass",
    );
    let project = asking("{ path = 'answers' }") + "[tool.uv]\nno-index = true\n";
    cached.place.write("pyproject.toml", &project);
    run(&cached, &["lock", "--quiet"]);
    for signal in ["KILL", "INT", "TERM"] {
        let mut command = cached.command(&["sync", "--quiet"]).spawn().unwrap();
        while !working(&cached).iter().any(|words| words.contains("build_wheel")) {
            assert!(command.try_wait().unwrap().is_none());
            thread::sleep(Duration::from_millis(20));
        }
        let sent = Command::new("kill").args(["-s", signal, &command.id().to_string()]).status();
        assert!(sent.unwrap().success());
        command.wait().unwrap();
        nothing_works(&cached);
        assert_eq!(folders(&cached, "built").len(), 1);
        let text = run(&cached, &["gc"]);
        assert!(text.contains("(unfinished)"), "{text}");
        assert_eq!(folders(&cached, "built").len(), 0);
    }
}
