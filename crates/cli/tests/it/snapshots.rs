//! `taipan snapshot`, and what becomes of snapshots that are damaged, hostile or half made.
//!
//! Each test has a cache of its own, with the bundle of the cache that all tests share: run
//! `taipan bundle build` first, or the first test takes as long as that.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use taipan_snapshot::{Kind, Memory, Snapshot, State, decode, encode};

use crate::fixture::Place;

/// What the tests' worker answers.
pub(crate) const ANSWER_LINE: &str = "\nthe answer is 42\n";

pub(crate) const WORKER: &str = "\
from js import Response
ANSWER = 6 * 7
def on_fetch(request, env, ctx):
    return Response.new(f'the answer is {ANSWER}')
";

/// Imports much, and looks at clocks and entropy.
const BUSY: &str = "\
import asyncio, dataclasses, datetime, json, os, random, re, secrets, tempfile, time, uuid
from js import Response
NOW = [time.time(), time.monotonic(), datetime.datetime.now().isoformat()]
CHANCE = [random.random(), uuid.uuid4(), secrets.token_hex(), os.urandom(9), {str(n) for n in range(99)}]
with tempfile.NamedTemporaryFile(delete=False) as file:
    file.write(json.dumps(NOW).encode())
@dataclasses.dataclass
class Point:
    x: int
PATTERN = re.compile('a+b*[c-e]')
LOCK = asyncio.Lock()
def on_fetch(request, env, ctx):
    return Response.new('busy')
";

/// Changes the bytes of a file.
type Damage = Box<dyn Fn(&mut Vec<u8>)>;

/// A worker's directory, and a cache in which there is a bundle and nothing else.
pub(crate) struct Cached {
    pub(crate) place: Place,
    pub(crate) cache: PathBuf,
    shared: PathBuf,
}

impl Cached {
    pub(crate) fn new(worker: &str) -> Self {
        let place = Place::new(&[("entry.py", worker)]);
        let list = Command::new(env!("CARGO_BIN_EXE_taipan")).args(["bundle", "list"]).output();
        let list = String::from_utf8(list.unwrap().stdout).unwrap();
        let shared = list.lines().find_map(|line| line.strip_prefix("cache ")).unwrap();
        let shared = Path::new(shared).join("entries");
        let build = Command::new(env!("CARGO_BIN_EXE_taipan")).args(["bundle", "build"]).output();
        assert!(build.unwrap().status.success());
        let cache = place.path().with_file_name("cache");
        fs_err::create_dir_all(cache.join("entries")).unwrap();
        for kind in ["npm", "bundle"] {
            symlink(shared.join(kind), cache.join("entries").join(kind)).unwrap();
        }
        Self { place, cache, shared }
    }

    /// The worker's directory.
    pub(crate) fn worker(&self) -> PathBuf {
        self.place.path()
    }

    /// The same with a bundle of its own, which may be damaged; and where it is.
    pub(crate) fn with_own_bundle(worker: &str) -> (Self, PathBuf) {
        let cached = Self::new(worker);
        let bundle = decode(&fs_err::read(cached.create()).unwrap()).unwrap().provenance.bundle;
        let bundles = cached.cache.join("entries/bundle");
        fs_err::remove_file(&bundles).unwrap();
        let folder = bundles.join(bundle.to_string());
        fs_err::create_dir_all(&folder).unwrap();
        let shared = cached.shared.join("bundle").join(bundle.to_string());
        for file in fs_err::read_dir(shared).unwrap() {
            let file = file.unwrap();
            fs_err::copy(file.path(), folder.join(file.file_name())).unwrap();
        }
        (cached, folder)
    }

    /// The same with nothing of the cache that all tests share: what is removed here is in no other.
    pub(crate) fn apart(worker: &str) -> Self {
        let (cached, _) = Self::with_own_bundle(worker);
        fs_err::remove_file(cached.cache.join("entries/npm")).unwrap();
        cached
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = self.place.command(words);
        command.env("TAIPAN_CACHE", &self.cache);
        command
    }

    /// Runs to the end: the exit code and everything printed.
    pub(crate) fn run(&self, words: &[&str]) -> (Option<i32>, String) {
        let output = self.command(words).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code(), text)
    }

    /// Makes the snapshot, or finds it: where it is.
    pub(crate) fn create(&self) -> PathBuf {
        let output = self.command(&["snapshot", "create", "--quiet"]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().lines().next().unwrap().into()
    }

    /// What a server of the worker answers.
    #[track_caller]
    fn check_answer(&self, what: &str) {
        let cache = self.cache.to_str().unwrap();
        let server = self.place.serve(&["serve", "--port", "0", "--cache", cache]);
        let answer = server.get("/", "");
        assert!(answer.ends_with(ANSWER_LINE), "{what}: {answer}");
    }

    /// Replaces a file, and says in its entry's inventory that this is what was published.
    fn publish(&self, path: &Path, bytes: &[u8]) {
        let inventory = path.with_file_name(".inventory");
        let name = path.file_name().unwrap().to_str().unwrap();
        let text = fs_err::read_to_string(&inventory).unwrap();
        let line = text.lines().find(|line| line.ends_with(name)).unwrap();
        let digest = blake3::hash(bytes);
        let listed = text.replace(line, &format!("{digest} {} {name}", bytes.len()));
        let listed = &listed[..listed.find("end ").unwrap()];
        let end = blake3::hash(listed.as_bytes());
        write(&inventory, format!("{listed}end {end}\n").as_bytes());
        write(path, bytes);
    }
}

pub(crate) fn write(path: &Path, bytes: &[u8]) {
    fs_err::remove_file(path).ok();
    let mut file = fs_err::File::create(path).unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
}

/// The memory of a snapshot over that of its baseline.
fn memory(file: &[u8], snapshot: &Snapshot, below: &[u8]) -> Vec<u8> {
    let mut memory = below.to_vec();
    memory.resize(usize::try_from(snapshot.memory_bytes).unwrap(), 0);
    for run in snapshot.runs() {
        let [start, length, offset] =
            [run.address.0, run.bytes, run.offset.0].map(|number| usize::try_from(number).unwrap());
        memory[start..start + length].copy_from_slice(&file[offset..offset + length]);
    }
    memory
}

/// A sound file with another state in it.
fn forge(cached: &Cached, path: &Path, change: impl FnOnce(&mut State)) -> Vec<u8> {
    let file = fs_err::read(path).unwrap();
    let mut snapshot = decode(&file).unwrap();
    let bundle = cached.shared.join("bundle").join(snapshot.provenance.bundle.to_string());
    let below = fs_err::read(bundle.join("baseline.snapshot")).unwrap();
    let baseline = decode(&below).unwrap();
    let below = memory(&below, &baseline, &[]);
    let memory = memory(&file, &snapshot, &below);
    change(&mut snapshot.state);
    let memory = Memory { bytes: &memory, baseline: Some(&below) };
    encode(&memory, &snapshot.state, &snapshot.provenance).unwrap().to_vec()
}

#[test]
fn create_inspect_verify() {
    let cached = Cached::new(WORKER);
    let (code, text) = cached.run(&["snapshot", "verify", "."]);
    assert_eq!(code, Some(66), "{text}");
    let path = cached.create();
    assert_eq!(fs_err::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let (code, text) = cached.run(&["snapshot", "create", "-o", "../copy"]);
    assert_eq!((code, text.lines().next()), (Some(0), Some("../copy")), "{text}");
    let copy = cached.place.path().with_file_name("copy");
    assert_eq!(fs_err::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(fs_err::read(&copy).unwrap() == fs_err::read(&path).unwrap());
    for which in [&[][..], &["."], &["../copy"]] {
        let (code, text) = cached.run(&[&["snapshot", "verify"], which].concat());
        assert_eq!(code, Some(0), "{text}");
    }
    let of_file = cached.run(&["snapshot", "inspect", "--json", "../copy"]);
    let value: serde_json::Value = serde_json::from_str(&of_file.1).unwrap();
    assert_eq!(
        (of_file.0, &value["kind"], &value["release"]),
        (Some(0), &"worker".into(), &taipan_release::NEWEST.into())
    );
    let modules = value["owners"]["modules"].as_array().unwrap();
    let entry = modules.iter().find(|module| module["name"] == "entry").unwrap();
    assert_eq!(entry["own"], true);
    let total: u64 = ["interpreter", "modules", "javascript_heap", "files"]
        .iter()
        .map(|owner| value["owners"]["sizes"][owner]["bytes"].as_u64().unwrap())
        .sum::<u64>();
    assert_eq!(total + value["owners"]["untouched_bytes"].as_u64().unwrap(), value["memory_bytes"]);
    let (code, text) = cached.run(&["snapshot", "inspect"]);
    assert!(
        code == Some(0)
            && text.lines().all(|line| line.chars().count() <= 80 || line.starts_with("file ")),
        "{text}"
    );
}

#[test]
fn diff_names_what_grew() {
    let cached = Cached::new(WORKER);
    cached.run(&["snapshot", "create", "-o", "../before"]);
    let grown = format!(
        "{WORKER}DATA = [str(number) * 9 for number in range(30_000)]\nopen('/tmp/x', 'wb').write(b'x' * 500_000)\n"
    );
    cached.place.write("entry.py", &grown);
    let (code, text) = cached.run(&["snapshot", "diff", "--json", "../before", ".", "--quiet"]);
    assert_eq!(code, Some(0), "{text}");
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["inputs"], serde_json::json!({"source": "another"}));
    let first = &value["owners"]["modules"][0];
    assert_eq!(first["name"], "entry");
    // 30,000 strings of up to 45 letters, and the list of them.
    let growth = first["growth_bytes"].as_u64().unwrap();
    assert!((1_500_000..3_500_000).contains(&growth), "{growth}");
    assert_eq!(
        value["owners"]["files"][0],
        serde_json::json!({"path": "/tmp/x", "bytes": 500_000})
    );
    let (code, text) = cached.run(&["snapshot", "diff", "../before", "../before"]);
    assert!(
        code == Some(0)
            && text.starts_with("inputs   the same\npages    0 changed, 0 added, 0 removed"),
        "{text}"
    );
}

/// The program may lie about itself and must not break the command.
#[test]
fn hostile_objects_are_measured() {
    let cached = Cached::new(
        "\
import sys, types
class Meta(type):
    def __getattribute__(self, name): raise SystemExit(3)
    def mro(cls): return [cls, object]
class Liar(metaclass=Meta):
    def __sizeof__(self): raise KeyboardInterrupt
    def __getattribute__(self, name): raise SystemExit(4)
    def __hash__(self): raise MemoryError
    def __eq__(self, other): raise MemoryError
ALL = [Liar() for _ in range(100)]
class Module(types.ModuleType):
    def __getattribute__(self, name): raise SystemExit(5)
sys.modules['line\\nbreak'] = Module('x')
sys.modules[7] = sys.modules['none'] = None
DEEP = ()
for _ in range(200_000): DEEP = (DEEP,)
def on_fetch(request, env, ctx): pass
",
    );
    let (code, text) = cached.run(&["snapshot", "inspect", "--json", "--quiet"]);
    assert_eq!(code, Some(0), "{text}");
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["owners"]["modules"][0]["name"], "entry");
    let names = value["owners"]["modules"].as_array().unwrap();
    assert!(names.iter().any(|module| module["name"] == "line\\nbreak"));

    let cached = Cached::new(
        "\
import sys, _taipan
def measure(directory):
    while True: pass
sys.modules['_taipan.snapshot_sizes'] = _taipan.snapshot_sizes = type(sys)('x')
_taipan.snapshot_sizes.measure = lambda directory: 'nonsense'
def on_fetch(request, env, ctx): pass
",
    );
    let (code, text) = cached.run(&["snapshot", "inspect", "--quiet"]);
    assert!(
        code == Some(70)
            && text
                .contains("nobody tells whose the memory is: the isolate answers something else"),
        "{text}"
    );
}

#[test]
fn damaged_snapshots_are_made_again() {
    let cached = Cached::new(WORKER);
    let path = cached.create();
    let sound = fs_err::read(&path).unwrap();
    let last = sound.len() - 1;
    let damages: [(&str, Damage); 12] = [
        ("empty", Box::new(Vec::clear)),
        ("half", Box::new(move |file| file.truncate(last / 2))),
        ("one byte short", Box::new(move |file| file.truncate(last))),
        ("one byte more", Box::new(|file| file.push(0))),
        ("magic", Box::new(|file| file[0] ^= 1)),
        ("newer format", Box::new(|file| file[8] += 1)),
        ("size of the metadata", Box::new(|file| file[13] ^= 1)),
        ("checksum", Box::new(|file| file[20] ^= 1)),
        ("provenance", Box::new(|file| file[50] ^= 1)),
        ("state", Box::new(|file| file[9000] ^= 1)),
        ("page", Box::new(move |file| file[last] ^= 1)),
        ("foreign", Box::new(|file| file.fill(b'x'))),
    ];
    for (name, damage) in &damages {
        let mut bytes = sound.clone();
        damage(&mut bytes);
        write(&path, &bytes);
        fs_err::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let (code, text) = cached.run(&["snapshot", "verify"]);
        assert!(code == Some(75) && text.contains("damaged  snapshot/"), "{name}: {text}");
        cached.check_answer(name);
        assert!(fs_err::read(&path).unwrap() == sound, "{name}: another snapshot was made");
    }
}

#[test]
fn forged_snapshots_are_made_again() {
    let cached = Cached::new(WORKER);
    let path = cached.create();
    let sound = fs_err::read(&path).unwrap();
    // The snapshot of another worker in this one's place, and a bundle's.
    let other = Cached::new("def on_fetch(request, env, ctx): pass");
    let other = fs_err::read(other.create()).unwrap();
    let bundle = decode(&sound).unwrap().provenance.bundle.to_string();
    let baseline = cached.shared.join("bundle").join(bundle).join("baseline.snapshot");
    assert!(matches!(decode(&sound).unwrap().provenance.kind, Kind::Worker { .. }));
    let section = |change: fn(&mut Vec<u8>)| {
        forge(&cached, &path, |state| change(state.sections.get_mut("worker").unwrap()))
    };
    let forged = [
        ("another worker's", other),
        ("a baseline", fs_err::read(baseline).unwrap()),
        ("no section", forge(&cached, &path, |state| state.sections.clear())),
        ("a section cut short", section(|section| section.truncate(5))),
        ("a section with more", section(|section| section.push(0))),
        ("a section of nonsense", section(|section| section.fill(0xff))),
        ("another version of a section", section(|section| section[0] -= 1)),
        // Behind the version, zigzag.
        ("a negative handle", section(|section| section[1] = 1)),
        (
            "a module that is not there",
            forge(&cached, &path, |state| {
                state.modules.push(taipan_snapshot::Module::Compiled([7; 32]));
            }),
        ),
        (
            "a type that is not there",
            forge(&cached, &path, |state| {
                let type_ = taipan_snapshot::FunctionType { parameters: vec![1], results: vec![] };
                state.modules.push(taipan_snapshot::Module::Wrapper(type_));
            }),
        ),
        ("an import too many", forge(&cached, &path, |state| state.imports.push(-1))),
    ];
    for (name, file) in forged {
        cached.publish(&path, &file);
        cached.check_answer(name);
        assert!(fs_err::read(&path).unwrap() == sound, "{name}: another snapshot was made");
    }
}

/// What only a resumed isolate can find out: requests fail, the server does not.
#[test]
fn hostile_states_do_no_harm() {
    use taipan_snapshot::{Function, Global, Reference, Slot, Tag, Value};
    let cached = Cached::new(WORKER);
    let path = cached.create();
    let with = |change: fn(&mut State)| forge(&cached, &path, change);
    let forged = [
        (
            "handles that nobody gave out",
            with(|state| {
                let section = state.sections.get_mut("worker").unwrap();
                // Behind the version three handles, then the clock.
                let clock = (0..3).fold(1, |at, _| {
                    at + section[at..].iter().position(|byte| byte & 0x80 == 0).unwrap() + 1
                });
                let huge = [0xfe, 0xff, 0xff, 0xff, 0x0f];
                section.splice(1..clock, huge.repeat(3));
            }),
        ),
        (
            "a global that is not there",
            with(|state| {
                state.globals.push(Global { export: "none".into(), value: Value::I32(1) });
            }),
        ),
        ("a global of another type", with(|state| state.globals[0].value = Value::F64(1))),
        ("a stack pointer that is nowhere", with(|state| state.engine.stack_pointer = u32::MAX)),
        ("an engine that is nowhere", with(|state| state.engine.memory_base = 0xffff_fff0)),
        ("an engine's table that is nowhere", with(|state| state.engine.table_base = u32::MAX)),
        (
            "another function in the table",
            with(|state| {
                let length = state.table_length;
                state.functions.push(Function::Main("none".into()));
                let function = Some(u32::try_from(state.functions.len() - 1).unwrap());
                state.slots.push(Slot { index: length - 1, function });
            }),
        ),
        ("a table of ten million", with(|state| state.table_length = 10_000_000)),
        (
            "references to nothing",
            with(|state| {
                state.reference_tables[0].elements.fill(Reference::Handle(i32::MAX));
            }),
        ),
        ("a tag of no types", with(|state| state.tags.push(Tag::Own("nonsense".into())))),
        ("JavaScript in place of C", with(|state| state.imports.fill(1))),
        (
            "hooks that are nothing",
            with(|state| {
                state.handles.values_mut().for_each(|handle| *handle = -5);
            }),
        ),
    ];
    for (name, file) in forged {
        cached.publish(&path, &file);
        let (code, text) = cached.run(&["snapshot", "inspect", path.to_str().unwrap()]);
        assert!(
            matches!(code, Some(0 | 70 | 75)) && !text.contains("panicked"),
            "{name}: {code:?} {text}"
        );
        let cache = cached.cache.to_str().unwrap();
        let server = cached.place.serve(&["serve", "--port", "0", "--cache", cache]);
        for _ in 0..2 {
            let answer = server.get("/", "");
            let right = answer.starts_with("HTTP/1.0 200 ") && answer.ends_with(ANSWER_LINE);
            assert!(right || answer.starts_with("HTTP/1.0 500 "), "{name}: {answer}");
        }
        server.terminate();
        assert_eq!(server.code(), 0, "{name}");
    }
}

#[test]
fn a_damaged_baseline_is_made_again() {
    let (cached, folder) = Cached::with_own_bundle(WORKER);
    let path = folder.join("baseline.snapshot");
    let sound = fs_err::read(&path).unwrap();
    let mut damaged = sound.clone();
    damaged[sound.len() - 1] ^= 1;
    write(&path, &damaged);
    let (code, text) = cached.run(&["snapshot", "verify"]);
    assert!(code == Some(75) && text.contains("damaged  bundle/"), "{text}");
    let (code, text) = cached.run(&["snapshot", "inspect", path.to_str().unwrap()]);
    assert!(
        code == Some(75) && text.contains("caused by: digest of the snapshot's pages is"),
        "{text}"
    );
    cached.check_answer("a baseline with another page");
    assert!(fs_err::read(&path).unwrap() == sound, "another baseline was made");
}

#[test]
fn same_inputs_same_bytes() {
    for worker in [WORKER, BUSY] {
        let cached = Cached::new(worker);
        let path = cached.create();
        let first = fs_err::read(&path).unwrap();
        fs_err::remove_dir_all(path.parent().unwrap()).unwrap();
        let second = fs_err::read(cached.create()).unwrap();
        assert!(first == second);
        // Another place, the same worker.
        let third = fs_err::read(Cached::new(worker).create()).unwrap();
        assert!(first == third);
    }
}

#[test]
fn two_processes_make_the_same_snapshot() {
    let cached = Cached::new(WORKER);
    let start = || {
        cached
            .command(&["snapshot", "create"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let outputs = [start(), start(), start()].map(|child| child.wait_with_output().unwrap());
    for output in &outputs {
        assert!(output.status.success());
        assert_eq!(output.stdout, outputs[0].stdout);
    }
    assert_eq!(cached.run(&["snapshot", "verify"]).0, Some(0));
}

#[test]
fn killed_while_it_is_made() {
    let cached = Cached::new(BUSY);
    let expected = fs_err::read(cached.create()).unwrap();
    for milliseconds in (0..600).step_by(60) {
        fs_err::remove_dir_all(cached.cache.join("entries/snapshot")).ok();
        let mut child = cached
            .command(&["snapshot", "create", "--quiet"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(milliseconds));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(
            fs_err::read(cached.create()).unwrap() == expected,
            "killed after {milliseconds} ms"
        );
        assert_eq!(cached.run(&["snapshot", "verify"]).0, Some(0));
    }
}

#[test]
fn the_disk_is_full() {
    let cached = Cached::new(WORKER);
    // 512 blocks of 1,024 bytes: a file cannot be longer, as on a disk without room.
    let binary = env!("CARGO_BIN_EXE_taipan");
    let script = format!(
        "trap '' XFSZ; ulimit -f 512; exec {binary} --cache {} serve --port 0",
        cached.cache.display()
    );
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(cached.place.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(75), "{text}");
    assert!(
        text.contains("error: cannot use the cache\n  caused by: cannot write ")
            && text.contains("File too large"),
        "{text}"
    );
    let (code, text) = cached.run(&["snapshot", "verify", "."]);
    assert_eq!(code, Some(66), "{text}");
    cached.check_answer("room again");
}

#[test]
fn files_that_cannot_be_used() {
    let cached = Cached::new(WORKER);
    let path = cached.create();
    let check = |words: &[&str], expect_code: i32, expect: &str| {
        let (code, text) = cached.run(words);
        assert!(code == Some(expect_code) && text.contains(expect), "{words:?}: {code:?} {text}");
    };
    check(
        &["snapshot", "inspect", "none"],
        66,
        "error: the worker's directory or snapshot file none is not there\n",
    );
    check(
        &["snapshot", "verify", "entry.py"],
        75,
        "error: the snapshot entry.py cannot be used\n  caused by: not a snapshot file\n\nhint: name a file that \
         `taipan snapshot create` made, or the directory of a worker\n",
    );
    let foreign = cached.place.path().join("foreign");
    let mut file = decode(&fs_err::read(&path).unwrap()).unwrap();
    file.provenance.bundle.0[0] ^= 1;
    let memory = Memory { bytes: &[0; 65536], baseline: Some(&[]) };
    write(&foreign, &encode(&memory, &file.state, &file.provenance).unwrap().to_vec());
    check(
        &["snapshot", "verify", "foreign"],
        0,
        "unused   foreign: its bundle is not in the cache\n",
    );
    check(&["snapshot", "inspect", "foreign"], 75, "which this Taipan does not run");
    check(
        &["snapshot", "diff", "foreign", "."],
        75,
        "hint: another version or machine has made it",
    );
    write(&foreign, b"");
    check(&["snapshot", "inspect", "foreign"], 75, "caused by: snapshot ends inside its magic");
}
