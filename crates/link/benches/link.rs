//! How long it takes to link a release's main module, and how large it becomes.
//!
//! The release is the unpacked npm package `pyodide`, in the directory that
//! `$TAIPAN_TEST_RELEASE` names.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock and its environment")]
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use taipan_link::{Variant, link, translate_exceptions};

/// Where the release is when the variable is not set.
const RELEASE: &str = "/tmp/py/package";

/// How often each measurement is repeated; the median is shown.
const RUNS: usize = 11;

fn main() -> std::io::Result<()> {
    let release = std::env::var_os("TAIPAN_TEST_RELEASE").unwrap_or(RELEASE.into());
    let wasm = fs_err::read(PathBuf::from(release).join("pyodide.asm.wasm"))?;
    println!("original              {:>8} bytes", wasm.len());
    measure("translate exceptions", || translate_exceptions(&wasm));
    measure("link for boot", || link(&wasm, Variant::Boot));
    measure("link for resume", || link(&wasm, Variant::Resume));
    Ok(())
}

fn measure(name: &str, run: impl Fn() -> Result<Vec<u8>, taipan_link::Error>) {
    let mut bytes = 0;
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..RUNS {
        let start = Instant::now();
        bytes = run().expect("linked").len();
        times.push(start.elapsed());
    }
    times.sort();
    println!("{name:<21} {bytes:>8} bytes {:>6.1} ms", times[RUNS / 2].as_secs_f64() * 1000.0);
}
