//! `taipan run` among other programs: pipes that end, disks that are full, limits of the system.

use std::{path::Path, process::Command};

use crate::fixture::Place;

/// Runs a command of the shell, for which `taipan` is the program: its exit code, and what it printed.
fn shell(place: &Place, command: &str) -> (i32, String) {
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
fn check(files: &[(&str, &str)], command: &str, code: i32, part: &str) {
    let (found, text) = shell(&Place::new(files), command);
    assert!(!text.contains("bug in Taipan") && !text.contains("fault of Taipan"), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    assert_eq!(found, code, "{text}");
    assert!(text.contains(part), "{text}");
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
