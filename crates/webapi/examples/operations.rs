//! How long each operation of the host takes with the largest argument that it is given: no limit of CPU time can stop
//! it meanwhile. `cargo run -p taipan-webapi --example operations` prints a table.

#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::hint::black_box;

use taipan_webapi::encoding::{self, Options};
use taipan_webapi::headers::{self, HEADER_LIST_BYTES_MAX, HEADERS_MAX};
use taipan_webapi::url::{self, HOST_BYTES_MAX, Part, URL_BYTES_MAX};

/// What `js/` gives the host in one go: bytes of a form, and text for the console.
const SLICE_BYTES_MAX: usize = 1 << 20;

/// The same of bytes to decode.
const DECODED_BYTES_MAX: usize = 256 << 10;

/// The longest text that an operation of `guest` takes.
const TEXT_BYTES_MAX: usize = 4 << 20;

/// Elements of a table that JavaScript, and WebAssembly, makes in one go at most.
const TABLE_SLICE_ELEMENTS: usize = 64 << 10;
const TABLE_STEP_ELEMENTS: usize = 1 << 20;

/// CPU time for which each is done: Linux counts it in ticks of 4 ms.
const NANOSECONDS_MIN: u64 = 200_000_000;

fn main() {
    println!("| operation | argument | ms |");
    println!("|---|---|---|");
    for escaped in ["a", "é", "%", "\t"] {
        let text = format!("http://a/{}", escaped.repeat(URL_BYTES_MAX / escaped.len() - 9));
        let argument = format!("512 KiB of {escaped:?}");
        row("url_parse", &argument, || url::parse(&text, None));
        row("url_parse with a base", &argument, || url::parse("b?c", Some(&text)));
        let value = &text["http://a/".len()..];
        for (name, part) in [("hash", Part::Hash), ("pathname", Part::Pathname)] {
            row(&format!("url_set of {name}"), &argument, || url::set("http://a/b", part, value));
        }
    }
    let dots = format!("http://a/{}", "../".repeat(URL_BYTES_MAX / 3 - 9));
    row("url_parse", "512 KiB of `../`", || url::parse(&dots, None));
    let host = format!("http://{}/", "é.".repeat(HOST_BYTES_MAX / 3 - 9));
    row("url_parse", "a host of 4 KiB", || url::parse(&host, None));
    for name in ["windows-1252", "shift_jis", "gb18030", "utf-16le", "iso-2022-jp"] {
        let bytes = vec![0x82; DECODED_BYTES_MAX];
        row(&format!("text_decode, {name}"), "256 KiB", || {
            encoding::decode(name, Options::default(), &bytes)
        });
    }
    let line = format!("x-name: {}\r\n", "y".repeat(HEADER_LIST_BYTES_MAX / HEADERS_MAX - 10));
    let list = line.repeat(HEADERS_MAX);
    row("response_start: headers", "1024 headers, 256 KiB", || headers::from_text(&list));
    let (bytes, pattern) = (vec![b'\r'; SLICE_BYTES_MAX], b"\r\n--boundary");
    row("bytes_find", "1 MiB of line breaks", || {
        memchr::memmem::find_iter(&bytes, pattern).count()
    });
    row("a WebAssembly module that is not known", "1 MiB", || taipan_guest::digest(&bytes));
    row("a slice of a body; console", "1 MiB", || bytes.clone());
    let text = vec![b'x'; TEXT_BYTES_MAX];
    row("any text", "4 MiB", || String::from_utf8_lossy(&text).into_owned());
    row("wasm_table_grow", "65536 elements", || vec![0_u64; TABLE_SLICE_ELEMENTS]);
    row("`table.grow` and new instances", "1 Mi elements", || vec![1_u64; TABLE_STEP_ELEMENTS]);
}

fn row<T>(operation: &str, argument: &str, mut run: impl FnMut() -> T) {
    let (start, mut times) = (cpu_nanoseconds(), 0);
    let took = loop {
        black_box(run());
        times += 1;
        let took = cpu_nanoseconds() - start;
        if took > NANOSECONDS_MIN {
            break took / times;
        }
    };
    println!("| {operation} | {argument} | {}.{:02} |", took / 1_000_000, took / 10_000 % 100);
}

/// CPU time of this thread: what else the machine does has no part in it.
fn cpu_nanoseconds() -> u64 {
    let text = fs_err::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|count| count.parse().ok()).unwrap_or(u64::MAX)
}
