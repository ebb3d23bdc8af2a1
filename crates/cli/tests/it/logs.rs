//! Logs without a reader, and signals that end nothing.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::thread;

use crate::fixture::{Place, Serving, get};

/// Prints far more than a pipe holds in a hundred requests.
const CHATTY: &str = "\
import sys
from js import Response

async def on_fetch(request, env, ctx):
    print('x' * 2000)
    print('x' * 2000, file=sys.stderr)
    return Response.new('hello')
";

const SLOW: &str = "\
import asyncio, sys
from js import Response

async def on_fetch(request, env, ctx):
    print('asked', file=sys.stderr)
    await asyncio.sleep(0.5)
    return Response.new('slow')
";

#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    let place = Place::new(&[("entry.py", CHATTY)]);
    for verb in ["serve", "dev"] {
        let serving = place.serve_unread(&[verb, "--port", "0"]);
        for _ in 0..100 {
            assert!(serving.get("/", "").ends_with("hello\n"));
        }
        serving.terminate();
        assert_eq!(serving.code(), 0, "{verb}");
    }
}

#[test]
fn a_log_that_is_closed_stops_nothing() {
    let place = Place::new(&[("entry.py", CHATTY)]);
    let mut serving = place.serve_unread(&["serve", "--port", "0"]);
    serving.close();
    for _ in 0..100 {
        assert!(serving.get("/", "").ends_with("hello\n"));
    }
    serving.terminate();
    assert_eq!(serving.code(), 0);
}

#[test]
fn what_a_full_disk_did_not_take_is_told() {
    let place = Place::new(&[("entry.py", CHATTY)]);
    for verb in ["serve", "dev"] {
        let full = fs_err::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = place.command(&[verb, "--port", "0"]);
        let serving = Serving::start(command.stdout(Stdio::from(full.into_file())));
        for _ in 0..3 {
            assert!(serving.get("/", "").ends_with("hello\n"));
        }
        serving.terminate();
        let expect = "warning: 3 lines of the log were lost: standard output: No space left on device \
                      (os error 28)\n";
        let said = serving.rest();
        assert!(said.ends_with(expect), "{verb}: {said}");
        assert_eq!(serving.code(), 0, "{verb}");
    }
}

#[test]
fn signals_end_nothing_in_flight() {
    let place = Place::new(&[("entry.py", SLOW)]);
    let serving = place.serve(&["serve", "--port", "0"]);
    for signals in [&["USR1", "USR2"][..], &["HUP", "HUP"]] {
        let address = serving.address.clone();
        let answer = thread::spawn(move || get(&address, "/", ""));
        serving.line_with("asked");
        signals.iter().for_each(|name| serving.signal(name));
        assert!(answer.join().unwrap().ends_with("slow\n"), "{signals:?}");
    }
    // SIGHUP is a stop.
    assert_eq!(serving.code(), 0);
}

#[test]
fn signals_end_no_start() {
    const BEGINS: &str = "\
import sys
print('begun', file=sys.stderr, flush=True)
sum(range(20_000_000))
def on_fetch(request, env, ctx):
    pass
";
    let place = Place::new(&[("entry.py", BEGINS)]);
    let mut child = place.command(&["serve", "--port", "0"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("begun")));
    for name in ["USR1", "USR2"] {
        Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    }
    assert!(lines.any(|line| line.contains("listening on ")));
    child.kill().unwrap();
    child.wait().unwrap();
}
