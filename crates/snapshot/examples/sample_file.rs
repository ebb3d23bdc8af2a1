//! Writes the sample of the tests to standard output: once for each new format,
//! to `tests/files/format-N.snapshot`.

use std::io::Write as _;

#[path = "../tests/it/sample.rs"]
mod sample;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(&sample::file())
}
