//! Workers that use up their time: how much more they get, and what their neighbours notice.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    path::PathBuf,
    time::Duration,
};

use crate::fixture::{Place, Serving};

/// What stops only when it is stopped; and a neighbour that goes on for a while.
const WORKER: &str = include_str!("../../../../tests/specs/limits/worker/entry.py");

const HOSTILE: [&str; 5] = ["/loop", "/swallowed", "/number", "/regex", "/javascript"];

const LIMIT_MS: u64 = 200;

/// What the process may use for a request beyond that, all of it: to resume an isolate, and to stop and drop it.
const EXCESS_MS_MAX: u64 = 50;

fn place(isolation: &str) -> Place {
    let configuration = format!(
        r#"{{ "main": "entry.py", "limits": {{ "cpu_ms": {LIMIT_MS} }}, "taipan": {{ "isolation": "{isolation}" }} }}"#
    );
    Place::new(&[("entry.py", WORKER), ("wrangler.jsonc", &configuration)])
}

#[test]
fn they_get_little_more_than_their_time() {
    let place = place("reuse");
    let server = place.serve(&["serve", "--port", "0"]);
    assert!(server.get("/", "").ends_with("fine\n"));
    for path in HOSTILE {
        let before = cpu_time(&server);
        assert!(server.get(path, "").starts_with("HTTP/1.0 503 "), "{path}");
        let used = cpu_time(&server).saturating_sub(before);
        let limit = Duration::from_millis(LIMIT_MS);
        let most = limit + Duration::from_millis(EXCESS_MS_MAX);
        assert!(used > limit && used < most, "{path} used {used:?}");
        assert!(server.get("/", "").ends_with("fine\n"), "after {path}");
    }
}

#[test]
fn neighbours_go_on() {
    // With `reuse` they may share an isolate, and its end.
    let place = place("fresh");
    let server = place.serve(&["serve", "--port", "0"]);
    let mut neighbour = TcpStream::connect(&server.address).unwrap();
    neighbour.write_all(b"GET /neighbour HTTP/1.0\r\n\r\n").unwrap();
    for path in HOSTILE {
        assert!(server.get(path, "").starts_with("HTTP/1.0 503 "), "{path}");
    }
    let mut answer = String::new();
    neighbour.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("counted to 100"), "{answer}");
}

/// An answer without end.
const ENDLESS: &str = r#"
from js import ReadableStream, Response
from pyodide.ffi import to_js


async def pieces():
    while True:
        yield to_js(bytes(65536))


async def on_fetch(request):
    if request.url.endswith("/endless"):
        return Response.new(getattr(ReadableStream, "from")(pieces()))
    return Response.new("fine\n")
"#;

#[test]
fn a_client_that_reads_nothing_holds_no_isolate() {
    let configuration = r#"{ "main": "entry.py", "taipan": {
        "isolation": "fresh", "isolates": { "max": 1 }, "limits": { "wall_ms": 1000 } } }"#;
    let place = Place::new(&[("entry.py", ENDLESS), ("wrangler.jsonc", configuration)]);
    let server = place.serve(&["serve", "--port", "0"]);
    let mut idle = TcpStream::connect(&server.address).unwrap();
    idle.write_all(b"GET /endless HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    idle.read_exact(&mut [0; 16]).unwrap();
    // Each of these waits for an isolate, until its own time is up.
    assert!((0..20).any(|_| server.get("/", "").ends_with("fine\n")));
}

/// CPU time of all threads of the server (Linux, `Documentation/scheduler/sched-stats.rst`: the first number of
/// `schedstat`, in nanoseconds).
fn cpu_time(server: &Serving) -> Duration {
    let tasks = PathBuf::from(format!("/proc/{}/task", server.id()));
    let tasks = fs_err::read_dir(tasks).unwrap();
    // A thread may end while they are counted.
    let text =
        tasks.flat_map(|task| fs_err::read_to_string(task.unwrap().path().join("schedstat")));
    let used = text.map(|text| text.split(' ').next().unwrap().parse::<u64>().unwrap());
    Duration::from_nanos(used.sum())
}
