//! `taipan run` among other programs: pipes that end, disks that are full, limits of the system.

use std::path::Path;
use std::process::Command;

use crate::fixture::Place;

/// Runs a command of the shell, for which `taipan` is the program: its exit code, and what it printed.
pub(crate) fn shell(place: &Place, command: &str) -> (i32, String) {
    let folder = Path::new(env!("CARGO_BIN_EXE_taipan")).parent().unwrap();
    let mut path = folder.as_os_str().to_owned();
    path.push(":/usr/local/bin:/usr/bin:/bin");
    let mut shell = Command::new("bash");
    shell.args(["-o", "pipefail", "-c", command]).current_dir(place.path()).env("PATH", path);
    let output = shell.output().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8_lossy(&printed).into_owned())
}

/// What is never said of what others do.
#[track_caller]
pub(crate) fn check(files: &[(&str, &str)], command: &str, code: i32, part: &str) {
    let (found, text) = shell(&Place::new(files), command);
    assert!(!text.contains("bug in Taipan") && !text.contains("fault of Taipan"), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    assert_eq!(found, code, "{text}");
    assert!(text.contains(part), "{text}");
}

#[test]
fn modules_that_are_not_there() {
    let run = |module: &str, part: &str| {
        check(&[], &format!("taipan run -c 'import {module}'"), 1, part);
    };
    run(
        "httpx",
        "gives it to the script; httpx connects by sockets, and there are none, but `pyfetch`",
    );
    run("requests", "\nif it is a package, `taipan run --with requests` gives it to the script");
    run("numpy.linalg", "\nif it is a package, `taipan run --with numpy` gives it to the script");
    run("tkinter", "\nthis release of Pyodide is without `tkinter` of the standard library\n");
    // A module of a package that is there, and who only looks.
    run("json.nope", "ModuleNotFoundError: No module named 'json.nope'\n");
    let look = "taipan run -c 'import importlib.util; print(importlib.util.find_spec(\"numpy\"))'";
    check(&[], look, 0, "None\n");
}

#[test]
fn a_deep_traceback_is_cut_soon() {
    // As it is printed, which takes a tenth of a millisecond for each frame.
    let script = "import sys\nfrom _taipan import tracebacks\nsys.setrecursionlimit(200_000)\n\
                  def endless(): return endless() + 1\n\
                  try: endless()\nexcept RecursionError as error: print(tracebacks.cut(error))\n";
    let printed = "maximum recursion depth exceeded\n";
    check(&[("a.py", script)], "taipan run --cpu 5 a.py", 0, printed);
}

const MANY_LINES: &str = "for number in range(100_000): print('line', number)\n";

#[test]
fn a_reader_that_has_enough() {
    // Python says so, as elsewhere.
    check(&[("a.py", MANY_LINES)], "taipan run a.py | head -1", 1, "line 0\n");
    check(&[("a.py", MANY_LINES)], "taipan run a.py 2>&1 | head -1", 1, "line 0\n");
}

#[test]
fn a_full_disk() {
    check(&[("a.py", MANY_LINES)], "taipan run a.py > /dev/full", 1, "No space left on device");
    check(&[("a.py", "print('x')")], "taipan run a.py > /dev/full", 120, "No space left on device");
    check(&[("a.py", "1 / 0")], "taipan run a.py 2> /dev/full", 1, "");
}

#[test]
fn closed_streams() {
    check(&[("a.py", "print(input())")], "taipan run a.py <&-", 1, "EOFError");
    check(&[("a.py", "print('x')")], "taipan run a.py >&- 2>&-", 0, "");
}

#[test]
fn limits_of_the_system() {
    check(&[("a.py", "print('x')")], "ulimit -v 1000000; taipan run a.py", 74, "caused by");
    check(&[("a.py", "print('x')")], "ulimit -n 8; taipan run a.py", 75, "Too many open files");
    check(&[("a.py", MANY_LINES)], "ulimit -f 8; taipan run a.py > out", 153, "File size limit");
}

#[test]
fn programs_of_a_shell() {
    check(&[], "taipan run <(echo 'import sys; print(sys.argv)') x", 0, "/dev/fd/");
    check(
        &[("a", "#!/usr/bin/env -S taipan run\nprint('it runs')")],
        "chmod +x a; ./a",
        0,
        "it runs\n",
    );
    check(
        &[("a.py", "import b"), ("b.py", "print('b')")],
        "cd /; taipan run \"$OLDPWD/a.py\"",
        0,
        "b\n",
    );
    check(
        &[("a.py", "import b"), ("c/b.py", "")],
        "ln -s a.py d.py; cd c; taipan run ../d.py",
        1,
        "No module",
    );
}

#[test]
fn time_while_nothing_comes() {
    // The shell holds the pipe open, so that it does not end.
    let command = "mkfifo pipe; exec 9<>pipe; taipan run --wall 0.5 -c 'input()' <&9";
    check(&[], command, 124, "it took longer than 500 ms");
}

#[test]
fn what_is_written_to_a_mount_is_here() {
    let write = "taipan run --mount out:/out:rw -c 'open(\"/out/a\", \"w\").write(\"text\")'";
    // The caller's umask holds.
    let command = format!("umask 027; mkdir out; {write}; cat out/a; stat -c ' %a' out/a");
    check(&[], &command, 0, "text 640\n");
    // And it is here at once.
    let command = "mkdir out; mkfifo in line; exec 9<>in
        taipan run --mount out:/out:rw -c 'import sys
file = open(\"/out/a\", \"wb\", buffering=0)
file.write(b\"text\")
print(\"written\", flush=True)
sys.stdin.read()' <&9 > line & read line < line; kill -9 $!; cat out/a";
    check(&[], command, 0, "text");
}

#[test]
fn what_leads_out_of_a_mount_leads_nowhere() {
    let files = &[("out/file", "inside"), ("secret", "outside"), ("beside/file", "outside")];
    let links = "cd out; ln -s ../secret a; ln -s $OLDPWD/secret b; ln -s ../beside c; ln -s / d;
        ln -s file e; ln -s /proc/self/cwd f; cd ..";
    let code = r#"
import os
os.chdir("/out")
for way in ["a", "b", "c/file", "d/etc/passwd", "d/etc/made", "../secret", "f/secret", "/out/../secret"]:
    for mode in "r", "w":
        try:
            with open(way, mode) as file:
                found = file.read() if mode == "r" else file.write("changed")
        except OSError:
            continue
        # In the memory of the sandbox.
        assert found in ("changed", 7), (way, found)
print(sorted(os.listdir("/out")), os.readlink("a"), open("e").read())
for name in "abcdef":
    os.unlink(name)
print(os.listdir("/out"))
"#;
    let run = "taipan run --mount out:/out:rw script.py && cat secret beside/file && ls /etc/made";
    let command = format!("{links}; echo '{code}' > script.py; {run}");
    let shown = "['a', 'b', 'c', 'd', 'e', 'f', 'file'] ../secret inside\n['file']\noutsideoutside";
    check(files, &command, 2, shown);
}

#[test]
fn a_mount_that_cannot_be() {
    let run = "taipan run --mount a:/a:rw -c ''";
    check(&[], run, 66, "the directory to mount a is not there");
    check(&[("a", "")], run, 66, "is a file, not a directory");
}

// `set -m`: without job control a shell has SIGINT ignored by what runs in the background.
#[test]
fn a_signal_while_standard_input_is_read() {
    let run = |signal: &str, code: &str| {
        format!(
            "set -m; mkfifo pipe out; exec 9<>pipe; taipan run --wall 60 -c '{code}' <&9 > out & read line < out; \
             kill -{signal} $!; wait $!"
        )
    };
    let reads = r#"print("begun", flush=True); input()"#;
    check(&[], &run("INT", reads), 130, "KeyboardInterrupt");
    check(&[], &run("TERM", reads), 143, "");
    let catches = "import sys
try:
    print(\"begun\", flush=True); sys.stdin.buffer.raw.read(1)
except KeyboardInterrupt:
    sys.exit(7)";
    check(&[], &run("INT", catches), 7, "");
}

#[test]
fn a_signal_before_and_after_the_program() {
    let late = "import atexit, os, sys
def end():
    print(\"ends\", flush=True)
    sys.stdin.read()
atexit.register(end)";
    let command = format!(
        "set -m; mkfifo pipe out; exec 9<>pipe; taipan run --wall 60 -c '{late}' <&9 > out & read line < out; \
         kill -INT $!; kill -INT $!; sleep 0.1; kill -INT $!; wait $!"
    );
    check(&[], &command, 130, "");
}
