//! Workers that use up their time: how much more they get, and what their neighbours notice.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

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

/// Too little for Python itself is that limit, not a fault of the interpreter.
#[test]
fn too_little_memory_to_start() {
    for mebibytes in [16, 20, 30] {
        let configuration = format!(
            r#"{{ "main": "entry.py", "taipan": {{ "limits": {{ "memory_mb": {mebibytes} }} }} }}"#
        );
        let place = Place::new(&[("entry.py", WORKER), ("wrangler.jsonc", &configuration)]);
        let output = place.command(&["snapshot", "create", "--quiet"]).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        let expect = format!(
            "\nerror: the worker does not start: it needs more than {mebibytes} MiB of memory\n\nhint: do less at the top \
             level, or raise `taipan.limits.memory_mb`, which is {mebibytes}\n"
        );
        assert!(text.ends_with(&expect), "{text}");
    }
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

/// Lets others run, and never ends.
const BURNER: &str = "\
import asyncio
from js import Response
async def on_fetch(request, env, ctx):
    while 'burn' in request.url:
        for _ in range(20_000):
            pass
        await asyncio.sleep(0)
    return Response.new('fine\\n')
";

const JAVASCRIPT_BURNER: &str = "\
export default {
  async fetch(request) {
    while (request.url.includes('burn')) {
      for (let i = 0; i < 50_000; i++);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    return new Response('fine\\n');
  },
};
";

/// What a request that is answered at once may use.
const SMALL_MS_MAX: u64 = 4;

/// Others that come all the time to the same isolate bring a request no more time.
#[track_caller]
fn check_burner(main: &str, code: &str) {
    let configuration = format!(
        r#"{{ "main": "{main}", "limits": {{ "cpu_ms": {LIMIT_MS} }}, "taipan": {{ "isolates": {{ "max": 1 }} }} }}"#
    );
    let place = Place::new(&[(main, code), ("wrangler.jsonc", &configuration)]);
    let server = place.serve(&["serve", "--port", "0"]);
    assert!(server.get("/", "").ends_with("fine\n"));
    let before = cpu_time(&server);
    let mut burner = TcpStream::connect(&server.address).unwrap();
    burner.write_all(b"GET /burn HTTP/1.0\r\n\r\n").unwrap();
    burner.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    let (mut answer, mut others, mut failed) = (Vec::new(), 0, 0);
    while let Err(error) = burner.read_to_end(&mut answer) {
        assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
        let is_fine = server.get("/", "").ends_with("fine\n");
        (others, failed) = (others + 1, failed + u64::from(!is_fine));
        assert!(others < 2000, "it never ends");
    }
    let used = cpu_time(&server).saturating_sub(before);
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.0 503 "), "{answer}");
    let limit = Duration::from_millis(LIMIT_MS);
    let most = limit + Duration::from_millis(EXCESS_MS_MAX + others * SMALL_MS_MAX);
    assert!(used > limit && used < most, "{used:?}, {others} others");
    // One may be in the isolate when that is stopped.
    assert!(failed <= 1, "{failed} of {others} failed");
    assert!(others > 5, "{others} others");
}

#[test]
fn others_bring_no_more_time() {
    check_burner("entry.py", BURNER);
}

#[test]
fn others_bring_no_more_time_to_javascript() {
    check_burner("index.js", JAVASCRIPT_BURNER);
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
