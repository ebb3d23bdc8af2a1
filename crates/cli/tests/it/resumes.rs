//! Many resumes and drops in one process: nothing grows.

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use crate::fixture::{Place, Serving};

/// Answers, and in the end leaves what an isolate can: open files, timers, an unread body, an exception; or ends the
/// interpreter.
const WORKER: &str = "\
import os
import js
from js import Response
from pyodide.ffi import create_proxy
count = 0
kept = []
def on_fetch(request, env, ctx):
    global count
    count += 1
    match request.url.rpartition('/')[2]:
        case 'leave':
            kept.append(open('/session/metadata/entry.py'))
            kept.append(open('/tmp/left', 'w'))
            kept.append(js.setTimeout(create_proxy(lambda: None), 60_000))
            kept.append(js.TransformStream.new())
            kept.append(bytearray(1_000_000))
        case 'raise':
            raise ValueError('no')
        case 'exit':
            os._exit(1)
    return Response.new(f'count {count}')
";

/// Each request gets an isolate of its own, one at a time.
const CONFIGURATION: &str =
    r#"{ "main": "entry.py", "taipan": { "isolation": "fresh", "isolates": { "max": 1 } } }"#;

/// What is asked for, again and again; the last leaves the process as the first does.
const PATHS: [(&str, &str); 10] = [
    ("/", "count 1"),
    ("/leave", "count 1"),
    ("/", "count 1"),
    ("/raise", "the worker raised an exception\n"),
    ("/", "count 1"),
    ("/leave", "count 1"),
    ("/", "count 1"),
    ("/exit", "the worker ended while it was answering\n"),
    ("/", "count 1"),
    ("/", "count 1"),
];

/// Requests before the first measurement: caches have filled, pages that all write are known.
const REQUESTS_BEFORE: usize = 500;

/// Requests between two measurements, and how often: with those before, 10,000.
const REQUESTS_EACH: usize = 950;
const PARTS: usize = 10;

/// Parts that a leak cannot spare. In the others the pool may take a thread more, which has a
/// stack, a heap of some 900 KiB and mappings, and comes when the machine is busy.
const PARTS_AT_REST: usize = 4;

/// The memory that each of these may add: 65 bytes for a resume. Without a leak it is some 20 KiB.
const PART_KIB_MAX: usize = 60;

/// The memory that all parts may add: four such threads.
const GROWTH_KIB_MAX: usize = 4096;

/// The descriptors and mappings that all parts may add, for as many threads.
const GROWTH_COUNT_MAX: usize = 40;

/// The times that a process may be looked at until it is at rest, and the pause between them.
const LOOKS_MAX: usize = 100;
const PAUSE: Duration = Duration::from_millis(50);

/// What a process has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Possessions {
    memory_kib: usize,
    descriptors: usize,
    mappings: usize,
}

#[test]
fn ten_thousand() {
    let place = Place::new(&[("entry.py", WORKER), ("wrangler.jsonc", CONFIGURATION)]);
    let server = place.serve(&["serve", "--port", "0"]);
    let mut connection = TcpStream::connect(&server.address).unwrap();
    let mut ask = |count: usize| {
        for (path, expect) in PATHS.iter().cycle().take(count) {
            assert_eq!(body(&mut connection, path), *expect, "{path}");
        }
        at_rest(&server)
    };
    let mut found = vec![ask(REQUESTS_BEFORE)];
    found.extend((0..PARTS).map(|_| ask(REQUESTS_EACH)));
    let grown = |of: fn(&Possessions) -> usize, from: usize, to: usize| {
        of(&found[to]).saturating_sub(of(&found[from]))
    };
    let mut parts: Vec<_> =
        (0..PARTS).map(|part| grown(|all| all.memory_kib, part, part + 1)).collect();
    parts.sort_unstable();
    let within = parts[PARTS_AT_REST - 1] <= PART_KIB_MAX
        && grown(|all| all.memory_kib, 0, PARTS) <= GROWTH_KIB_MAX
        && grown(|all| all.descriptors, 0, PARTS) <= GROWTH_COUNT_MAX
        && grown(|all| all.mappings, 0, PARTS) <= GROWTH_COUNT_MAX;
    assert!(within, "the process grows: {found:#?}");
}

/// Isolates that wait, and how much of a snapshot each may have written: what it has to know is beside its memory, and
/// runs nothing.
const WAITING: usize = 50;
const WRITTEN_KIB_MAX: usize = 32;

#[test]
fn an_isolate_that_waits_has_run_nothing() {
    // What dies at the top level has callbacks, which are called once: not in each isolate.
    let worker = "\
from js import Array, Response
from pyodide.ffi import create_proxy
for _ in range(100):
    Array.new().push(create_proxy(object()))
def on_fetch(request):
    return Response.new('')
";
    let kept = format!(r#"{{ "min": {WAITING}, "max": {WAITING} }}"#);
    let configuration = format!(r#"{{ "main": "entry.py", "taipan": {{ "isolates": {kept} }} }}"#);
    let place = Place::new(&[("entry.py", worker), ("wrangler.jsonc", &configuration)]);
    let server = place.serve(&["serve", "--port", "0"]);
    let file = format!("/proc/{}/smaps", server.id());
    for _ in 0..LOOKS_MAX {
        at_rest(&server);
        let mappings = fs_err::read_to_string(&file).unwrap();
        // Each maps the file as a whole where none of its pages are written.
        let (isolates, written) = of_snapshot(&mappings);
        if isolates >= WAITING {
            let each = written / WAITING;
            assert!(each <= WRITTEN_KIB_MAX, "each isolate has written {each} KiB");
            return;
        }
    }
    panic!("there are fewer than {WAITING} isolates");
}

/// How often a worker's snapshot is mapped from its beginning, and the KiB that were written to of all its mappings.
fn of_snapshot(smaps: &str) -> (usize, usize) {
    let (mut isolates, mut written, mut inside) = (0, 0, false);
    let mut first = None;
    for line in smaps.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        match words[..] {
            [_, _, offset, _, _, ref path @ ..]
                if line.as_bytes()[0].is_ascii_hexdigit() && !words[0].ends_with(':') =>
            {
                inside = path.first().is_some_and(|path| path.ends_with("worker.snapshot"));
                if inside {
                    isolates += usize::from(*first.get_or_insert(offset) == offset);
                }
            }
            ["Private_Dirty:", kib, _] if inside => written += kib.parse::<usize>().unwrap(),
            _ => {}
        }
    }
    (isolates, written)
}

/// The body of the answer to a request; the connection stays open.
fn body(connection: &mut TcpStream, path: &str) -> String {
    let mut request = String::new();
    write!(request, "GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    loop {
        let count = connection.read(&mut part).unwrap();
        assert_ne!(count, 0, "the connection has ended");
        answer.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&answer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() == length.parse::<usize>().unwrap() {
            return body.to_owned();
        }
    }
}

/// What the server has, when that has stopped changing.
fn at_rest(server: &Serving) -> Possessions {
    let mut last = possessions(server);
    for _ in 0..LOOKS_MAX {
        thread::sleep(PAUSE);
        let found = possessions(server);
        if found == last {
            return found;
        }
        last = found;
    }
    panic!("the server does not come to rest: {last:?}");
}

fn possessions(server: &Serving) -> Possessions {
    let folder = PathBuf::from(format!("/proc/{}", server.id()));
    let status = fs_err::read_to_string(folder.join("status")).unwrap();
    let memory = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    let memory = memory.trim().trim_end_matches(" kB").parse();
    let mappings = fs_err::read_to_string(folder.join("maps")).unwrap();
    Possessions {
        memory_kib: memory.unwrap(),
        descriptors: fs_err::read_dir(folder.join("fd")).unwrap().count(),
        mappings: mappings.lines().count(),
    }
}
