//! The figures of `docs/internals/benchmarks.md`: each compares or measures in one run, and prints a table.
//!
//! ```console
//! cargo bench --workspace --bench figures -- [cpu] [boot] [cold] [density] [http] [packages] [--json]
//! ```
//!
//! No test: nothing here fails for being slow. It runs the `taipan` that was
//! built with it, on the cache that the command uses.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock and its arguments")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its figures")]

mod boot;
mod cpu;
mod http;
mod isolates;
mod node;
mod packages;
mod program;
mod project;
mod server;
mod table;

use anyhow::{Result, bail};

use table::Table;

/// The command under test.
const TAIPAN: &str = env!("CARGO_BIN_EXE_taipan");

/// Where the Python programs of the benchmarks are.
const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/figures");

/// Where the sample workers are.
const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples");

/// Measures one thing.
type Benchmark = fn() -> Result<Vec<Table>>;

/// What can be measured, by name.
const BENCHMARKS: [(&str, Benchmark); 6] = [
    ("cpu", cpu::measure),
    ("boot", boot::measure),
    ("cold", isolates::cold),
    ("density", isolates::density),
    ("http", http::measure),
    ("packages", packages::measure),
];

fn main() -> Result<()> {
    // `cargo bench` adds `--bench`.
    let arguments: Vec<_> =
        std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let json = arguments.iter().any(|argument| argument == "--json");
    let wanted: Vec<_> = arguments.iter().filter(|argument| *argument != "--json").collect();
    if let Some(unknown) =
        wanted.iter().find(|name| !BENCHMARKS.iter().any(|(known, _)| known == **name))
    {
        bail!(
            "no benchmark is called {unknown}; there are cpu, boot, cold, density, http and packages"
        );
    }
    for (name, measure) in BENCHMARKS {
        if wanted.is_empty() || wanted.iter().any(|wanted| *wanted == name) {
            for table in measure()? {
                println!("{}", if json { table.json() } else { table.text() });
            }
        }
    }
    Ok(())
}
