//! Clients that flood an HTTP/2 connection with what costs them little: memory stays bounded, and others are served.

use std::time::Duration;

use taipan_server::Limits;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::fixture::{Server, limits, settings};
use crate::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, Frames, GET, HEADERS, INITIAL_WINDOW_SIZE, PING,
    POST, RST_STREAM, SETTINGS, frame, head,
};

const GOOD: &str = "GET / HTTP/1.0\r\n\r\n";

/// What a flood may add to the memory of server and client, which are one process here.
const GROWTH_KB_MAX: usize = 32 << 10;

/// Bytes that are sent at most.
const FLOOD_BYTES: usize = 64 << 20;

/// Bytes that the systems of both ends hold at most, and what the server has read.
const BLOCKED_BYTES_MAX: usize = 16 << 20;

/// How a flood ends.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// The server closes the connection.
    Closed,
    /// The server reads no more: the client takes none of its answers.
    Blocked,
    /// The server reads all of it.
    Read,
}

/// Memory that is resident, in KiB (proc(5)).
fn resident_kb() -> usize {
    let status = fs_err::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Sends what `nth` gives, again and again, reads nothing, and asks for something good meanwhile.
async fn check(nth: impl Fn(u32) -> Vec<u8>, expect: End) {
    let server = Server::start(&settings());
    let mut client = Frames::connect(&server, INITIAL_WINDOW_SIZE, 0).await;
    let (before, mut sent, mut number) = (resident_kb(), 0, 0);
    let end = loop {
        let mut frames = Vec::new();
        while frames.len() < 1 << 16 {
            frames.extend(nth(number));
            number += 1;
        }
        // A server that has nothing else to do takes them within a moment.
        match timeout(Duration::from_secs(2), client.0.write_all(&frames)).await {
            Err(_elapsed) => break End::Blocked,
            Ok(Err(_closed)) => break End::Closed,
            Ok(Ok(())) if sent > FLOOD_BYTES => break End::Read,
            Ok(Ok(())) => sent += frames.len(),
        }
    };
    assert_eq!(end, expect, "after {sent} bytes");
    assert!(end != End::Blocked || sent < BLOCKED_BYTES_MAX, "{sent} bytes");
    let grown = resident_kb().saturating_sub(before);
    assert!(grown < GROWTH_KB_MAX, "{grown} KiB more after {sent} bytes");
    assert!(server.raw(GOOD).await.ends_with("hello\n"));
}

/// The stream of the nth request.
fn stream(nth: u32) -> u32 {
    nth * 2 + 1
}

#[tokio::test]
async fn pings_whose_answers_are_not_read() {
    check(|_| frame(PING, 0, 0, &[0; 8]), End::Blocked).await;
}

#[tokio::test]
async fn settings_whose_answers_are_not_read() {
    check(|_| frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]), End::Blocked).await;
}

#[tokio::test]
async fn requests_that_are_reset_at_once() {
    let asked_and_reset = |nth| {
        let asked = frame(HEADERS, END_STREAM | END_HEADERS, stream(nth), &head(GET, "/hang"));
        [asked, frame(RST_STREAM, 0, stream(nth), &[0, 0, 0, 8])].concat()
    };
    check(asked_and_reset, End::Closed).await;
}

#[tokio::test]
async fn requests_of_which_the_server_must_reset_each() {
    // A header that stands for a connection is a fault of the stream (RFC 9113, 8.2.2).
    let connection = [&[0, 10][..], b"connection", &[5], b"close"].concat();
    let bad = move |nth| {
        let head = [head(GET, "/"), connection.clone()].concat();
        frame(HEADERS, END_STREAM | END_HEADERS, stream(nth), &head)
    };
    check(bad, End::Closed).await;
}

#[tokio::test]
async fn more_requests_than_streams() {
    let asked = |nth| frame(HEADERS, END_STREAM | END_HEADERS, stream(nth), &head(GET, "/endless"));
    check(asked, End::Closed).await;
}

#[tokio::test]
async fn empty_pieces_of_a_body() {
    let piece = |nth| match nth {
        0 => frame(HEADERS, END_HEADERS, 1, &head(POST, "/hang")),
        _ => frame(DATA, 0, 1, &[]),
    };
    check(piece, End::Closed).await;
}

#[tokio::test]
async fn small_pieces_of_a_body() {
    let piece = |nth| match nth {
        0 => frame(HEADERS, END_HEADERS, 1, &head(POST, "/hang")),
        _ => frame(DATA, 0, 1, b"x"),
    };
    check(piece, End::Closed).await;
}

#[tokio::test]
async fn a_head_without_end() {
    let part = |nth| match nth {
        0 => frame(HEADERS, 0, 1, &head(GET, "/")),
        _ => frame(CONTINUATION, 0, 1, &[0, 1, b'x', 1, b'y']),
    };
    check(part, End::Closed).await;
}

#[tokio::test]
async fn a_head_that_is_empty_without_end() {
    let part = |nth| match nth {
        0 => frame(HEADERS, 0, 1, &head(GET, "/")),
        _ => frame(CONTINUATION, 0, 1, &[]),
    };
    check(part, End::Closed).await;
}

#[tokio::test]
async fn frames_that_mean_nothing() {
    const PRIORITY: u8 = 2;
    const UNKNOWN: u8 = 99;
    check(|_| frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 1]), End::Read).await;
    check(|_| frame(UNKNOWN, 0, 1, &[0; 8]), End::Read).await;
}

#[tokio::test]
async fn bodies_that_are_not_read_leave_room_for_others() {
    let limits = Limits { body_bytes_max: u64::MAX, ..limits() };
    let server = Server::start_with(&settings(), limits);
    let mut client = Frames::connect(&server, INITIAL_WINDOW_SIZE, 1 << 16).await;
    let window = {
        let settings = client.next_of(SETTINGS, 0).await.payload;
        let window = settings.chunks(6).find(|setting| setting[..2] == [0, 4]).unwrap();
        u32::from_be_bytes(window[2..].try_into().unwrap())
    };
    // One stream less than the server takes; each sends as much as it may.
    for stream in (0..127).map(stream) {
        let asked = frame(HEADERS, END_HEADERS, stream, &head(POST, "/hang"));
        client.0.write_all(&asked).await.unwrap();
        let mut left = usize::try_from(window).unwrap();
        while left > 0 {
            let piece = left.min(1 << 14);
            client.0.write_all(&frame(DATA, 0, stream, &vec![b'x'; piece])).await.unwrap();
            left -= piece;
        }
    }
    let last = stream(127);
    client.0.write_all(&frame(HEADERS, END_HEADERS, last, &head(POST, "/echo"))).await.unwrap();
    client.0.write_all(&frame(DATA, END_STREAM, last, &[b'y'; 900])).await.unwrap();
    assert_eq!(client.next_of(DATA, last).await.payload, [b'y'; 900]);
}
