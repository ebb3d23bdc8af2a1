//! A cache that is not what was put there, and one that can only be read.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::fixture::Serving;
use crate::snapshots::{ANSWER_LINE, Cached, WORKER, write};

/// The user and group `nobody`.
pub(crate) const NOBODY: u32 = 65534;

/// What becomes of a file.
pub(crate) type Damage = (&'static str, fn(&Path));

pub(crate) const DAMAGES: [Damage; 4] = [
    ("flipped", |path| {
        let mut bytes = fs_err::read(path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        write(path, &bytes);
    }),
    ("cut", |path| {
        let bytes = fs_err::read(path).unwrap();
        write(path, &bytes[..bytes.len() - 1]);
    }),
    ("emptied", |path| write(path, b"")),
    ("a directory", |path| {
        fs_err::remove_file(path).unwrap();
        fs_err::create_dir(path).unwrap();
    }),
];

impl Cached {
    /// A command of a user that can only read the cache, until [`Self::unlock`].
    fn read_only(&self, words: &[&str]) -> Command {
        let mut command = self.command(words);
        let root = self.cache.parent().unwrap();
        if fs_err::metadata("/proc/self").unwrap().uid() == 0 {
            // Permissions do not keep this user from writing.
            fs_err::set_permissions(root, Permissions::from_mode(0o755)).unwrap();
            command.uid(NOBODY).gid(NOBODY);
        } else {
            let change = Command::new("chmod").args(["-R", "a-w"]).arg(&self.cache).status();
            assert!(change.unwrap().success());
        }
        command
    }

    /// Lets the tests' own user write again.
    fn unlock(&self) {
        let change = Command::new("chmod").args(["-R", "u+w"]).arg(&self.cache).status();
        assert!(change.unwrap().success());
    }
}

fn output(mut command: Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.code(), text)
}

#[test]
fn each_file_of_a_bundle_is_compared() {
    let (cached, folder) = Cached::with_own_bundle(WORKER);
    let files = fs_err::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name());
    let mut files: Vec<_> = files.map(|name| name.into_string().unwrap()).collect();
    files.sort();
    assert!(files.len() >= 8, "{files:?}");
    for name in files {
        let path = folder.join(&name);
        let sound = fs_err::read(&path).unwrap();
        for (what, damage) in DAMAGES {
            damage(&path);
            let (code, text) = output(cached.read_only(&["run", "-c", "print(1)"]));
            cached.unlock();
            assert_eq!(code, Some(75), "{name} {what}: {text}");
            assert!(text.contains(&format!(" is damaged: {name}: ")), "{name} {what}: {text}");
            fs_err::remove_dir(&path).ok();
            write(&path, &sound);
        }
    }
    let (code, text) = output(cached.read_only(&["run", "-c", "print(1)"]));
    cached.unlock();
    assert_eq!((code, &*text), (Some(0), "1\n"));
}

#[test]
fn each_command_refuses_damaged_code() {
    let (cached, folder) = Cached::with_own_bundle(WORKER);
    DAMAGES[0].1(&folder.join("main.code"));
    for words in [
        &["serve", "--port", "0"][..],
        &["doctor"],
        &["snapshot", "create"],
        &["bench", "cold", "--runs", "1"],
        &["run", "-c", "1"],
    ] {
        let (code, text) = output(cached.read_only(words));
        cached.unlock();
        assert_eq!(code, Some(75), "{words:?}: {text}");
        assert!(text.contains(" is damaged: main.code: blake3 "), "{words:?}: {text}");
    }
    let server = Serving::start(&mut cached.read_only(&["dev", "--port", "0"]));
    let answer = server.get("/", "");
    assert!(answer.contains(" is damaged: main.code: blake3 "), "{answer}");
    drop(server);
    cached.unlock();
}

#[test]
fn damaged_code_is_made_again() {
    let (cached, folder) = Cached::with_own_bundle(WORKER);
    DAMAGES[0].1(&folder.join("main.code"));
    DAMAGES[3].1(&folder.join("python.layer"));
    let (code, text) = output(cached.command(&["run", "--quiet", "-c", "print(1)"]));
    assert!(code == Some(0) && text.starts_with("1\nwarning: cache entry bundle/"), "{text}");
    assert!(text.contains(" is damaged: python.layer: missing; it is made again\n"), "{text}");
    assert_eq!(text.lines().count(), 2, "{text}");
    let (code, text) = output(cached.command(&["bundle", "verify"]));
    assert!(
        text.contains("good     bundle/") && !text.contains("damaged  bundle/"),
        "{code:?} {text}"
    );
}

/// A worker with a WebAssembly module, whose code is in the cache too.
#[test]
fn compiled_modules_of_workers() {
    let cached = Cached::new(WORKER);
    cached.place.write(
        "index.mjs",
        "import module from './add.wasm';\n\
         const { add } = new WebAssembly.Instance(module).exports;\n\
         export default { fetch() { return new Response('\\nthe answer is ' + add(40, 2) + '\\n') } };\n",
    );
    cached.place.write("wrangler.toml", "main = \"index.mjs\"\n");
    // (module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))
    let module =
        b"\0asm\x01\0\0\0\x01\x07\x01\x60\x02\x7f\x7f\x01\x7f\x03\x02\x01\0\x07\x07\x01\x03add\0\0\
                   \x0a\x09\x01\x07\0\x20\0\x20\x01\x6a\x0b";
    write(&cached.place.path().join("add.wasm"), module);
    cached.create();
    let entries = fs_err::read_dir(cached.cache.join("entries/webassembly")).unwrap();
    let folder = entries.map(|entry| entry.unwrap().path()).next().unwrap();
    for name in ["module.code", "module.wasm", ".inventory"] {
        for (what, damage) in DAMAGES {
            let sound = fs_err::read(folder.join(name)).unwrap();
            damage(&folder.join(name));
            let server = Serving::start(&mut cached.command(&["serve", "--port", "0"]));
            let answer = server.get("/", "");
            assert!(answer.ends_with(ANSWER_LINE), "{name} {what}: {answer}");
            assert!(fs_err::read(folder.join(name)).unwrap() == sound, "{name} {what}");
        }
    }
}

#[test]
fn snapshots_that_are_no_files() {
    let cached = Cached::new(WORKER);
    let path = cached.create();
    let sound = fs_err::read(&path).unwrap();
    let check = |what: &str| {
        let server = Serving::start(&mut cached.command(&["serve", "--port", "0"]));
        assert!(server.get("/", "").ends_with(ANSWER_LINE), "{what}");
        assert!(fs_err::read(&path).unwrap() == sound, "{what}");
    };
    DAMAGES[3].1(&path);
    check("the snapshot is a directory");
    DAMAGES[3].1(&path.with_file_name(".inventory"));
    check("the inventory is a directory");
    let folder = path.parent().unwrap();
    fs_err::remove_dir_all(folder).unwrap();
    write(folder, b"");
    check("the entry is a file");
}

#[test]
fn a_cache_that_can_only_be_read_serves() {
    let (cached, _) = Cached::with_own_bundle(WORKER);
    let path = cached.create();
    let check = |warns: bool| {
        let server = Serving::start(&mut cached.read_only(&["serve", "--port", "0"]));
        let answer = server.get("/", "");
        server.terminate();
        let said = format!("{}{}", server.before, server.rest());
        cached.unlock();
        assert!(answer.ends_with(ANSWER_LINE), "{answer}");
        assert_eq!(
            said.contains("warning: the cache can only be read, so the snapshot of this worker is"),
            warns,
            "{said}"
        );
    };
    // Of another user, or of another mode.
    fs_err::set_permissions(&path, Permissions::from_mode(0o000)).unwrap();
    check(true);
    fs_err::set_permissions(&path, Permissions::from_mode(0o444)).unwrap();
    check(false);
    fs_err::remove_dir_all(path.parent().unwrap()).unwrap();
    check(true);
    let (code, text) = output(cached.read_only(&["snapshot", "create"]));
    cached.unlock();
    assert!(code == Some(75) && text.contains("so the snapshot is not kept"), "{text}");
    let (code, text) = output(cached.read_only(&["run", "-c", "print(1)"]));
    cached.unlock();
    assert_eq!((code, &*text), (Some(0), "1\n"));
}

#[test]
fn a_file_that_is_cut_short_under_a_server() {
    let (cached, folder) = Cached::with_own_bundle(WORKER);
    for (path, expect) in [
        (folder.join("main.code"), "/main.code\n"),
        (folder.join("baseline.snapshot"), "/baseline.snapshot\n"),
    ] {
        let sound = fs_err::read(&path).unwrap();
        let server =
            Serving::start(&mut cached.command(&["serve", "--port", "0", "--isolation", "fresh"]));
        assert!(server.get("/", "").ends_with(ANSWER_LINE));
        fs_err::OpenOptions::new().write(true).open(&path).unwrap().set_len(4096).unwrap();
        assert_eq!(server.get_anything("/"), "");
        let line = server.line_with("error: ");
        assert!(line.starts_with("error: a file that is in use was cut short"), "{line}");
        assert!(format!("{line}\n").ends_with(expect), "{line}");
        assert_eq!(server.code(), 75);
        write(&path, &sound);
    }
}
