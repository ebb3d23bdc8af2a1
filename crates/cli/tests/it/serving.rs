//! Servers: from their first line to their end.

use std::io::Write as _;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::fixture::{Place, Serving, get};

const ENTRY: &str = "\
from js import Response

async def on_fetch(request, env, ctx):
    return Response.new('hello')
";

const CONFIGURATION: &str = r#"{ "main": "entry.py", "dev": { "port": 0 }, "kv_namespaces": [] }"#;

/// The times that something may be looked at until it is so, and the pause between them.
const LOOKS_MAX: usize = 60;
const PAUSE: Duration = Duration::from_millis(500);

/// A worker that starts again and again does so several times in this time.
const REST: Duration = Duration::from_secs(3);

#[test]
fn one_line_a_request_and_a_clean_end() {
    let place = Place::new(&[("entry.py", ENTRY)]);
    let serving = place.serve(&["serve", "--port", "0"]);
    assert!(serving.address.starts_with("127.0.0.1:"), "{}", serving.address);
    serving.get("/path?query", "");
    assert!(serving.line_with("GET ").starts_with("GET /path?query "));
    serving.terminate();
    assert_eq!(serving.code(), 0);
}

#[test]
fn what_is_not_finished_in_time_is_cut_and_told_of() {
    let worker = "\
import asyncio, sys

async def on_fetch(request, env, ctx):
    print('it waits', file=sys.stderr)
    await asyncio.sleep(60)
";
    let place = Place::new(&[("entry.py", worker)]);
    let serving = place.serve(&["serve", "--port", "0"]);
    let mut client = TcpStream::connect(&serving.address).unwrap();
    write!(client, "GET / HTTP/1.0\r\n\r\n").unwrap();
    serving.line_with("it waits");
    serving.terminate();
    assert_eq!(
        serving.line_with("warning: "),
        "warning: 1 connection was cut, the time to finish was up"
    );
    assert_eq!(serving.code(), 0);
}

#[test]
fn configuration_says_the_port_and_is_warned_of() {
    let place = Place::new(&[("entry.py", ENTRY), ("wrangler.jsonc", CONFIGURATION)]);
    let serving = place.serve(&["dev"]);
    assert!(!serving.address.ends_with(":8787"));
    drop(serving);
    // The warning goes before the line for which `serve` waits, so it is run again.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let printed = place.run(&["dev", "--port", &port]);
    assert_eq!(
        printed.lines().nth(1),
        Some(
            "warning: wrangler.jsonc:1:45: `kv_namespaces` is not supported yet and has no effect"
        )
    );
}

#[test]
fn a_save_starts_again_and_a_mistake_is_shown_until_the_next() {
    let place = Place::new(&[("entry.py", ENTRY), ("wrangler.jsonc", CONFIGURATION)]);
    let serving = place.serve(&["dev"]);
    place.write("wrangler.jsonc", "{");
    assert_eq!(serving.line_with("changed"), "a file has changed, starting again");
    assert_eq!(
        serving.line_with("caused by"),
        "  caused by: wrangler.jsonc:1:1: unterminated object"
    );
    assert_eq!(
        serving.get("/", ""),
        "HTTP/1.0 500 Internal Server Error
content-type: text/plain; charset=utf-8
content-length: 114

the worker does not start

cannot use the configuration in .
  caused by: wrangler.jsonc:1:1: unterminated object
"
    );
    let page = serving.get("/", "accept: text/html\r\n");
    assert!(
        page.contains("<h1>500 Internal Server Error: the worker does not start</h1>"),
        "{page}"
    );
    place.write("wrangler.jsonc", CONFIGURATION);
    assert_eq!(serving.line_with("changed"), "a file has changed, starting again");
    let answer = serving.get("/", "");
    assert!(!answer.contains("the worker does not start"), "{answer}");
}

#[test]
fn what_it_prints_itself_is_no_change() {
    let place = Place::new(&[("entry.py", ENTRY)]);
    let output = place.path().join("nohup.out");
    let file = fs_err::File::create(&output).unwrap().into_parts().0;
    let mut command = place.command(&["dev", "--port", "0"]);
    let mut child = command.stderr(file).spawn().unwrap();
    let printed = || fs_err::read_to_string(&output).unwrap();
    let wait = |what: &str, count: usize| {
        for _ in 0..LOOKS_MAX {
            if printed().matches(what).count() >= count {
                return;
            }
            thread::sleep(PAUSE);
        }
        panic!("{what} is not printed: {}", printed());
    };
    wait("listening on", 1);
    place.write("entry.py", ENTRY);
    wait("a file has changed", 1);
    // Each line that it prints would be a change.
    let comes_to_rest = (0..LOOKS_MAX).any(|_| {
        let before = printed();
        thread::sleep(REST);
        before == printed()
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(comes_to_rest, "{}", printed());
}

#[test]
fn development_is_guarded_against_other_sites() {
    let place = Place::new(&[("entry.py", ENTRY)]);
    let answer = |verb| {
        let serving = place.serve(&[verb, "--port", "0"]);
        serving.get("/", "host: evil.test\r\n").lines().next().unwrap().to_owned()
    };
    assert_eq!(answer("dev"), "HTTP/1.0 421 Misdirected Request");
    // The loopback interface, as IPv6 writes it.
    let serving = place.serve(&["dev", "--port", "0", "--ip", "::ffff:127.0.0.1"]);
    let port = serving.address.rsplit(':').next().unwrap();
    let answer_6 = get(&format!("127.0.0.1:{port}"), "/", "host: evil.test\r\n");
    assert!(answer_6.contains("421 Misdirected Request"), "{answer_6}");
    assert_ne!(answer("serve"), "HTTP/1.0 421 Misdirected Request");
}

/// As `git switch`, `rsync --delete` and tools that build into a new directory leave it.
#[test]
fn another_directory_in_its_place() {
    let place = Place::new(&[("entry.py", ENTRY)]);
    let serving = place.serve(&["dev", "--port", "0"]);
    let (path, new) = (place.path(), place.path().with_extension("new"));
    let replaced = |text: &str| {
        serving.line_with("a file has changed");
        let found = (0..LOOKS_MAX).any(|_| {
            thread::sleep(PAUSE);
            serving.get("/", "").contains(text)
        });
        assert!(found, "{text}");
    };
    fs_err::remove_dir_all(&path).unwrap();
    place.write("entry.py", &format!("{ENTRY}\nraise ValueError('made again')\n"));
    replaced("made again");
    fs_err::create_dir(&new).unwrap();
    fs_err::write(new.join("entry.py"), "raise ValueError('moved here')").unwrap();
    fs_err::rename(&path, path.with_extension("old")).unwrap();
    fs_err::rename(&new, &path).unwrap();
    replaced("moved here");
    place.write("entry.py", "raise ValueError('saved in it')");
    replaced("saved in it");
}

#[test]
fn who_computes_is_not_waited_for() {
    const LOOPS: &str = "\
from js import Response
def on_fetch(request, env, ctx):
    print('begun', flush=True)
    while True:
        pass
";
    let patience = r#"{ "main": "entry.py", "taipan": { "limits": { "cpu_ms": 3600000 } } }"#;
    let place = Place::new(&[("entry.py", LOOPS), ("wrangler.jsonc", patience)]);
    for verb in ["serve", "dev"] {
        let mut command = place.command(&[verb, "--port", "0"]);
        let serving = Serving::start(command.stdout(Stdio::null()));
        let mut stream = TcpStream::connect(&serving.address).unwrap();
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        thread::sleep(REST);
        serving.terminate();
        thread::sleep(PAUSE);
        serving.terminate();
        assert_eq!(serving.code(), 130, "{verb}");
    }
}

/// A server that may have fewer files open than it has places for connections closes the slowest of them.
#[test]
fn the_slowest_goes_when_there_are_no_descriptors() {
    let place = Place::new(&[("entry.py", ENTRY)]);
    let taipan = place.command(&["serve", "--port", "0"]);
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 64; exec \"$@\"", "sh"]).arg(taipan.get_program());
    limited.args(taipan.get_args()).current_dir(place.path());
    limited.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let serving = Serving::start(&mut limited);
    let slow: Vec<_> = (0..70)
        .map(|_| {
            let mut stream = TcpStream::connect(&serving.address).unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\n").unwrap();
            stream
        })
        .collect();
    #[expect(clippy::disallowed_methods, reason = "the client's own patience")]
    let begin = Instant::now();
    assert!(serving.get("/", "").contains("200 OK"));
    // Half a head is waited for 30 s otherwise.
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    drop(slow);
}
