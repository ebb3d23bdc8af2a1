//! Requests that wait in `run_sync` at the same time: which goes on first, and how many isolates there are.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::fixture::{Place, Serving};

/// Waits for as many milliseconds as the path says, and says who it was that waited.
const WORKER: &str = r#"
import asyncio
import os

from js import Response
from pyodide.ffi import run_sync

served = 0


async def on_fetch(request, env, ctx):
    global served
    served += 1
    milliseconds = int(request.url.rpartition("/")[2])
    if milliseconds % 2:
        await asyncio.sleep(0.01)
    run_sync(asyncio.sleep(milliseconds / 1000))
    return Response.new(f"{milliseconds} {served}")
"#;

fn place(isolates: &str) -> Place {
    let configuration =
        format!(r#"{{ "main": "entry.py", "taipan": {{ "isolates": {{ {isolates} }} }} }}"#);
    Place::new(&[("entry.py", WORKER), ("wrangler.jsonc", &configuration)])
}

/// Between two requests, so that they come in the order in which they are sent.
const PAUSE: Duration = Duration::from_millis(20);

/// The last lines of the answers, in the order in which they come.
fn ask(server: &Serving, milliseconds: &[u32]) -> Vec<String> {
    let (sender, answers) = mpsc::channel();
    thread::scope(|threads| {
        for each in milliseconds {
            let sender = sender.clone();
            let mut stream = TcpStream::connect(&server.address).unwrap();
            threads.spawn(move || {
                write!(stream, "GET /{each} HTTP/1.0\r\n\r\n").unwrap();
                let mut answer = String::new();
                stream.read_to_string(&mut answer).unwrap();
                assert!(answer.starts_with("HTTP/1.0 200 "), "{answer}");
                sender.send(answer.lines().last().unwrap_or_default().to_owned()).unwrap();
            });
            thread::sleep(PAUSE);
        }
    });
    answers.try_iter().collect()
}

#[test]
fn a_short_wait_is_not_behind_long_ones() {
    let place = place("");
    let server = place.serve(&["serve", "--port", "0"]);
    let mut waits = vec![6000; 20];
    waits.push(200);
    assert_eq!(ask(&server, &waits)[0], "200 1");
    // Neither is one that was there before them.
    waits.insert(0, 1000);
    let answers = ask(&server, &waits);
    assert!(answers[..2].iter().any(|answer| answer.starts_with("200 ")), "{answers:?}");
    assert!(answers[..2].iter().any(|answer| answer.starts_with("1000 ")), "{answers:?}");
}

#[test]
fn without_memory_for_more_isolates_they_take_turns() {
    let place = place(r#""max": 1, "waiting_mb": 0"#);
    let server = place.serve(&["serve", "--port", "0"]);
    let answers = ask(&server, &[300, 200, 100, 50]);
    // All of one isolate, one after the other.
    let served: Vec<_> = answers.iter().filter_map(|answer| answer.split(' ').nth(1)).collect();
    assert_eq!(served, ["1", "2", "3", "4"], "{answers:?}");
}

#[test]
fn they_have_as_many_isolates_as_there_is_memory_for() {
    let place = place(r#""max": 1, "waiting_mb": 4"#);
    let server = place.serve(&["serve", "--port", "0"]);
    let answers = ask(&server, &[500; 8]);
    // One, and as many as there is memory for: each begins to count at 1.
    let isolates = answers.iter().filter(|answer| answer.ends_with(" 1")).count();
    assert!(answers.len() == 8 && (2..=3).contains(&isolates), "{answers:?}");
}
