//! What is kept of the cache and what goes; limits and clocks of the machine.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, SystemTime};

use crate::fixture::Serving;
use crate::snapshots::{ANSWER_LINE, Cached, WORKER, write};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The entries of a kind, by name.
fn entries(cached: &Cached, kind: &str) -> Vec<PathBuf> {
    let found = fs_err::read_dir(cached.cache.join("entries").join(kind)).into_iter().flatten();
    let mut found: Vec<_> = found.map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

/// Says that an entry was used so many days ago.
fn age(cached: &Cached, entry: &Path, days: u32) {
    let key = entry.file_name().unwrap().to_str().unwrap();
    let used = cached.cache.join("locks/snapshot").join(format!(".{key}"));
    #[expect(clippy::disallowed_methods, reason = "ages count from now")]
    let time = SystemTime::now() - DAY * days;
    fs_err::OpenOptions::new().write(true).open(used).unwrap().set_modified(time).unwrap();
}

/// The only entry that `gc` tells of, and what it says of the sum, which is the entry's size.
fn listed(text: &str) -> (String, String) {
    let (entry, rest) = text.split_once(" (").unwrap();
    let (size, sum) = rest.split_once(")\n").unwrap();
    assert!(sum.starts_with(size), "{text}");
    (entry.to_owned(), sum.to_owned())
}

#[test]
fn garbage_by_age_and_size() {
    let cached = Cached::apart(WORKER);
    let mut made = Vec::new();
    for number in 0..3 {
        cached.place.write("entry.py", &format!("{WORKER}NUMBER = {number}\n"));
        made.push(cached.create().parent().unwrap().to_owned());
    }
    let gone = |made: &[PathBuf]| made.iter().map(|path| !path.exists()).collect::<Vec<_>>();
    age(&cached, &made[0], 40);
    age(&cached, &made[1], 20);
    let name = |entry: &PathBuf| entry.file_name().unwrap().to_str().unwrap().to_owned();
    let (code, text) = cached.run(&["gc", "--dry-run", "--quiet"]);
    let (told, sum) = listed(&text);
    assert_eq!((code, told), (Some(0), format!("would go snapshot/{}", name(&made[0]))));
    assert!(sum.ends_with(" MiB would be freed\n"), "{sum}");
    assert_eq!(gone(&made), [false, false, false]);
    let (code, text) = cached.run(&["gc", "--quiet"]);
    let (told, freed) = listed(&text);
    assert_eq!((code, told), (Some(0), format!("removed  snapshot/{}", name(&made[0]))));
    assert_eq!(sum.replace("would be freed", "freed"), freed);
    assert_eq!(gone(&made), [true, false, false]);

    // The worker of the newest is in use.
    let server = Serving::start(&mut cached.command(&["serve", "--port", "0"]));
    let (code, text) = cached.run(&["gc", "--older-than", "0", "--quiet"]);
    assert!(
        code == Some(0) && text.contains(&format!("in use   snapshot/{} (", name(&made[2]))),
        "{text}"
    );
    assert_eq!(gone(&made), [true, true, false]);
    drop(server);
}

#[test]
fn what_is_no_snapshot_is_garbage() {
    let cached = Cached::apart(WORKER);
    let snapshot = cached.create();
    fs_err::remove_file(&snapshot).unwrap();
    assert!(Command::new("mkfifo").arg(&snapshot).status().unwrap().success());
    let (code, text) = cached.run(&["gc", "--quiet"]);
    assert!(code == Some(0) && text.starts_with("removed  snapshot/"), "{text}");
    assert_eq!(entries(&cached, "snapshot").len(), 0);

    let folder = cached.cache.join("entries/snapshot");
    fs_err::remove_dir(&folder).unwrap();
    fs_err::write(&folder, "").unwrap();
    let (code, text) = cached.run(&["gc", "--quiet"]);
    assert_eq!(code, Some(75), "{text}");
    assert!(
        text.contains("entries/snapshot is in the way: the cache needs a folder there"),
        "{text}"
    );
}

/// On a terminal, all snapshots are counted when that takes longer than a second.
#[test]
fn a_long_verification_is_counted() {
    let cached = Cached::new(WORKER);
    let snapshot = cached.create();
    let long = snapshot.with_file_name("long");
    // Nothing of it is on disk, and to read it takes a while.
    fs_err::File::create(&long).unwrap().set_len(2 << 30).unwrap();
    let inventory = snapshot.with_file_name(".inventory");
    let listed = fs_err::read_to_string(&inventory).unwrap();
    let (first, rest) = listed.split_once('\n').unwrap();
    let rest = &rest[..rest.find("end ").unwrap()];
    let listed = format!("{first}\n{} {} long\n{rest}", blake3::hash(b""), 2u64 << 30);
    let end = blake3::hash(listed.as_bytes());
    write(&inventory, format!("{listed}end {end}\n").as_bytes());

    let script = format!("echo $$; exec {} snapshot verify", env!("CARGO_BIN_EXE_taipan"));
    let mut terminal = Command::new("script")
        .args(["--quiet", "--return", "--command", &script, "/dev/null"])
        .env("TAIPAN_CACHE", &cached.cache)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(terminal.stdout.take().unwrap());
    let mut id = String::new();
    output.read_line(&mut id).unwrap();
    let id = id.trim();
    let signal = |name: &str, id: &str| {
        assert!(Command::new("kill").args(["-s", name, id]).status().unwrap().success());
    };
    let is_open = || {
        let open = fs_err::read_dir(format!("/proc/{id}/fd")).into_iter().flatten().flatten();
        open.into_iter().any(|it| fs_err::read_link(it.path()).is_ok_and(|path| path == long))
    };
    let opened = (0..60_000).any(|_| {
        thread::sleep(Duration::from_millis(1));
        is_open()
    });
    assert!(opened, "it reads all files");
    signal("STOP", id);
    thread::sleep(Duration::from_secs(1));
    signal("CONT", id);
    // It stops when what runs in it does.
    signal("CONT", &terminal.id().to_string());
    let mut text = String::new();
    output.read_to_string(&mut text).unwrap();
    assert_eq!(terminal.wait().unwrap().code(), Some(75), "{text}");
    let bundles = fs_err::read_dir(cached.cache.join("entries/bundle")).unwrap().count();
    let all = bundles + 1;
    assert!(
        text.contains("checking snapshots [") && text.contains(&format!("] {all}/{all}")),
        "{text}"
    );
    assert!(text.contains("damaged  snapshot/"), "{text}");
}

#[test]
fn a_use_is_remembered() {
    let cached = Cached::apart(WORKER);
    let entry = cached.create().parent().unwrap().to_owned();
    age(&cached, &entry, 40);
    cached.create();
    let (code, text) = cached.run(&["gc", "--quiet"]);
    assert_eq!((code, &*text), (Some(0), "nothing to remove\n"));
}

#[test]
fn dev_keeps_the_last_few_snapshots() {
    let cached = Cached::new(WORKER);
    // Made by another command, so not the server's to remove.
    cached.create();
    let server = Serving::start(&mut cached.command(&["dev", "--port", "0"]));
    server.get("/", "");
    for number in 0..6 {
        let worker = WORKER.replace("the answer is", &format!("{number}: the answer is"));
        cached.place.write("entry.py", &worker);
        server.line_with("a file has changed");
        assert!(server.get("/", "").contains(&format!("{number}: the answer is 42")));
    }
    drop(server);
    let kept = entries(&cached, "snapshot").len();
    assert!((3..=4).contains(&kept), "{kept}");
}

#[test]
fn what_dev_cannot_keep_its_list_in_is_named() {
    let cached = Cached::new(WORKER);
    let folder = cached.cache.join("recent");
    assert!(Command::new("mkfifo").arg(&folder).status().unwrap().success());
    let server = Serving::start(&mut cached.command(&["dev", "--port", "0"]));
    let expect = format!(
        "warning: older snapshots stay in the cache: {} is in the way: the cache needs a folder there\n",
        folder.display()
    );
    assert!(server.before.contains(&expect), "{}", server.before);
    assert!(server.get("/", "").ends_with(ANSWER_LINE));
}

/// What a limit lets the top level see is in its snapshot, so another limit is another snapshot.
#[test]
fn limits_are_in_the_key() {
    let cached = Cached::new(
        "\
from js import Response, setTimeout, clearTimeout
timers = []
try:
    for _ in range(20):
        timers.append(setTimeout(lambda: None, 1000))
except Exception:
    pass
COUNT = len(timers)
for timer in timers:
    clearTimeout(timer)
def on_fetch(request, env, ctx):
    return Response.new(f'\\n{COUNT} timers\\n')
",
    );
    for (limit, expect) in [(5, "\n5 timers\n"), (10, "\n10 timers\n"), (5, "\n5 timers\n")] {
        let configuration = format!("main = \"entry.py\"\n[taipan.limits]\ntimers = {limit}\n");
        cached.place.write("wrangler.toml", &configuration);
        let server = Serving::start(&mut cached.command(&["serve", "--port", "0"]));
        let answer = server.get("/", "");
        assert!(answer.ends_with(expect), "{limit}: {answer}");
    }
    assert_eq!(entries(&cached, "snapshot").len(), 2);
}

/// All commands start the very same worker.
#[test]
fn one_worker_one_snapshot() {
    let cached = Cached::new(WORKER);
    cached.place.write("wrangler.toml", "main = \"entry.py\"\n[taipan]\nwarmup = [\"/\"]\n");
    cached.create();
    for words in [&["bench", "cold", "--runs", "1"][..], &["doctor"], &["snapshot", "verify", "."]]
    {
        let (code, text) = cached.run(words);
        assert_eq!(code, Some(0), "{words:?}: {text}");
    }
    drop(Serving::start(&mut cached.command(&["serve", "--port", "0"])));
    let server = Serving::start(&mut cached.command(&["dev", "--port", "0"]));
    assert!(server.get("/", "").ends_with(ANSWER_LINE));
    assert_eq!(entries(&cached, "snapshot").len(), 1);
}

#[test]
fn files_with_secrets_and_the_configuration_are_not_there() {
    let cached = Cached::new(
        "\
import os
from js import Response
def on_fetch(request, env, ctx):
    return Response.new('\\n' + ' '.join(sorted(os.listdir('/session/metadata'))) + f' {env.NAME}\\n')
",
    );
    for name in [".dev.vars", ".env", ".env.local", "wrangler.production.toml"] {
        cached.place.write(name, "NAME = \"of the file\"\n");
    }
    cached.place.write("wrangler.toml", "main = \"entry.py\"\n[vars]\nNAME = \"configured\"\n");
    cached.place.write("../elsewhere/module.py", "");
    let link = cached.place.path().join("linked");
    fs_err::os::unix::fs::symlink("../elsewhere", link).unwrap();
    for (command, name) in [("serve", "configured"), ("dev", "of the file")] {
        let server = Serving::start(&mut cached.command(&[command, "--port", "0"]));
        let answer = server.get("/", "");
        assert!(answer.ends_with(&format!("\nentry.py {name}\n")), "{answer}");
    }
    // Neither value is in the snapshot.
    assert_eq!(entries(&cached, "snapshot").len(), 1);
    let (code, text) = cached.run(&["doctor", "--quiet"]);
    assert!(
        code == Some(1) && text.contains("configuration: linked is left out: it is a link to"),
        "{text}"
    );
}

/// Has a command run under limits of the shell.
fn limited(cached: &Cached, limit: &str, words: &str) -> (Option<i32>, String) {
    let script = format!("{limit}; exec {} {words}", env!("CARGO_BIN_EXE_taipan"));
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(cached.place.path())
        .env("TAIPAN_CACHE", &cached.cache)
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn too_little_address_space() {
    let cached = Cached::new(WORKER);
    for (mebibytes, words, isolates) in [
        (2048, "run -c 1", "1 isolates"),
        // Not enough for the threads of a server either.
        (150, "serve --port 0", "1 isolates"),
        (6144, "serve --port 0", "1 isolates"),
        (12288, "serve --port 0", "isolates"),
    ] {
        let (code, text) = limited(&cached, &format!("ulimit -v {}", mebibytes << 10), words);
        assert_eq!(code, Some(74), "{words}: {text}");
        let limit =
            format!("this process may have {mebibytes} MiB of address space (RLIMIT_AS), and ");
        assert!(text.contains(&limit) && text.contains(isolates), "{words}: {text}");
        assert!(text.contains("hint: raise the limit (`ulimit -v unlimited`"), "{words}: {text}");
    }
}

/// A clock that shows a time before 1970: a library that is loaded before the C library's own function says so.
const CLOCK: &str = "\
struct timespec { long seconds, nanoseconds; };
long syscall(long number, ...);
int clock_gettime(int clock, struct timespec *time) {
    long status = syscall(228, clock, time);
    if (clock == 0) time->seconds = -86400L * 365;
    return (int)status;
}
";

#[test]
#[cfg(target_arch = "x86_64")]
fn a_clock_before_1970() {
    let cached = Cached::new(WORKER);
    cached.place.write("../clock.c", CLOCK);
    let folder = cached.cache.parent().unwrap();
    let made = Command::new("cc")
        .args(["-shared", "-fPIC", "-o", "clock.so", "clock.c"])
        .current_dir(folder)
        .status();
    assert!(made.unwrap().success());
    for command in ["serve", "dev"] {
        let mut command = cached.command(&[command, "--port", "0"]);
        let output = command.env("LD_PRELOAD", folder.join("clock.so")).output().unwrap();
        assert_eq!(output.status.code(), Some(74));
        assert_eq!(
            String::from_utf8(output.stderr).unwrap(),
            "error: cannot start the server\n  caused by: the clock of this machine shows a time before 1970 or after \
             9999\n\nhint: set the clock, with `date --set` or by starting a time service\n"
        );
    }
    let (code, text) = cached.run(&["snapshot", "create", "--quiet"]);
    assert_eq!(code, Some(0), "{text}");
    let mut command = cached.command(&["run", "-c", "import time; print(time.time())"]);
    command.env("LD_PRELOAD", folder.join("clock.so"));
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "0.0\n");
}

/// What a process that was killed has left in staging may hold secrets.
#[test]
fn garbage_of_who_was_killed() {
    let cached = Cached::apart(WORKER);
    let key = "0123abcd";
    let staging = cached.cache.join("staging/snapshot").join(key);
    fs_err::create_dir_all(&staging).unwrap();
    fs_err::write(staging.join(".tmp1"), "secret").unwrap();
    let line = |outcome: &str| format!("{outcome:<8} snapshot/{key} (unfinished)\n");
    let (code, text) = cached.run(&["gc", "--dry-run", "--quiet"]);
    assert!(code == Some(0) && text.contains(&line("would go")), "{text}");
    let lock = cached.cache.join("locks/snapshot").join(key);
    let lock = fs_err::OpenOptions::new().write(true).open(lock).unwrap();
    lock.file().lock().unwrap();
    let (code, text) = cached.run(&["gc", "--quiet"]);
    assert!(code == Some(0) && !text.contains("unfinished"), "{text}");
    drop(lock);
    let (code, text) = cached.run(&["gc", "--quiet"]);
    assert!(code == Some(0) && text.contains(&line("removed")), "{text}");
    assert!(!staging.exists());
}

/// What a server maps stays, its packages too.
#[test]
fn packages_of_a_server_are_in_use() {
    let cached = Cached::apart(WORKER);
    cached.place.write("python_modules/six.py", "");
    cached.create();
    let server = Serving::start(&mut cached.command(&["serve", "--port", "0"]));
    let (code, text) = cached.run(&["gc", "--older-than", "0", "--quiet"]);
    assert!(code == Some(0) && text.contains("in use   package-image/"), "{text}");
    drop(server);
    let (code, text) = cached.run(&["gc", "--older-than", "0", "--quiet"]);
    assert!(code == Some(0) && text.contains("removed  package-image/"), "{text}");
}
